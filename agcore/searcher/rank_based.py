"""What searchers have in common that learn from which trials are better than others."""

from __future__ import annotations

import abc
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from agcore.checks import finite_number, whole_number
from agcore.encoding import Encoding
from agcore.errors import SpecError
from agcore.records import Suggestion
from agcore.searcher.base import BaseSearcher
from agcore.searcher.draws import RandomDraws
from agcore.searcher.trial_values import Fitness, TrialValues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import Observation, SuggestRequest
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]

logger = logging.getLogger("agcore")

PURPOSE_RANKS = 4
"""Keeps these random numbers apart from those of random configs with the same seed."""


class AtRandom(NamedTuple):
    """Why nothing follows from the observations, so that a random config is drawn.

    Attributes:
        why: The facts, as a `Suggestion` has them.
    """

    why: Mapping[str, Any]


class RankBasedSearcher(BaseSearcher):
    """Random configs, and those that follow from the order of what was observed.

    Rewards are compared, never computed with, so their scale has no effect. Subclasses say what
    follows from them (`_from_ranks`).

    Args:
        configspace: As for `BaseSearcher`, like the others.
        max_epochs: Largest resource of a scheduler with rungs, else None. With it an earlier run
            gives all its reports, and a value without a resource counts there.
    """

    is_replayed_by_exclusion = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str,
        *,
        max_epochs: int | None,
        resource_attribute: str | None,
        mode: str,
        random_seed: int,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None,
        first_is_default: bool,
        candidates: Sequence[Mapping[str, Any]] | None,
        constraint: Callable[[Config], Any] | None,
        warm_start_from: Any,
    ) -> None:
        self.max_epochs = None if max_epochs is None else whole_number("max_epochs", max_epochs)
        self._models_curves = self.max_epochs is not None
        self.encoding = Encoding(configspace)
        self._results = TrialValues(self.encoding.encode)
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
        )
        self._candidate_rows: Array | None = None
        if self.candidates is not None:
            self._candidate_rows = self.encoding.encode_all(self.candidates)
        self._draws = RandomDraws(configspace, self.random_seed, self.may_propose, self.candidates)

    @abc.abstractmethod
    def _from_ranks(
        self, request: SuggestRequest, rng: np.random.Generator
    ) -> Suggestion | AtRandom:
        """What follows from the observations, or why nothing does."""

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """What follows from the observations, or a random config."""
        if self.is_exhausted:
            return None
        found: Suggestion | AtRandom = AtRandom({})
        if self.encoding.num_columns:
            rng = np.random.default_rng([self.random_seed, PURPOSE_RANKS, request.draw])
            found = self._from_ranks(request, rng)
        if isinstance(found, Suggestion):
            logger.info("draw %d: %s, %s", request.draw, found.origin, dict(found.why))
            return found
        config = self._draws.draw(request.draw)
        return None if config is None else Suggestion(config, "random", found.why)

    # -- learning --------------------------------------------------------------------------

    def observe(self, observation: Observation) -> None:
        """Learn a value; a reward that is not a number says that the config is infeasible."""
        super().observe(observation)
        config = observation.config
        value = Fitness(self._level(observation.resource), observation.reward)
        if np.isnan(value.reward):
            self.exclude(config)
        self._results.add(
            observation.trial_id,
            self._key(config),
            config,
            value,
            provisional=observation.provisional and observation.trial_id >= 0,
        )

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Learn that a config cannot be evaluated; what it has reported counts no more."""
        super().trial_failed(trial_id, config)
        self._results.fail(self._key(config), config)

    def remove_case(self, config: Mapping[str, Any], **result: Any) -> None:
        """Take a result back that `update` was given."""
        complete = self.configspace.complete(config)
        self._results.remove(self._key(complete), self._level(self._resource_in(result)))

    def _level(self, resource: int | None) -> int:
        """The resource under which a value is filed; 0 where there are none."""
        return (self.max_epochs or 0) if resource is None else resource

    # -- choosing --------------------------------------------------------------------------

    def _by_ratio(
        self,
        draw: Callable[[], Array],
        log_ratio: Callable[[Array], Array],
        why: Mapping[str, Any],
    ) -> Suggestion | AtRandom:
        """The config of the largest ratio of two densities that may be proposed.

        Args:
            draw: Gives rows to choose from; not called if there are candidates, all of which are
                compared instead.
            log_ratio: Of encoded rows (b, d), as (b,).
            why: The facts behind the densities, to which those of the choice are added.
        """
        if self.candidates is not None and self._candidate_rows is not None:
            configs, rows, kind = self.candidates, self._candidate_rows, "candidates"
        else:
            rows, kind = self.encoding.snap(draw()), "drawn"
            configs = self.encoding.decode_all(rows)
        ratios = log_ratio(rows)
        for place, index in enumerate(np.argsort(-ratios, kind="stable").tolist()):
            if self.may_propose(configs[index]):
                told = {**why, "log_density_ratio": float(ratios[index]), kind: len(rows)}
                if place:
                    told["passed_over"] = place
                return Suggestion(configs[index], "model", told)
        return AtRandom({"in_vain": len(rows)})


def share(name: str, value: Any, *, or_ends: bool = False) -> float:
    """``value`` as a number between 0 and 1.

    Args:
        name: Of the argument.
        value: What the user gave.
        or_ends: Whether 0 and 1 are allowed.

    Raises:
        SpecError: It is something else.
    """
    rule = f"a number {'from 0 to 1' if or_ends else 'between 0 and 1'}, as in 0.1"
    number = finite_number(name, value, rule)
    if not 0 <= number <= 1 or (not or_ends and number in (0, 1)):
        raise SpecError(f"{name}={value!r} must be {rule}")
    return number
