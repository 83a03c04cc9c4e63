"""Which configs are tried: those given first, then a Latin hypercube, none of them twice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore_contrib.spaces.search_space import SearchSpace

logger = logging.getLogger(__name__)

_EXTRA_POINTS = 256
_ROUNDS = 50
"""So many rounds of extra points without anything new, and a space counts as used up."""


class Samples:
    """A supply of configs.

    Args:
        space: What to draw from; what is changed in it later counts for later draws.
        given: Configs that come first, in this order; one that occurs again is left out.
        seed: Of the draws.
        limit: Most configs there are to be, or None.

    Attributes:
        num_drawn: Configs that have been handed out.
    """

    def __init__(
        self,
        space: SearchSpace,
        given: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        self._space = space
        self._generator = np.random.default_rng(seed)
        self._limit = limit
        self._seen: set[str] = set()
        self._given = [dict(config) for config in given if self._is_new(config)]
        self.num_drawn = 0

    @property
    def num_given(self) -> int:
        """Configs that were given and have not been handed out yet."""
        return len(self._given)

    def draw(self, count: int) -> list[dict[str, Any]]:
        """The next ``count`` configs; fewer if the limit is reached or the space used up."""
        if self._limit is not None:
            count = min(count, self._limit - self.num_drawn)
        found, self._given = self._given[: max(count, 0)], self._given[max(count, 0) :]
        found = [{**config, **self._space.fixed} for config in found]
        found += self._draw_new(count - len(found))
        self.num_drawn += len(found)
        return found

    def redraw(self) -> dict[str, Any] | None:
        """A config in the place of one that could not be trained, or None if there is none."""
        found = self._draw_new(1)
        return found[0] if found else None

    def _draw_new(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        size = self._space.size
        num_points = count
        for _ in range(_ROUNDS):
            if len(found) >= count or size == 0:
                break
            for config in self._configs(num_points):
                if len(found) < count and self._is_new(config):
                    found.append(config)
            num_points = _EXTRA_POINTS
        if 0 < len(found) < count:
            logger.info("the search space holds no more configs that have not been tried")
        return found

    def _configs(self, count: int) -> list[dict[str, Any]]:
        """Configs at the points of a Latin hypercube."""
        from scipy.stats import qmc  # takes its time

        names = list(self._space)
        if not names:
            return [self._space.from_unit({})]
        hypercube = qmc.LatinHypercube(d=len(names), seed=self._generator)
        points = hypercube.random(count)
        return [
            self._space.from_unit(dict(zip(names, map(float, point), strict=True)))
            for point in points
        ]

    def _is_new(self, config: Mapping[str, Any]) -> bool:
        """Whether a config has not been seen, by type and value; it has been from now on."""
        key = repr(sorted((name, type(value).__name__, value) for name, value in config.items()))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True
