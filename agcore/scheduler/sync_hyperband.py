"""Synchronous Hyperband: a rung waits for all of its trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.checks import one_of
from agcore.policy import SynchronousHyperbandPolicy
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.feed import RUNG_DATA
from agcore.scheduler.full_resource import full_resource
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback


class SynchronousHyperbandScheduler(TrialScheduler):
    """Runs brackets of successive halving, in which a rung waits for all of its trials.

    Li et al. (2018), Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization,
    arXiv 1603.06560, algorithm 1. Brackets follow one another until the run ends; a worker that
    would wait at a rung begins the next bracket. Trials are paused at each rung, and the best are
    resumed (``args.scheduler.resume_from`` is where). If ``num_trials`` is used up within a
    bracket, it goes on with the trials that it has. `HyperbandScheduler` does not wait, and is
    mostly faster; here promotions are always the best of a whole rung.

    The arguments below come on top of those of `FIFOScheduler`.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports ``time_attr`` from 1 on.
        max_t: Full resource of a trial; by default ``train_fn.args.epochs``, else
            ``train_fn.args.max_t`` (for a searched one, its largest value).
        grace_period: Smallest resource at which a rung may stand. Rungs are at ``max_t``,
            ``max_t / reduction_factor`` and so on down to it.
        reduction_factor: Factor between rungs; one in that many goes on at each.
        brackets: Number of brackets, from the one with the most rungs on; by default all, with 1
            only that (successive halving).
        searcher_data: The searcher learns from reports at ``'rungs'``, from ``'all'``, or from
            ``'rungs_and_last'``.

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
        brackets: int | None = None,
        searcher_data: str = "rungs",
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
        one_of("searcher_data", searcher_data, RUNG_DATA)
        function = as_train_function(train_fn)
        policy = SynchronousHyperbandPolicy(
            full_resource(function, args, max_t),
            grace_period=grace_period,
            reduction_factor=reduction_factor,
            brackets=brackets,
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
            searcher_data=searcher_data,
            policy_settings={
                "max_t": policy.max_resource,
                "rung_levels": list(policy.milestones),
                "reduction_factor": reduction_factor,
                "brackets": len(policy.bracket_rounds),
            },
        )
        self.max_t = policy.max_resource
