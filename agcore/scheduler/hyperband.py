"""Asynchronous successive halving and Hyperband, stopping or promotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.checks import one_of
from agcore.objectives import Objectives
from agcore.policy import HyperbandPolicy
from agcore.policy.moasha import MOASHAPolicy
from agcore.scheduler.budgets import planned_max_t, with_max_t
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.feed import RUNG_DATA
from agcore.scheduler.full_resource import full_resource
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback

BRACKET_SEED = 31415927


class HyperbandScheduler(TrialScheduler):
    """Gives many configs a little resource and the good ones more.

    Li et al. (2018), A System for Massively Parallel Hyperparameter Tuning (ASHA),
    arXiv 1810.05934; Li et al. (2017), Hyperband, arXiv 1603.06560.

    With several objectives (``reward_attr`` is a list) rungs rank trials by non-dominated fronts,
    and within a front so that those that go on are spread over it: Schmucker et al. (2021),
    Multi-objective Asynchronous Successive Halving, arXiv 2106.12639.

    The arguments below come on top of those of `FIFOScheduler`.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports ``time_attr`` from 1 on.
        max_t: Full resource of a trial; by default ``train_fn.args.epochs``, else
            ``train_fn.args.max_t`` (for a searched one, its largest value). With a
            ``time_budget`` that knows its ``seconds_per_epoch``, the highest rung of these that
            the budget has room for.
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
        delay_promotion: With ``type='promotion'``: whether one more trial goes on only if those
            at its rung are ``reduction_factor`` times as many as have gone on, that one included
            (D-ASHA of Hyper-Tune, arXiv 2201.06834). Fewer mediocre trials are promoted early.
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
        delay_promotion: bool = False,
        random_seed: int = BRACKET_SEED,
        args: Any = None,
        resource: Mapping[str, Any] | None = None,
        searcher: Any = "random",
        search_options: Mapping[str, Any] | None = None,
        num_trials: int | None = None,
        time_out: float | None = None,
        time_budget: Any = None,
        max_reward: float | None = None,
        reward_attr: str | Sequence[str] = "accuracy",
        time_attr: str = "epoch",
        mode: str | Sequence[str] | Mapping[str, str] = "max",
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
        time_budget = with_max_t(time_budget, max_t)
        max_t = planned_max_t(
            time_budget,
            function,
            args,
            max_t,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
            rung_levels=rung_levels,
            workers=num_workers or int(getattr(executor, "slots", 1)),
        )
        objectives = Objectives.of(reward_attr, mode)
        make_policy = HyperbandPolicy if objectives is None else MOASHAPolicy
        policy = make_policy(
            full_resource(function, args, max_t),
            type=type,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
            rung_levels=rung_levels,
            brackets=brackets,
            rung_system_per_bracket=rung_system_per_bracket,
            delay_promotion=delay_promotion,
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
            time_budget=time_budget,
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
            objectives=objectives,
        )
        super().__init__(
            function,
            policy,
            options,
            searcher_data=searcher_data,
            policy_settings={
                "type": type,
                "max_t": policy.max_resource,
                "rung_levels": list(policy.rung_levels),
                "reduction_factor": None if rung_levels else reduction_factor,
                "brackets": brackets,
                "rung_system_per_bracket": rung_system_per_bracket,
                "random_seed": random_seed,
                # Only where it is not the default: descriptions of older runs do not have it.
                **({"delay_promotion": True} if delay_promotion else {}),
            },
        )
        self.max_t = policy.max_resource
