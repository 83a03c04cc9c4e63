"""The scheduler behind an `AskTell`: the one of that name, without anybody to run trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.ask_tell.elsewhere import Elsewhere
from agcore.errors import SpecError
from agcore.space import SearchSpace
from agcore.train_fn import TrainFunction, as_train_function
from agcore.tuning import arguments_of, make_scheduler

if TYPE_CHECKING:
    from agcore.policy import Policy
    from agcore.scheduler.facade import TrialScheduler

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
    takes_seed = False
    if isinstance(scheduler, str):
        scheduler = SHORT_NAMES.get(scheduler, scheduler)
        takes_seed = "random_seed" in arguments_of(scheduler)
    _put_seed(arguments, takes_seed=takes_seed)
    return make_scheduler(function, scheduler, **arguments)


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
