"""Bayesian optimisation of one value a trial: ``searcher='bayesopt'`` under FIFO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore import gp
from agcore.searcher.base import DEFAULT_SEED, check_no_rungs
from agcore.searcher.model_based import ModelBasedSearcher, View
from agcore.searcher.model_options import MapReward, ModelOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import SuggestRequest
    from agcore.searcher.model_data import ModelData
    from agcore.searcher.surrogate import Surrogate
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]

_NUM_INIT_RANDOM = {"default": 5, "classic": 3}


class GPFIFOSearcher(ModelBasedSearcher):
    """A Gaussian process over configs; proposals maximise an acquisition over it.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        resource_attribute: Key of the resource there; not used by the model.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config before random ones.
        candidates: Propose these configs only; each proposal scores all that remain.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run to learn from.
        profile: ``'default'``, or ``'classic'`` for the algorithm and defaults of AutoGluon.
        num_init_random: Random configs before the model is asked; 5 by default (classic: 3).
        num_init_candidates: Random candidates for each proposal; 250 by default.
        num_fantasy_samples: Joint draws at pending configs; 20 by default.
        initial_scoring: What orders candidates: ``'acq_func'`` or ``'thompson_indep'``.
        opt_nstarts: Starting points of a fit.
        opt_maxiter: Iterations of a fit from each.
        opt_warmstart: Whether a fit begins where the last one ended.
        opt_verbose: Whether to log each fit.
        opt_skip_init_length: With fewer observations every proposal refits.
        opt_skip_period: Later only every so many proposals refit; by default one does whenever a
            twentieth has been added to the observations.
        map_reward: How rewards become a criterion: ``'1_minus_x'``, ``'minus_x'`` or a
            `MapReward`.
        approximation: ``'none'`` fits to all observations, however many.
        acceptable_regret: If given, no more configs are proposed after three in a row from which
            the model expects a smaller gain over the best reward than this; off by default.
        acquisition: ``'ei'``, the expected improvement, or ``'ucb'``, an upper confidence bound:
            the expected reward and ``kappa`` standard deviations.
        kappa: How many; 2.576 by default. The larger, the more is explored.
        kappa_decay: Factor of ``kappa`` for each observation after the first
            ``kappa_decay_delay`` ones; 1 by default.
        kappa_decay_delay: Observations before ``kappa`` begins to shrink; 0 by default.

    Raises:
        SpecError: An option breaks its rule.

    Sources: Snoek et al. (2012), "Practical Bayesian Optimization of Machine Learning Algorithms";
    Srinivas et al. (2010), "Gaussian Process Optimization in the Bandit Setting".
    """

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        resource_attribute: str | None = None,
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
        profile: str = "default",
        num_init_random: int | None = None,
        num_init_candidates: int | None = None,
        num_fantasy_samples: int | None = None,
        initial_scoring: str | None = None,
        opt_nstarts: int | None = None,
        opt_maxiter: int | None = None,
        opt_warmstart: bool | None = None,
        opt_verbose: bool = False,
        opt_skip_init_length: int = 150,
        opt_skip_period: int | None = None,
        map_reward: str | MapReward = "1_minus_x",
        approximation: str = "auto",
        acceptable_regret: float | None = None,
        acquisition: str = "ei",
        kappa: float | None = None,
        kappa_decay: float | None = None,
        kappa_decay_delay: int | None = None,
    ) -> None:
        options = ModelOptions(
            profile=profile,
            num_init_random=num_init_random,
            num_init_candidates=num_init_candidates,
            num_fantasy_samples=num_fantasy_samples,
            initial_scoring=initial_scoring,
            opt_nstarts=opt_nstarts,
            opt_maxiter=opt_maxiter,
            opt_warmstart=opt_warmstart,
            opt_verbose=opt_verbose,
            opt_skip_init_length=opt_skip_init_length,
            opt_skip_period=opt_skip_period,
            map_reward=map_reward,
            approximation=approximation,
            acceptable_regret=acceptable_regret,
            acquisition=acquisition,
            kappa=kappa,
            kappa_decay=kappa_decay,
            kappa_decay_delay=kappa_decay_delay,
        )
        super().__init__(
            configspace,
            reward_attribute,
            options,
            num_init_random=options.first_random(_NUM_INIT_RANDOM),
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )

    def check_rungs(self, max_resource: int | None) -> None:
        """It serves schedulers without rungs."""
        check_no_rungs(type(self).__name__, max_resource)

    def _make_surrogate(self) -> Surrogate:
        return self._matern52_on(self._data)

    def _matern52_on(self, data: ModelData, *, is_criterion: bool = True) -> Surrogate:
        num_columns = self.encoding.num_columns
        return self._surrogate_on(
            data, lambda _: self._profile.matern52_model(num_columns), is_criterion=is_criterion
        )

    def _row(self, config: Config, resource: int | None) -> Array:
        return self.encoding.encode(config)

    def _resource(self, resource: int | None) -> int | None:
        return None  # one value a trial, wherever it was reported

    def _view(self, request: SuggestRequest, rng: np.random.Generator) -> View:
        fitted = self._surrogate.condition(rng, refit=self._needs_fit())
        posterior = self._fantasised(fitted.posterior, self._pending_rows(request.pending), rng)
        means = posterior.training_means()
        incumbent = means.min(axis=0)
        why = self._why(fitted, incumbent)
        acquisition: gp.Acquisition
        if self.options.is_bound:
            why["kappa"] = kappa = self.options.kappa_after(len(self._data))
            acquisition = gp.UpperConfidenceBound(posterior, kappa)
        else:
            acquisition = self._improvement(fitted, posterior, incumbent)
        return View(
            acquisition,
            posterior,
            fitted.standardisation,
            self._incumbent_rows(means.mean(axis=1), posterior.X),
            why,
            rows=fitted.rows,
        )
