"""Bayesian optimisation under a constraint that is only seen by evaluating."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore import gp
from agcore.errors import SpecError
from agcore.searcher.base import DEFAULT_SEED
from agcore.searcher.gp_fifo import GPFIFOSearcher
from agcore.searcher.model_based import View, asked_model
from agcore.searcher.model_data import Case, ModelData
from agcore.space.base import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import Observation, Suggestion, SuggestRequest
    from agcore.searcher.model_options import MapReward
    from agcore.searcher.surrogate import Surrogate
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]


_ROUNDING = 1e-6


class ConstrainedGPFIFOSearcher(GPFIFOSearcher):
    """Expected improvement times probability of feasibility, by two independent surrogates.

    A config is feasible if its trial reports a value of at most 0 under ``constraint_attr``. As
    long as no observed config is expected to be feasible, feasibility alone is maximised.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        constraint_attr: Key of the constraint in the results; feasible if at most 0.
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

    Raises:
        SpecError: An option breaks its rule, or a report lacks the constraint.

    Source: Gardner et al. (2014), "Bayesian Optimization with Inequality Constraints".
    """

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        constraint_attr: str | None = None,
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
    ) -> None:
        if not isinstance(constraint_attr, str) or not constraint_attr:
            raise SpecError(
                f"constraint_attr={constraint_attr!r} must be the name of a reported metric, at "
                "most 0 where the constraint holds"
            )
        self._constraint_attr = constraint_attr
        super().__init__(
            configspace,
            reward_attribute,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
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
        )

    def _make_surrogate(self) -> Surrogate:
        self._constraints = ModelData(self.encoding.num_columns)
        self._observed: dict[Case, float] = {}
        self._feasibility = self._matern52_on(self._constraints, is_criterion=False)
        return super()._make_surrogate()

    def observe(self, observation: Observation) -> None:
        """Learn a value and its constraint; without a finite one the config is infeasible."""
        value = math.nan
        if not math.isnan(observation.reward):
            value = self._constraint_in(observation.metrics)
        if not math.isfinite(value):
            super().observe(replace(observation, reward=math.nan))
            self._constraints.drop_provisional(observation.trial_id)
            return
        before = len(self._data), self._data.num_removals
        super().observe(observation)
        if (len(self._data), self._data.num_removals) != before:
            case = self._case(observation)
            row = self._row(observation.config, None)
            self._constraints.add(case, row, value, provisional=observation.provisional)
            self._observed[case] = value

    def _constraint_in(self, metrics: Mapping[str, Any]) -> float:
        value = plain(metrics.get(self._constraint_attr))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SpecError(
                f"the report has {self._constraint_attr}={value!r} (constraint_attr), which must "
                "be a number, feasible if at most 0; report it with every reward"
            )
        return float(value)

    def remove_case(self, config: Mapping[str, Any], **result: Any) -> None:
        """Take a result and its constraint back."""
        complete = self.configspace.complete(config)
        self._constraints.remove(Case(-1, self._key(complete), None))
        super().remove_case(config, **result)

    def _fits(self) -> dict[str, Any]:
        told = self._feasibility.told
        return {**super()._fits(), **({"constraint_fit": told} if told else {})}

    def _hyperparameters(self) -> dict[str, dict[str, float]]:
        return {**super()._hyperparameters(), "constraint_fit": self._feasibility.parameters()}

    def recall(self, suggestion: Suggestion) -> None:
        """Take the hyperparameters of both surrogates from the record."""
        super().recall(suggestion)
        if asked_model(suggestion):
            self._feasibility.recall(suggestion.why.get("constraint_fit", {}))

    def _view(self, request: SuggestRequest, rng: np.random.Generator) -> View:
        refits = self._needs_fit()
        fitted = self._surrogate.condition(rng, refit=refits)
        constrained = self._feasibility.condition(rng, refit=refits)
        rows = self._pending_rows(request.pending)
        objective = self._fantasised(fitted.posterior, rows, rng)
        constraint = self._fantasised(constrained.posterior, rows, rng)
        is_log = self._profile.is_log_improvement
        threshold = float(constrained.standardisation.apply(np.zeros(1))[0])
        feasibility = gp.ProbabilityOfFeasibility(constraint, threshold, is_log=is_log)
        means = objective.training_means()
        is_feasible = self._is_feasible(objective, constraint, threshold)
        improvement, incumbent = None, None
        if is_feasible.any():
            incumbent = means[is_feasible].min(axis=0)
            improvement = self._improvement(fitted, objective, incumbent)
        why = self._why(fitted, incumbent)
        if constrained.fit:
            why["constraint_fit"] = constrained.fit
        why["feasible"] = int(is_feasible.sum())
        order = np.where(is_feasible, means.mean(axis=1), np.inf)
        return View(
            gp.ConstrainedImprovement(improvement, feasibility, is_log=is_log),
            objective,
            fitted.standardisation,
            self._incumbent_rows(order, objective.X),
            why,
            may_draw=False,
            rows=fitted.rows,
        )

    def _is_feasible(
        self, objective: gp.Posterior, constraint: gp.Posterior, threshold: float
    ) -> NDArray[np.bool_]:
        """Which rows of the objective keep the constraint, shape (n,).

        As it was observed; in the classic profile, and for pending rows, as it is expected.
        """
        means = constraint.predict(objective.X)[0].mean(axis=1)
        expected: NDArray[np.bool_] = means <= threshold + _ROUNDING
        if not self.options.is_classic:
            for i, case in enumerate(self._data.cases):
                expected[i] = self._observed.get(case, 1.0) <= 0.0
        return expected
