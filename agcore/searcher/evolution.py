"""Regularized evolution: tournaments in a population whose oldest members die.

Real, Aggarwal, Huang & Le (2019), Regularized Evolution for Image Classifier Architecture Search,
https://arxiv.org/abs/1802.01548, algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError
from agcore.records import Suggestion
from agcore.searcher.base import DEFAULT_SEED
from agcore.searcher.listed import ListedConfigs
from agcore.searcher.rank_based import AtRandom, RankBasedSearcher
from agcore.space import Categorical, Ordinal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from agcore.jobs import Config
    from agcore.records import SuggestRequest
    from agcore.searcher.trial_values import TrialValue
    from agcore.space import SearchSpace
    from agcore.space.base import ValueSpace

_TRIES = 20
"""Children before a random config: only where nearly all near the population was proposed."""


class RegularizedEvolutionSearcher(RankBasedSearcher):
    """Mutates the best of a random sample of the youngest trials.

    The population are the ``population_size`` trials that were the last to give a first value;
    until there are so many, configs are random. A parent is the best of ``sample_size`` members
    drawn with replacement. A child differs from it in one parameter, and in those that become
    active or inactive thereby. There are no generations, so workers never wait.

    Between trials that were observed at several resources, the one with the larger resource is
    better; at the same one, that with the higher reward there. Trials that failed or diverged
    leave the population.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        max_epochs: Largest resource; a scheduler with rungs gives its ``max_t``.
        resource_attribute: Key of the resource in the results.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config before random ones.
        candidates: Propose these configs only: of each child the nearest one that remains.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run whose trials are the first members.
        population_size: Members, P of the paper. It has 100 for 20,000 trials; with the tens to
            hundreds of a tuning run, 20 leave most of them for evolution.
        sample_size: Members in a tournament, S of the paper; by default half of the population.
            The quarter of the paper selects too weakly for runs of tens of trials.
        mutation_scale: Standard deviation of a step of a number, as a share of its range.

    Raises:
        SpecError: An option breaks its rule.

    Source: Real et al. (2019), https://arxiv.org/abs/1802.01548, algorithm 1.
    """

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        max_epochs: int | None = None,
        resource_attribute: str | None = None,
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
        population_size: int = 20,
        sample_size: int | None = None,
        mutation_scale: float = 0.1,
    ) -> None:
        self.population_size = whole_number("population_size", population_size)
        if sample_size is None:
            sample_size = -(-self.population_size // 2)
        self.sample_size = whole_number("sample_size", sample_size)
        if self.sample_size > self.population_size:
            raise SpecError(
                f"sample_size={sample_size} must not exceed population_size={population_size}; "
                "lower it, or raise population_size"
            )
        self.mutation_scale = finite_number(
            "mutation_scale", mutation_scale, "a number above 0; try 0.1"
        )
        if self.mutation_scale <= 0:
            raise SpecError(f"mutation_scale={mutation_scale!r} must be above 0; try 0.1")
        super().__init__(
            configspace,
            reward_attribute,
            max_epochs=max_epochs,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )
        self._listed: ListedConfigs | None = None
        if self.candidates is not None:
            self._listed = ListedConfigs(self.encoding, self.candidates, self.may_propose)

    @property
    def population(self) -> list[TrialValue]:
        """Its members, the oldest first."""
        return self._results.trials[-self.population_size :]

    def _from_ranks(
        self, request: SuggestRequest, rng: np.random.Generator
    ) -> Suggestion | AtRandom:
        population = self.population
        if len(population) < self.population_size:
            return AtRandom({"members": len(population), "population_size": self.population_size})
        for _ in range(_TRIES):
            sample = rng.integers(len(population), size=self.sample_size).tolist()
            parent = max((population[i] for i in sample), key=lambda member: member.fitness)
            config, changed = mutate(self.configspace, parent.config, rng, self.mutation_scale)
            child: Config | None = config
            if self._listed is not None:
                child = self._listed.nearest(config)
            if child is not None and self.may_propose(child):
                return Suggestion(child, "evolution", self._why(parent, changed))
        return AtRandom({"in_vain": _TRIES})

    def _why(self, parent: TrialValue, changed: str) -> dict[str, Any]:
        """The parent, what it has achieved (with the user's sign) and where, and the mutation."""
        resource, reward = parent.fitness
        why: dict[str, Any] = {
            "parent_reward": self._sign * reward,
            "changed": changed,
            "sample_size": self.sample_size,
            "population_size": self.population_size,
        }
        if self.candidates is not None:
            why["candidates"] = len(self.candidates)
        if parent.trial_id >= 0:
            why["parent"] = parent.trial_id
        if resource:
            why["resource"] = resource
        return why


def mutate(
    space: SearchSpace, config: Config, rng: np.random.Generator, scale: float
) -> tuple[Config, str]:
    """A config in which one parameter is another, drawn from the active ones, and its name.

    A number takes a Gaussian step in the unit interval, which is reflected at its ends; an
    ordered value goes one place up or down; an option gives way to any other one. Parameters that
    become active thereby are random.

    Args:
        space: Has an active parameter of several values.
        config: Canonical; is not changed.
        rng: What to draw from.
        scale: Standard deviation of a step in the unit interval.
    """
    active = [hp for hp in space.get_hyperparameters() if hp.name in config and hp.space.size != 1]
    changed = active[int(rng.integers(len(active)))]
    other = _other_value(changed.space, config[changed.name], rng, scale)
    units = rng.random(space.num_units).tolist()
    for i, hp in enumerate(space.get_hyperparameters()):
        if hp.name in config:
            units[i] = hp.space.to_unit(other if hp is changed else config[hp.name])
    child = space.config_from_units(units)
    # The way to a unit and back costs a Real its last digits.
    for name in child:
        if name in config:
            child[name] = config[name]
    child[changed.name] = other
    return child, changed.name


def _other_value(space: ValueSpace, value: Any, rng: np.random.Generator, scale: float) -> Any:
    """Another value of a space that has several."""
    size, unit = space.size, space.to_unit(value)
    if isinstance(space, (Categorical, Ordinal)):
        index = int(unit * (size or 1))
        if isinstance(space, Categorical):
            return space.value_at((index + 1 + int(rng.integers((size or 2) - 1))) % (size or 1))
        step = 1 if rng.random() < 0.5 else -1
        inside = 0 <= index + step < (size or 1)
        return space.value_at(index + step if inside else index - step)
    other, spread = value, scale
    while other == value:
        other = space.from_unit(_reflected(unit + spread * rng.standard_normal()))
        spread *= 1.5  # a step may be too short for the cells of whole numbers
    return other


def _reflected(unit: float) -> float:
    """A number of the line, folded back into [0, 1] at both ends."""
    folded = unit % 2.0
    return min(folded, 2.0 - folded)
