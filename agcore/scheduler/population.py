"""Population-based training: bad trials become changed copies of good ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.policy import PopulationPolicy
from agcore.scheduler.exploring import Explorer
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.full_resource import full_resource
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback
    from agcore.jobs import Config

_INTERVALS = 10
"""Intervals in ``max_t``, if nothing else is said."""


class PopulationBasedTrainingScheduler(TrialScheduler):
    """Trains a population, whose bad members are replaced by changed copies of good ones.

    Jaderberg et al. (2017), Population Based Training of Neural Networks, arXiv 1711.09846, with
    truncation selection. A trial in the bottom quantile ends; a new one goes on from a copy of the
    latest checkpoint of a trial drawn from the top quantile, with its config perturbed. So the
    train function has to save its state in ``reporter.checkpoint_dir`` and to load it from
    ``reporter.latest_checkpoint``; without, copies begin anew. Failed trials are replaced too. With
    fewer slots than members these take turns, and pause at intervals. Trials are compared at equal
    resources; a bad one that is the first to come to an interval pauses until a better one has come
    there too, and for good if its place then goes to a copy.

    The run ends when the population has come to ``max_t``, without ``num_trials`` and ``time_out``
    if they are not given. ``num_trials`` counts copies too; once it is used up, places of bad
    members stay empty. The searcher proposes the first members; `enqueue` goes before it. What a
    trial was made of is told by `lineage`; the best trial's config alone is not all that its reward
    needs.

    The arguments below come on top of those of `FIFOScheduler`.

    Args:
        train_fn: A function decorated with ``@ag.args`` that reports ``time_attr`` from 1 on.
        max_t: Full resource of a trial; by default ``train_fn.args.epochs``, else
            ``train_fn.args.max_t`` (for a searched one, its largest value).
        population_size: Number of members, at least 2.
        perturbation_interval: Resource between two comparisons; by default a tenth of ``max_t``.
        quantile_fraction: Share of the population that is replaced, and share that is copied, at
            most 1/2.
        resample_probability: Chance of each parameter of a copy to be drawn anew. Else a number is
            multiplied by 0.8 or 1.2, an `Ordinal` goes to a neighbour, a `Categorical` to another
            option.
        explore: Makes the config of a copy instead: a function of the parent's config, and of a
            generator if it has a parameter ``rng``. What it returns is put back into the space. A
            change that breaks the searcher's ``constraint`` is made anew.
        populations: How many populations are trained, one after another; None: until a limit.

    Raises:
        SpecError: An argument breaks its rule, or there is no ``max_t``.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        max_t: int | None = None,
        population_size: int = 8,
        perturbation_interval: int | None = None,
        quantile_fraction: float = 0.2,
        resample_probability: float = 0.25,
        explore: Callable[..., Config] | None = None,
        populations: int | None = 1,
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
        full = full_resource(function, args, max_t)
        policy = PopulationPolicy(
            full,
            population_size=population_size,
            perturbation_interval=(
                max(full // _INTERVALS, 1)
                if perturbation_interval is None
                else perturbation_interval
            ),
            quantile_fraction=quantile_fraction,
            populations=populations,
            seed=options.random_seed,
            time_attr=time_attr,
        )
        super().__init__(
            function,
            policy,
            options,
            policy_settings={
                "max_t": full,
                "population_size": population_size,
                "perturbation_interval": policy.next_milestone(0),
                "quantile_fraction": quantile_fraction,
                "resample_probability": resample_probability,
                "explore": getattr(explore, "__qualname__", explore and repr(explore)),
                "populations": populations,
            },
            explorer=Explorer(
                function.cs,
                options.random_seed,
                resample_probability=resample_probability,
                explore=explore,
                constraint=options.constraint,
            ),
            ends_by_itself=populations is not None,
        )
        self.max_t = full
