"""Hyper-Tune's searcher: a surrogate for each level of the resource, weighted by what it is worth.

The surrogate of a level is a Gaussian process of the values observed there. Each ranks the configs
that were observed at the highest level with enough values, that level's own by leaving out one at
a time; how often it ranks them best is its weight (ranking.py). What is maximised is the expected
improvement of the weighted sum of all. The weights also say in which bracket a new trial is worth
its resource: a scheduler asks `HyperTuneSearcher.bracket_weights` before it draws one. The other
part of Hyper-Tune, delayed promotion, is the policy's: ``delay_promotion`` of `HyperbandScheduler`.

Departures from the paper: weights are learnt as soon as two levels have enough values, and not
only when full-length ones are there; until then brackets are drawn as usual, and not in turn.
Pending configs are fantasised, and not given the median.

Source: Li et al. (2022), "Hyper-Tune: Towards Efficient Hyper-parameter Tuning at Scale",
https://arxiv.org/abs/2201.06834.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore import gp
from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.searcher.account import Account, named
from agcore.searcher.base import DEFAULT_SEED, check_has_rungs, check_max_epochs
from agcore.searcher.levels import (
    Level,
    Member,
    below_one_another,
    calibrated,
    learnt_weights,
)
from agcore.searcher.model_based import ModelBasedSearcher, View
from agcore.searcher.model_data import Case, ModelData
from agcore.searcher.model_options import MapReward, ModelOptions
from agcore.searcher.ranking import bracket_weights
from agcore.searcher.surrogate import Fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import Observation, Pending, SuggestRequest
    from agcore.searcher.candidates import Found
    from agcore.searcher.surrogate import Surrogate
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]

PURPOSE_RANKING = 5
"""Keeps the draws that are ranked apart from other random numbers with the same seed."""
_NUM_KNOWN = 64
"""Configs of each level among which the best one is sought, the best of that level."""
_NUM_INIT_RANDOM = {"default": 5, "classic": 10}


class HyperTuneSearcher(ModelBasedSearcher):
    """Gaussian processes of all rungs, each weighted by how well it ranks what got far.

    It goes with schedulers with rungs. Brackets of a `HyperbandScheduler` are drawn with the
    weights that it learns.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        max_epochs: Largest resource; a scheduler gives its ``max_t``.
        rung_levels: Resources with a surrogate, besides the largest; a scheduler gives its rungs.
            Values at others are not modelled. By default every resource with a value has one.
        resource_attribute: Key of the resource in the results.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config before random ones.
        candidates: Propose these configs only; each proposal scores all that remain.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run to learn from.
        min_points: Values that a level needs for its surrogate to count, at least 2. While no
            level has as many, that with the most counts.
        profile: ``'default'``, or ``'classic'`` for the priors and acquisition of AutoGluon.
        num_init_random: Random configs before the model is asked; 5 by default, 10 in the classic
            profile.
        num_init_candidates: Random candidates for each proposal; 250 by default.
        num_fantasy_samples: Joint draws at pending configs; 20 by default.
        initial_scoring: What orders candidates: ``'acq_func'`` or ``'thompson_indep'``.
        opt_nstarts: Starting points of a fit.
        opt_maxiter: Iterations of a fit from each.
        opt_warmstart: Whether a fit begins where the last one ended.
        opt_verbose: Whether to log each fit.
        opt_skip_init_length: A level with fewer values is refitted whenever it has a new one.
        opt_skip_period: Later only every so many proposals; by default one does whenever a
            twentieth has been added to the values.
        map_reward: How rewards become a criterion: ``'1_minus_x'``, ``'minus_x'`` or a
            `MapReward`.
        approximation: ``'none'`` fits to all values of a level, however many.
        acceptable_regret: If given, no more configs are proposed after three in a row from which
            the model expects a smaller gain than this at the largest resource; off by default.

    Raises:
        SpecError: An option breaks its rule.

    Source: Li et al. (2022), https://arxiv.org/abs/2201.06834.
    """

    _models_curves = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        max_epochs: int,
        rung_levels: Sequence[int] = (),
        resource_attribute: str | None = "epoch",
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
        min_points: int = 6,
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
        )
        self.max_epochs = whole_number("max_epochs", max_epochs)
        self.rung_levels = _checked_levels(rung_levels, self.max_epochs)
        self.min_points = whole_number("min_points", min_points, 2)
        self._weights: dict[int, float] = {}
        self._told: dict[str, Any] = {}
        self._members: list[Member] = []
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
        """It serves schedulers with rungs up to the resource it was made for."""
        check_has_rungs(type(self).__name__, max_resource)
        check_max_epochs(type(self).__name__, self.max_epochs, max_resource)

    # -- levels ----------------------------------------------------------------------------

    def _make_surrogate(self) -> Surrogate:
        """That of the largest resource; each level has one."""
        self._levels: dict[int, Level] = {}
        return self._level(self.max_epochs).surrogate

    def _level(self, resource: int) -> Level:
        if resource not in self._levels:
            num_columns = self.encoding.num_columns
            data = ModelData(num_columns)
            surrogate = self._surrogate_on(
                data, lambda _: self._profile.matern52_model(max(num_columns, 1))
            )
            self._levels[resource] = Level(resource, data, surrogate)
        return self._levels[resource]

    def _levels_in_use(self) -> list[Level]:
        """Those with enough values, the lowest first; else the one with the most."""
        levels = [self._levels[resource] for resource in sorted(self._levels)]
        enough = [level for level in levels if len(level.data) >= self.min_points]
        return enough or [max(levels, key=lambda level: len(level.data))]

    def target_resource(self) -> int:
        """The highest level with enough values, which the others are measured by."""
        return self._levels_in_use()[-1].resource

    def bracket_weights(self, first_milestones: Sequence[int]) -> list[float]:
        """How much a new trial is worth in each of the first brackets; none if it is not known.

        Learnt at the last proposal by the model.

        Args:
            first_milestones: For each bracket the resource of its trials' first decision.
        """
        return bracket_weights(self._weights, first_milestones)

    # -- learning --------------------------------------------------------------------------

    def _row(self, config: Config, resource: int | None) -> Array:
        return self.encoding.encode(config)

    def _resource(self, resource: int | None) -> int:
        return self.max_epochs if resource is None else min(resource, self.max_epochs)

    def _models_at(self, resource: int | None) -> bool:
        return not self.rung_levels or self._resource(resource) in self.rung_levels

    def observe(self, observation: Observation) -> None:
        """Learn a value at its level; see `ModelBasedSearcher.observe`."""
        data = self._data
        before = len(data) + data.num_removals  # how many rows were ever added
        super().observe(observation)
        for level in self._levels.values():
            level.data.drop_provisional(observation.trial_id)
        if len(data) + data.num_removals > before:
            case, row, criterion = data.cases[-1], data.X[-1], float(data.y[-1])
            level = self._level(self._resource(case.resource))
            level.data.add(case, row, criterion, provisional=observation.provisional)

    def remove_case(self, config: Mapping[str, Any], **result: Any) -> None:
        """Take a result back that `update` was given."""
        super().remove_case(config, **result)
        key = self._key(self.configspace.complete(config))
        resource = self._resource(self._resource_in(result))
        self._level(resource).data.remove(Case(-1, key, resource))

    def _recall_model(self, why: Mapping[str, Any]) -> None:
        fits = why.get("fit", {}).get("levels", {})
        for level in self._levels_in_use():
            level.surrogate.recall(fits.get(str(level.resource), {}))
        self._weights = {int(r): weight for r, weight in why.get("level_weights", {}).items()}

    # -- what is maximised -----------------------------------------------------------------

    def _view(self, request: SuggestRequest, rng: np.random.Generator) -> View:
        members = self._conditioned(rng)
        target = members[-1]
        ranking = np.random.default_rng([self.random_seed, PURPOSE_RANKING, request.draw])
        weights = learnt_weights([member.posterior for member in members], ranking)
        self._weights = {m.level.resource: w for m, w in zip(members, weights, strict=True)}
        members = [
            self._with_pending(member, request.pending, rng) if weight > 0.0 else member
            for member, weight in zip(members, weights, strict=True)
        ]
        self._members = [m for m, weight in zip(members, weights, strict=True) if weight > 0.0]
        ensemble = gp.WeightedEnsemble([m.posterior for m in members], weights)
        known, means = self._best_known(ensemble)
        incumbent = means.min(axis=0)
        standardisation = calibrated(ensemble, target)
        rows = np.arange(len(target.level.data))
        fitted = Fitted(target.posterior, standardisation, self._told, rows)
        return View(
            self._improvement(fitted, ensemble, incumbent),
            ensemble,
            standardisation,
            self._incumbent_rows(means.mean(axis=1), known),
            {
                **self._why(fitted, incumbent),
                "resource": target.level.resource,
                "level_weights": self._weights_by_name(),
            },
        )

    def _conditioned(self, rng: np.random.Generator) -> list[Member]:
        """The levels in use given their data, the lowest first.

        Raises:
            NotPositiveDefiniteError: None of them can be modelled.
        """
        members, fits = [], {}
        errors: list[gp.NotPositiveDefiniteError] = []
        self._told = {}
        for level in self._levels_in_use():
            surrogate = level.surrogate
            try:
                fitted = surrogate.condition(rng, refit=self._is_fit_due(surrogate, level.data))
                members.append(Member(level, fitted.posterior, fitted.standardisation))
            except gp.NotPositiveDefiniteError as error:  # the others may do without it
                errors.append(error)
            if surrogate.told:
                fits[str(level.resource)] = surrogate.told
        if fits:
            self._told = {
                "rows": sum(fit["rows"] for fit in fits.values()),
                "evaluations": sum(fit["evaluations"] for fit in fits.values()),
                "levels": fits,
            }
        if not members:
            raise errors[-1]
        return members

    def _with_pending(
        self, member: Member, pending: Sequence[Pending], rng: np.random.Generator
    ) -> Member:
        """A member with draws at the pending configs that its level has no value of.

        Whatever the next milestone of a trial: one that goes on would else look new to a level
        that it has yet to reach, or has skipped.
        """
        known = {case.key for case in member.level.data.cases}
        due = {self._key(p.config): p for p in pending}
        due = {key: p for key, p in due.items() if key not in known}
        rows = np.array([self._row(p.config, None) for p in due.values()])
        rows = rows.reshape(len(due), self._data.X.shape[1])
        posterior = self._fantasised(member.posterior, rows, rng)
        trials = tuple(p.trial_id for p in due.values())
        return replace(member, posterior=posterior, pending=trials)

    def _best_known(self, ensemble: gp.WeightedEnsemble) -> tuple[Array, Array]:
        """The best rows of each member, pending ones included, and their means in the ensemble.

        Returns:
            Distinct rows, shape (k, d), and means, shape (k, m).
        """
        best = []
        for member in self._members:
            means = member.posterior.training_means().mean(axis=1)
            best.append(member.posterior.X[np.argsort(means, kind="stable")[:_NUM_KNOWN]])
        rows = np.unique(np.concatenate(best), axis=0)
        return rows, ensemble.predict(rows)[0]

    def _is_final(self, why: Mapping[str, Any]) -> bool:
        return bool(why["resource"] == self.max_epochs)

    # -- what is said of it ----------------------------------------------------------------

    def _weights_by_name(self) -> dict[str, float]:
        """The weights as JSON has them."""
        return {str(resource): weight for resource, weight in self._weights.items()}

    def _fits(self) -> dict[str, Any]:
        weights = {"level_weights": self._weights_by_name()} if self._weights else {}
        return {**({"fit": self._told} if self._told else {}), **weights}

    def model_parameters(self) -> dict[str, float]:
        """Hyperparameters of the levels, as ``r9_noise_variance``; empty before the first fit."""
        return {
            f"r{resource}_{name}": value
            for resource, level in sorted(self._levels.items())
            for name, value in level.surrogate.parameters().items()
        }

    def _hyperparameters(self) -> dict[str, dict[str, float]]:
        return {"fit": self.model_parameters()}

    def _account(
        self, request: SuggestRequest, view: View, found: Found, why: Mapping[str, Any]
    ) -> Account:
        members, columns = self._members, view.posterior.Y.shape[1]
        cases = [case for member in members for case in member.level.data.cases]
        values = [member.posterior.Y[: len(member.level.data)] for member in members]
        drawn = [member.posterior.Y[len(member.level.data) :] for member in members]
        return Account(
            request.draw,
            found,
            self.encoding.decode(found.best_start),
            why,
            cases,
            [named(trial, m.level.resource) for m in members for trial in m.pending],
            below_one_another([*values, *drawn], columns),
            view.standardisation.mean,
            view.standardisation.scale,
            self._hyperparameters(),
            min(member.level.surrogate.proposals_since_fit for member in members),
            self._weights,
        )


def _checked_levels(rung_levels: Sequence[int], max_epochs: int) -> frozenset[int]:
    """The levels and the largest resource; empty if none are given.

    Raises:
        SpecError: One is no whole number from 1 to ``max_epochs``.
    """
    levels = {whole_number("a level of rung_levels", level) for level in rung_levels}
    if levels and max(levels) > max_epochs:
        raise SpecError(
            f"rung_levels={sorted(levels)} must not exceed max_epochs={max_epochs}; drop the "
            "levels above it"
        )
    return frozenset(levels | {max_epochs}) if levels else frozenset()
