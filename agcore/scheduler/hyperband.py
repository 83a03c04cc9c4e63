"""Asynchronous successive halving and Hyperband, stopping or promotion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.policy import HyperbandPolicy
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.options import RunOptions
from agcore.space import Categorical, Int, Ordinal, Real
from agcore.train_fn import TrainFunction, as_train_function

if TYPE_CHECKING:
    import os

    from agcore.callbacks import Callback

logger = logging.getLogger(__name__)

BRACKET_SEED = 31415927


class HyperbandScheduler(TrialScheduler):
    """Gives many configs a little resource and the good ones more.

    Li et al. (2018), A System for Massively Parallel Hyperparameter Tuning (ASHA),
    arXiv 1810.05934; Li et al. (2017), Hyperband, arXiv 1603.06560.

    The arguments below come on top of those of `FIFOScheduler`.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports ``time_attr`` from 1 on.
        max_t: Full resource of a trial; by default ``train_fn.args.epochs``, else
            ``train_fn.args.max_t`` (for a searched one, its largest value).
        grace_period: Resource of the first rung.
        reduction_factor: Factor between rungs; one in that many goes on at each.
        rung_levels: Explicit rungs, increasing; one in r_(j+1) / r_j goes on. Replaces both of
            the above.
        brackets: Number of brackets, at most the number of rungs; bracket s leaves out the s
            lowest rungs.
        type: ``'stopping'`` compares a trial with those that were at its rung before and
            stops it or lets it run on; ``'promotion'`` pauses every trial at its rung and
            resumes the best of them (``args.scheduler.resume_from`` is where).
        searcher_data: The searcher learns from reports at ``'rungs'``, from ``'all'``, or from
            ``'rungs_and_last'``.
        rung_system_per_bracket: Whether each bracket has rungs of its own.
        random_seed: Fixes the choice of brackets.

    Raises:
        SpecError: An argument breaks its rule, or there is no ``max_t``.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        max_t: int | None = None,
        grace_period: int = 1,
        reduction_factor: float = 3,
        rung_levels: Sequence[int] | None = None,
        brackets: int = 1,
        type: str = "stopping",
        searcher_data: str = "rungs",
        rung_system_per_bracket: bool = True,
        random_seed: int = BRACKET_SEED,
        args: Any = None,
        resource: Mapping[str, Any] | None = None,
        searcher: Any = "random",
        search_options: Mapping[str, Any] | None = None,
        num_trials: int | None = None,
        time_out: float | None = None,
        max_reward: float | None = None,
        reward_attr: str = "accuracy",
        time_attr: str = "epoch",
        mode: str = "max",
        trial_value: str = "best",
        max_failures: int | str | None = "auto",
        max_retries: int = 0,
        trial_time_out: float | None = None,
        stop_jobs_after_time_out: bool = True,
        delay_get_config: bool = True,
        training_history_callback: Callable[..., Any] | None = None,
        training_history_callback_delta_secs: int = 60,
        training_history_searcher_info: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str = False,
        max_checkpoint_gb: float | None = None,
        executor: Any = "local",
        num_workers: int | None = None,
        isolation: str = "auto",
        deterministic: bool = False,
        logical_workers: int | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> None:
        function = as_train_function(train_fn)
        policy = HyperbandPolicy(
            _full_resource(function, args, max_t),
            type=type,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
            rung_levels=rung_levels,
            brackets=brackets,
            rung_system_per_bracket=rung_system_per_bracket,
            seed=random_seed,
            time_attr=time_attr,
        )
        options = RunOptions(
            args=args,
            resource=resource,
            searcher=searcher,
            search_options=search_options,
            num_trials=num_trials,
            time_out=time_out,
            max_reward=max_reward,
            reward_attr=reward_attr,
            time_attr=time_attr,
            mode=mode,
            trial_value=trial_value,
            max_failures=max_failures,
            max_retries=max_retries,
            trial_time_out=trial_time_out,
            stop_jobs_after_time_out=stop_jobs_after_time_out,
            delay_get_config=delay_get_config,
            training_history_callback=training_history_callback,
            training_history_callback_delta_secs=training_history_callback_delta_secs,
            training_history_searcher_info=training_history_searcher_info,
            checkpoint=checkpoint,
            resume=resume,
            max_checkpoint_gb=max_checkpoint_gb,
            executor=executor,
            num_workers=num_workers,
            isolation=isolation,
            deterministic=deterministic,
            logical_workers=logical_workers,
            callbacks=callbacks,
            progress=progress,
        )
        super().__init__(
            function,
            policy,
            options,
            searcher_data=_checked(searcher_data),
            policy_settings={
                "type": type,
                "max_t": policy.max_resource,
                "rung_levels": list(policy.rung_levels),
                "reduction_factor": None if rung_levels else reduction_factor,
                "brackets": brackets,
                "rung_system_per_bracket": rung_system_per_bracket,
                "random_seed": random_seed,
            },
        )
        self.max_t = policy.max_resource


def _checked(searcher_data: str) -> str:
    if searcher_data not in ("rungs", "all", "rungs_and_last"):
        raise SpecError(
            f"searcher_data={searcher_data!r} must be 'rungs', 'all' or 'rungs_and_last'"
        )
    return searcher_data


def _full_resource(function: TrainFunction, args: Any, max_t: int | None) -> int:
    """``max_t`` as given, else as the function's arguments say.

    Raises:
        SpecError: Neither says it, or what is said is no positive whole number.
    """
    if max_t is not None:
        max_t = whole_number("max_t", max_t)
    names = [name for name in ("epochs", "max_t") if _declared(function, args, name) is not None]
    if not names:
        if max_t is None:
            raise SpecError(
                "max_t is unknown: the train function has neither args.epochs nor args.max_t; "
                "write @ag.args(..., epochs=9), or pass max_t="
            )
        return max_t
    if max_t is None:
        return whole_number(f"args.{names[0]}", _declared(function, args, names[0]))
    declared = _declared(function, args, names[0])
    if declared != max_t:
        logger.warning(
            "max_t=%r differs from args.%s=%r of the train function; max_t is used",
            max_t,
            names[0],
            declared,
        )
    return max_t


def _declared(function: TrainFunction, args: Any, name: str) -> Any:
    """The largest value that argument ``name`` can take, or None if there is no such argument."""
    if args is not None:
        given = args if isinstance(args, Mapping) else getattr(args, "__dict__", {})
        return given.get(name)
    space = function.kwvars.get(name)
    if isinstance(space, (Int, Real)):
        return space.upper
    if isinstance(space, (Categorical, Ordinal)):
        numbers = [v for v in space if isinstance(v, int) and not isinstance(v, bool)]
        return max(numbers, default=None)
    return function.args.get(name)
