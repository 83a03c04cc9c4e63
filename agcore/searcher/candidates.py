"""From an acquisition to a config: candidates, local search, rounding, and what may be proposed.

Candidates are random configs and neighbours of the best ones known. The most promising begin a
local search over the continuous columns, all together. What comes out is rounded to configs; the
first in order of acquisition that may be proposed is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agcore import gp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from agcore.encoding import Encoding
    from agcore.jobs import Config

    Array = NDArray[np.float64]

_SPREADS = (0.2, 0.05, 0.01)
"""Standard deviations of steps from the best configs known, in the unit cube."""
_CHUNK = 32
_NUM_SHOWN = 5


class AtResource:
    """An acquisition over configs: that over (config, resource) at one resource.

    Args:
        acquisition: Over rows [x, r].
        resource: r, in [0, 1].
    """

    def __init__(self, acquisition: gp.Acquisition, resource: float) -> None:
        self._acquisition = acquisition
        self._resource = resource

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        return self._acquisition(self.lift(X))

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        values, gradient = self._acquisition.with_gradient(self.lift(X))
        return values, gradient[:, :-1]

    def lift(self, X: Array) -> Array:
        """Rows [x, r] of rows X."""
        return np.column_stack([X, np.full(len(X), self._resource)])


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found.

    Attributes:
        config: May be proposed.
        row: It, encoded, shape (d,).
        value: Acquisition there.
        evaluations: Batch evaluations of the local search.
        best_start: The row that scored best before the local search, shape (d,).
        best_scores: The five best scores then, shape (5,) at most.
    """

    config: Config
    row: Array
    value: float
    evaluations: int
    best_start: Array
    best_scores: Array


class _Pick(NamedTuple):
    """A config that may be proposed."""

    config: Config
    row: Array
    value: float


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How hard to search.

    Attributes:
        num_random: Random candidates.
        num_neighbours: Candidates near the best configs known.
        num_starts: Candidates that a local search begins at.
        keeps_order: Whether the first candidate whose local search yields a config that may be
            proposed is taken, in order of the initial scores (the classic way), and not the best.
    """

    num_random: int = 250
    num_neighbours: int = 150
    num_starts: int = 8
    keeps_order: bool = False


class CandidateSearch:
    """Finds the config that an acquisition likes best.

    Args:
        encoding: Between configs and rows.
        may_propose: Whether a config may be proposed.
        settings: How hard to search.
        listed: The only configs to choose from, or None for the whole space.
    """

    def __init__(
        self,
        encoding: Encoding,
        may_propose: Callable[[Config], bool],
        settings: SearchSettings,
        listed: Sequence[Config] | None = None,
    ) -> None:
        self._encoding = encoding
        self._may_propose = may_propose
        self._settings = settings
        self._listed = list(listed) if listed is not None else None
        self._listed_rows = encoding.encode_all(self._listed) if self._listed else None

    def best(
        self,
        acquisition: gp.Acquisition,
        known: Array,
        num_observed: int,
        rng: np.random.Generator,
        score: Callable[[Array], Array] | None = None,
    ) -> Found | None:
        """The best config found that may be proposed, or None if there is none.

        Args:
            acquisition: To maximise, over encoded rows.
            known: Rows of the best configs known, the best first, shape (k, d).
            num_observed: Size of the surrogate's data, which bounds the work.
            rng: What to draw from.
            score: Orders the candidates in the place of the acquisition.
        """
        if self._listed is not None and self._listed_rows is not None:
            values = acquisition(self._listed_rows)
            order = np.argsort(-values, kind="stable")
            for i in order.tolist():
                if self._may_propose(self._listed[i]):
                    rows = self._listed_rows
                    scores = values[order[:_NUM_SHOWN]]
                    return Found(self._listed[i], rows[i], float(values[i]), 0, rows[i], scores)
            return None
        candidates = self._candidates(known, rng)
        scores = acquisition(candidates) if score is None else score(candidates)
        order = np.argsort(-scores, kind="stable")
        candidates, scores = candidates[order], scores[order]
        starts = candidates[: self._settings.num_starts]
        searched = gp.maximise(
            acquisition,
            starts,
            free=self._encoding.movable(starts),
            max_evaluations=gp.local_search_budget(num_observed, starts.shape[1]),
        )
        rows = self._encoding.snap(searched.X)
        values = acquisition(rows)
        if not self._settings.keeps_order:
            rows, values = self._refined(acquisition, rows, values, rng)
            order = np.argsort(-values, kind="stable")
            rows, values = rows[order], values[order]
        pick = self._first(rows, values) or self._first(candidates, scores)
        if pick is None:
            return None
        return Found(*pick, searched.evaluations, candidates[0], scores[:_NUM_SHOWN])

    def _candidates(self, known: Array, rng: np.random.Generator) -> Array:
        settings, encoding = self._settings, self._encoding
        parts = [encoding.random(rng, settings.num_random)]
        if len(known) and settings.num_neighbours:
            share = -(-settings.num_neighbours // (len(known) * len(_SPREADS)))
            rows = np.repeat(known, share * len(_SPREADS), axis=0)
            parts.append(encoding.neighbours(rows, rng, np.resize(_SPREADS, len(rows))))
        return np.concatenate(parts)

    def _refined(
        self, acquisition: gp.Acquisition, rows: Array, values: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """With neighbours of the best row, if there are columns that no gradient moves."""
        if all(block.is_continuous and not block.size for block in self._encoding.blocks):
            return rows, values
        best = rows[[int(np.argmax(values))] * _CHUNK]
        near = self._encoding.neighbours(best, rng, 0.02, 0.3)
        return np.concatenate([rows, near]), np.concatenate([values, acquisition(near)])

    def _first(self, rows: Array, values: Array) -> _Pick | None:
        for row, value, config in self._decoded(rows, values):
            if self._may_propose(config):
                return _Pick(config, row, float(value))
        return None

    def _decoded(self, rows: Array, values: Array) -> Iterator[tuple[Array, float, Config]]:
        """Rows as configs, a few at a time: mostly the first one is taken."""
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            configs = self._encoding.decode_all(chunk)
            yield from zip(chunk, values[start : start + _CHUNK], configs, strict=True)
