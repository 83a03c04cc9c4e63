"""The scheduler behind an `AskTell`: the one of that name, without anybody to run trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.ask_tell.elsewhere import Elsewhere
from agcore.checks import one_of
from agcore.errors import SpecError, did_you_mean
from agcore.objectives import Objectives
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.feed import RUNG_DATA
from agcore.scheduler.options import RunOptions
from agcore.space import SearchSpace
from agcore.train_fn import TrainFunction, as_train_function
from agcore.tuning import arguments_of, make_scheduler

if TYPE_CHECKING:
    from agcore.policy import Policy

SHORT_NAMES = {
    "local": "fifo",
    "hyperband_stopping": "hbs",
    "hyperband_promotion": "hbp",
    "median_stopping": "median",
    "synchronous_hyperband": "sync",
    "population_based_training": "pbt",
}
"""Names as `agcore.scheduler.scheduler_factory` knows them, where those of ``ag.tune`` differ."""

_OF_RUNNING_TRIALS = frozenset(
    {
        "args",
        "callbacks",
        "delay_get_config",
        "deterministic",
        "executor",
        "isolation",
        "logical_workers",
        "max_checkpoint_gb",
        "num_workers",
        "predict_duration",
        "progress",
        "resource",
        "stop_jobs_after_time_out",
        "time_budget",
        "time_out",
        "training_history_callback",
        "training_history_callback_delta_secs",
        "training_history_searcher_info",
        "trial_time_out",
    }
)
"""Arguments of schedulers that say how trials are run, or watched by who runs them."""

_OF_ANY_POLICY = frozenset(
    {
        "checkpoint",
        "executor",
        "max_failures",
        "max_retries",
        "max_reward",
        "mode",
        "num_trials",
        "resume",
        "reward_attr",
        "search_options",
        "searcher",
        "searcher_data",
        "time_attr",
        "trial_value",
    }
)
"""Arguments that may stand beside a policy."""


def make(space: Any, scheduler: str | Policy, **arguments: Any) -> TrialScheduler:
    """A scheduler whose trials run elsewhere.

    Args:
        space: A train function, a `SearchSpace`, or a dict of spaces and constants.
        scheduler: A name as ``ag.tune`` or ``scheduler_factory`` knows it, or a policy.
        arguments: Those of the scheduler; for a policy those that all schedulers share, and
            ``searcher_data``.

    Raises:
        SpecError: An argument breaks its rule or has no meaning here.
    """
    for name in arguments:
        if name in _OF_RUNNING_TRIALS:
            raise SpecError(
                f"{name}= has no meaning for an AskTell, whose trials run where ask() is called; "
                "leave it out"
            )
    function = train_function(space)
    arguments["executor"] = Elsewhere()
    if not isinstance(scheduler, str):
        return _with_policy(function, scheduler, arguments)
    name = SHORT_NAMES.get(scheduler, scheduler)
    _put_seed(arguments, takes_seed="random_seed" in arguments_of(name))
    return make_scheduler(function, name, **arguments)


def train_function(space: Any) -> TrainFunction:
    """A train function with a search space, that of the user or one that is never called.

    Raises:
        SpecError: There is nothing to search.
    """
    if isinstance(space, TrainFunction):
        return space
    if isinstance(space, SearchSpace):
        space = space.spaces
    if not isinstance(space, Mapping):
        raise SpecError(
            f"space={space!r} must be a dict of spaces, as {{'lr': ag.Real(1e-4, 1, log=True)}}, a "
            "SearchSpace, or a function decorated with @ag.args"
        )
    function = as_train_function(_run_elsewhere, space)
    if not function.cs.names:
        raise SpecError(
            f"space={dict(space)!r} has nothing to search: its values are constants; write "
            "spaces, as ag.Real(0, 1)"
        )
    return function


def _run_elsewhere(args: Any, reporter: Any) -> None:
    """Stands for the user's own program."""


def _put_seed(arguments: dict[str, Any], *, takes_seed: bool) -> None:
    """Give ``random_seed`` to the searcher, and to the scheduler if it draws brackets."""
    seed = arguments.pop("random_seed", None)
    if seed is None:
        return
    options = dict(arguments.get("search_options") or {})
    if options.setdefault("random_seed", seed) != seed:
        raise SpecError(
            f"random_seed={seed!r}, but search_options has random_seed={options['random_seed']!r}; "
            "leave out one of the two"
        )
    arguments["search_options"] = options
    if takes_seed:
        arguments["random_seed"] = seed


def _with_policy(
    function: TrainFunction, policy: Policy, arguments: dict[str, Any]
) -> TrialScheduler:
    if not hasattr(policy, "on_report"):
        raise SpecError(
            f"scheduler={policy!r} must be a name, as 'fifo' or 'hbp', or an object with the "
            "methods of agcore.policy.Policy"
        )
    _put_seed(arguments, takes_seed=False)
    for name in arguments:
        if name not in _OF_ANY_POLICY:
            guess = did_you_mean(name, _OF_ANY_POLICY)
            raise SpecError(f"{name}= is no argument beside a policy{guess}; pass it to the policy")
    data = arguments.pop("searcher_data", "trial" if policy.max_resource is None else "rungs")
    one_of("searcher_data", data, ("trial", *RUNG_DATA))
    objectives = Objectives.of(arguments.get("reward_attr"), arguments.get("mode"))
    return TrialScheduler(
        function,
        policy,
        RunOptions(**arguments, objectives=objectives),
        searcher_data=data,
        policy_settings={"policy": type(policy).__name__},
    )
