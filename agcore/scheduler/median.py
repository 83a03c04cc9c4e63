"""Median stopping: a trial that is worse than half of the others ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.policy import MedianStoppingPolicy
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback


class MedianStoppingScheduler(TrialScheduler):
    """Stops a trial whose best reward is below the median of the others' mean rewards so far.

    Golovin et al. (2017), Google Vizier: A Service for Black-Box Optimization, section 3.2.2.
    The rule needs neither rungs nor the full resource of a trial: what is not stopped runs to its
    own end. Trials that do not report ``time_attr`` have their reports counted.

    The arguments below come on top of those of `FIFOScheduler`.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports more than once.
        grace_period: Smallest resource at which a trial may be stopped.
        min_samples: Number of other trials that must have reached a resource before a trial is
            stopped there.
        num_spared: How many of the first trials are never stopped; failed ones do not count.

    Raises:
        SpecError: An argument breaks its rule.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        grace_period: int = 1,
        min_samples: int = 5,
        num_spared: int = 0,
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
        policy = MedianStoppingPolicy(
            grace_period=grace_period,
            min_samples=min_samples,
            num_spared=num_spared,
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
        policy_settings = {"grace_period": grace_period, "min_samples": min_samples}
        if num_spared:  # runs recorded before there was such a setting lack it
            policy_settings["num_spared"] = num_spared
        super().__init__(
            as_train_function(train_fn), policy, options, policy_settings=policy_settings
        )
