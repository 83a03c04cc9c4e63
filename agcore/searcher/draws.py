"""Random configs by number, each at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.jobs import Config
    from agcore.space import SearchSpace

PURPOSE = 1
"""Keeps these random numbers apart from those of others with the same seed."""
PURPOSE_RETRY = 2
"""Likewise, for draws after one that hit a config which may not be proposed."""

_ATTEMPTS = 100
_LARGEST_LISTED = 1_000_000
_BLOCK = 64
"""Draws made together: a generator costs more to set up than to use."""


class RandomDraws:
    """Draw number n depends on the seed and n, and on what may be proposed; on nothing else.

    So a run can be continued without saving the state of a generator. If the space has priors,
    every second draw follows them and the others do not: a wrong belief costs half the draws.

    Args:
        space: What to draw from.
        seed: Fixes all draws.
        may_propose: Whether a config may be proposed.
        candidates: The only configs to draw from, or None for the whole space.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        may_propose: Callable[[Config], bool],
        candidates: Sequence[Config] | None = None,
    ) -> None:
        self._space = space
        self._seed = seed
        self._may_propose = may_propose
        self._candidates = candidates
        self._block_number = -1

    def draw(self, number: int) -> Config | None:
        """A config that may be proposed, or None if none was found."""
        if self._candidates is not None:
            return self._one_of(self._rng(PURPOSE, number), self._candidates)
        units = believed(self._space, number, self._units(number))
        config = self._space.config_from_units(units)
        if self._may_propose(config):
            return config
        rng = self._rng(PURPOSE_RETRY, number)
        for _ in range(_ATTEMPTS):
            config = self._space.sample_configuration(rng)
            if self._may_propose(config):
                return config
        size = self._space.size
        if size is None or size > _LARGEST_LISTED:
            return None
        # Drawing no longer hits the few that are left.
        return self._one_of(rng, [self._space.config_at(index) for index in range(size)])

    def _one_of(self, rng: np.random.Generator, configs: Sequence[Config]) -> Config | None:
        rest = [config for config in configs if self._may_propose(config)]
        return rest[int(rng.integers(len(rest)))] if rest else None

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, purpose, number])

    def _units(self, number: int) -> list[float]:
        """The random numbers of one draw."""
        block, row = divmod(number, _BLOCK)
        if block != self._block_number:
            self._block = self._rng(PURPOSE, block).random((_BLOCK, self._space.num_units)).tolist()
            self._block_number = block
        units: list[float] = self._block[row]
        return units


def believed(space: SearchSpace, number: int, units: list[float]) -> list[float]:
    """The units of a draw: those of every second one follow the priors, if there are any."""
    if number % 2 and space.has_priors:  # number 0 mostly is the default config's
        return space.believed_units(units)
    return units
