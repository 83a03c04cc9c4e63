"""Random search.

Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization, JMLR 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agcore.records import Suggestion
from agcore.searcher.base import BaseSearcher

if TYPE_CHECKING:
    from agcore.jobs import Config
    from agcore.records import SuggestRequest

PURPOSE = 1
"""Keeps this searcher's random numbers apart from those of others with the same seed."""
PURPOSE_RETRY = 2
"""Likewise, for draws after one that hit a known config."""

_ATTEMPTS = 100
_LARGEST_LISTED = 1_000_000


_BLOCK = 64
"""Draws made together: a generator costs more to set up than to use."""


class RandomSearcher(BaseSearcher):
    """Draws configs from the space, each at most once.

    Draw number n depends on the seed and n only, so a run can be continued without saving
    the state of a generator.
    """

    is_replayed_by_exclusion = True

    _block_number = -1

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """A random config that was not proposed before, or None if there is none left."""
        size = self.configspace.size
        if size is not None and self.num_known >= size:
            return None
        config = self.configspace.config_from_units(self._units(request.draw))
        if not self.is_known(config):
            return Suggestion(config, "random")
        rng = np.random.default_rng([self.random_seed, PURPOSE_RETRY, request.draw])
        for _ in range(_ATTEMPTS):
            config = self.configspace.sample_configuration(rng)
            if not self.is_known(config):
                return Suggestion(config, "random")
        return self._one_of_the_rest(rng, size)

    def _units(self, draw: int) -> list[float]:
        """The random numbers of one draw."""
        number, row = divmod(draw, _BLOCK)
        if number != self._block_number:
            rng = np.random.default_rng([self.random_seed, PURPOSE, number])
            self._block = rng.random((_BLOCK, self.configspace.num_units)).tolist()
            self._block_number = number
        units: list[float] = self._block[row]
        return units

    def _one_of_the_rest(self, rng: np.random.Generator, size: int | None) -> Suggestion | None:
        """One of the few configs that are left, when drawing no longer hits them."""
        if size is None or size > _LARGEST_LISTED:
            return None
        rest: list[Config] = [
            config
            for config in map(self.configspace.config_at, range(size))
            if not self.is_known(config)
        ]
        return Suggestion(rest[int(rng.integers(len(rest)))], "random") if rest else None
