"""Hyperband on one number that is made of several objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.checks import one_of
from agcore.objectives import SCALARIZATION, Objectives
from agcore.policy import HyperbandPolicy
from agcore.scheduler.budgets import planned_max_t, with_max_t
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.feed import RUNG_DATA
from agcore.scheduler.full_resource import full_resource
from agcore.scheduler.hyperband import BRACKET_SEED
from agcore.scheduler.options import RunOptions
from agcore.scheduler.scalarization import Scalarization
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback


class MOHyperbandScheduler(TrialScheduler):
    """Tunes several objectives by way of one: a scalarisation, which is maximised.

    The reward is computed from the objectives of each report and stands in it as
    ``_SCALARIZATION``; rungs, searcher and ``get_best_config`` work on it. Each objective is first
    scaled to [0, 1] by the smallest and the largest value seen so far, so that units do not matter
    (AutoGluon 0.2 weighed the values as they are). So the numbers of the first few reports are on
    a narrower scale than later ones; `best` compares all on the scale of the whole run. Weights
    are drawn once for the run, so that trials are compared by the same function.
    `get_pareto_front` finds the trade-offs.

    Schmucker et al. (2020), Multi-Objective Multi-Fidelity Hyperparameter Optimization with
    Application to Fairness, meta-learn.github.io/2020/papers/24_paper.pdf; Knowles (2006), ParEGO,
    doi 10.1109/TEVC.2005.851274.

    The arguments below come on top of those of `HyperbandScheduler`, without ``reward_attr`` and
    ``mode``.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports ``time_attr`` from 1 on, and
            all objectives.
        objectives: Keys in reports, each with ``'MAX'`` or ``'MIN'``.
        scalarization_options: ``algorithm``: ``'random_weights'``, the largest of the weighted sums
            by ``num_weights`` (100) weight vectors drawn from the simplex, or ``'parego'``, the
            largest of as many augmented Tchebycheff values, ``rho`` (0.05) being the weight of
            their sum; or ``'mean'`` of the objectives.
        max_reward: Must be None: there is no fixed scale that it could be on.

    Raises:
        SpecError: An argument breaks its rule, or there is no ``max_t``.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        objectives: Mapping[str, str],
        scalarization_options: Mapping[str, Any] | None = None,
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
        time_attr: str = "epoch",
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
        policy = HyperbandPolicy(
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
            reward_attr=SCALARIZATION,
            time_attr=time_attr,
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
            objectives=Objectives.parse(objectives),
            scalarization=Scalarization.parse(scalarization_options),
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
                "delay_promotion": delay_promotion,
            },
        )
        self.max_t = policy.max_resource
