"""BOHB: kernel density estimates of the good and the bad configs of a rung.

Falkner, Klein & Hutter (2018), BOHB: Robust and Efficient Hyperparameter Optimization at Scale,
https://arxiv.org/abs/1807.01774, section 3.2 and algorithm 2. The Hyperband half is the
scheduler's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.checks import finite_number, whole_number
from agcore.encoding.columns import BlockKind
from agcore.errors import SpecError
from agcore.searcher.base import DEFAULT_SEED
from agcore.searcher.parzen import (
    Kernels,
    NumberKernels,
    OptionKernels,
    Parzen,
    is_active,
    is_number,
    options_of,
)
from agcore.searcher.rank_based import AtRandom, RankBasedSearcher, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.encoding.columns import Block
    from agcore.jobs import Config
    from agcore.records import Suggestion, SuggestRequest
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]

_SMALLEST_LOG_DENSITY = math.log(1e-32)
"""Below, two densities are equal: far from all observations their ratio says nothing."""


class BOHBSearcher(RankBasedSearcher):
    """Of configs drawn near good ones, that of the largest ratio of densities, good to bad.

    The model is made of the observations at one resource, the largest with ``min_points + 2`` of
    them; until there is one, configs are random, as a share of them always is. Under FIFO all
    values count as seen at the same resource. Configs that failed or diverged count as worse than
    all others, at every resource. A number is a coordinate of the unit cube, rounded in the end;
    kernels of Ints and Ordinals are half a cell wide at least.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        max_epochs: Largest resource; a scheduler with rungs gives its ``max_t``.
        resource_attribute: Key of the resource in the results.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config before random ones.
        candidates: Propose these configs only; each proposal scores all that remain.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run to learn from.
        min_points: Least number of configs in either group, N_min of the paper; by default the
            number of parameters and one.
        good_fraction: Share of the observations that are good, q.
        random_fraction: Share of proposals that are random, rho.
        num_candidates: Configs drawn for each proposal, N_s.
        bandwidth_factor: By how much wider the kernels are which configs are drawn from, b_w.
        min_bandwidth: Of every kernel, in the unit cube. The paper's 1e-3 lets the good group
            contract to a point within tens of trials if there is no noise: the closer the good
            ones, the narrower the kernels that the next ones are drawn from.

    Raises:
        SpecError: An option breaks its rule.

    Source: Falkner et al. (2018), https://arxiv.org/abs/1807.01774, algorithm 2, eqs. 2 and 3.
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
        min_points: int | None = None,
        good_fraction: float = 0.15,
        random_fraction: float = 1 / 3,
        num_candidates: int = 64,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 0.1,
    ) -> None:
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
        if min_points is None:
            min_points = self.encoding.num_inputs + 1
        self.min_points = whole_number("min_points", min_points, 2)
        self.good_fraction = share("good_fraction", good_fraction)
        self.random_fraction = share("random_fraction", random_fraction, or_ends=True)
        self.num_candidates = whole_number("num_candidates", num_candidates)
        self.bandwidth_factor = finite_number("bandwidth_factor", bandwidth_factor)
        if self.bandwidth_factor < 1:
            raise SpecError(f"bandwidth_factor={bandwidth_factor!r} must be at least 1; try 3")
        self.min_bandwidth = share("min_bandwidth", min_bandwidth)

    def _from_ranks(
        self, request: SuggestRequest, rng: np.random.Generator
    ) -> Suggestion | AtRandom:
        if rng.random() < self.random_fraction:
            return AtRandom({"random_fraction": self.random_fraction})
        level = self.model_resource()
        if level is None:
            return AtRandom(self._too_few())
        good, bad = self.groups(level)
        blocks = self.encoding.blocks
        promising = normal_reference(blocks, good, self.min_bandwidth)
        poor = normal_reference(blocks, bad, self.min_bandwidth)
        wide = normal_reference(blocks, good, self.min_bandwidth, self.bandwidth_factor)

        def log_ratio(rows: Array) -> Array:
            above, below = promising.log_density(rows), poor.log_density(rows)
            floor = _SMALLEST_LOG_DENSITY
            return np.maximum(above, floor) - np.maximum(below, floor)

        def drawn() -> Array:
            rows = np.zeros((self.num_candidates, self.encoding.num_columns))
            wide.draw_into(rows, rng)
            return rows

        facts = {"failed": min(len(self._results.infeasible_rows), len(bad)), "resource": level}
        why = {"good": len(good), "bad": len(bad), **{k: n for k, n in facts.items() if n}}
        return self._by_ratio(drawn, log_ratio, why)

    def _too_few(self) -> dict[str, int]:
        """How many observations a model needs at one resource, and the most there are at any."""
        counts = self._counts()
        level = max(counts, key=lambda level: (counts[level], level), default=0)
        why = {"observations": counts.get(level, 0), "needed": self._enough}
        return {**why, "resource": level} if level else why

    @property
    def _enough(self) -> int:
        """Observations at a resource for a model of it."""
        return self.min_points + 2

    def _counts(self) -> dict[int, int]:
        """Numbers of observations by resource."""
        counts: dict[int, int] = {}
        for trial in self._results.trials:
            for level in trial.all_rewards():
                counts[level] = counts.get(level, 0) + 1
        return counts

    def model_resource(self) -> int | None:
        """The largest resource with enough observations, or None (line 2 of algorithm 2)."""
        counts = self._counts()
        return max((at for at, count in counts.items() if count >= self._enough), default=None)

    def groups(self, level: int) -> tuple[Array, Array]:
        """Encoded configs of the best and the worst at a resource (eq. 3), which may overlap.

        Returns:
            The good, the best first, shape (N_l, d), and the bad, shape (N_g, d).
        """
        seen = [(t.all_rewards(), t.row) for t in self._results.trials]
        ranked = sorted(
            ((rewards[level], row) for rewards, row in seen if level in rewards),
            key=lambda pair: -pair[0],
        )
        rows = np.array([row for _, row in ranked] + self._results.infeasible_rows)
        num_good, num_bad = self.group_sizes(len(rows))
        return rows[: min(num_good, len(ranked))], rows[-num_bad:]

    def group_sizes(self, count: int) -> tuple[int, int]:
        """Sizes N_l and N_g of the groups of ``count`` observations (eq. 3)."""
        num_good = max(self.min_points, math.floor(self.good_fraction * count))
        return num_good, max(self.min_points, count - num_good)


def normal_reference(
    blocks: Sequence[Block], rows: Array, min_bandwidth: float, factor: float = 1.0
) -> Parzen:
    """A density estimate whose bandwidths follow the normal reference rule, 1.06 s n^(-1/(4 + d)).

    s is the standard deviation of a number. Of a category it is the square root of half the chance
    that two observations differ; of two options that is the standard deviation as well.

    Args:
        blocks: The parameters.
        rows: Encoded observations, shape (n, d), n at least 1.
        min_bandwidth: Of each kernel.
        factor: By how much all bandwidths are larger.

    Source: Falkner et al. (2018), section 3.2; the rule is that of statsmodels' KDEMultivariate;
    kernel of options: Aitchison & Aitken (1976), Multivariate binary discrimination by the kernel
    method, Biometrika 63.
    """
    blocks = [block for block in blocks if block.kind is not BlockKind.CONSTANT]
    scale = 1.06 * len(rows) ** (-1.0 / (4 + len(blocks)))
    kernels: list[Kernels] = []
    for block in blocks:
        known = is_active(block, rows)
        if is_number(block):
            units = rows[:, block.columns.start]
            spread = np.std(units[known]) if known.sum() > 1 else math.sqrt(1 / 12)
            least = max(min_bandwidth, 0.5 / block.size if block.size else 0.0)
            spreads = np.full(len(rows), factor * max(scale * spread, least))
            kernels.append(NumberKernels(block, units, spreads, known, is_truncated=False))
            continue
        chosen = options_of(block, rows)
        count = block.size or 2
        frequencies = np.bincount(chosen[known], minlength=count) / max(known.sum(), 1)
        spread = math.sqrt(0.5 * (1.0 - np.sum(frequencies**2)))
        bandwidth = min(factor * max(scale * spread, min_bandwidth), (count - 1) / count)
        shares = np.full((len(rows), count), bandwidth / (count - 1))
        shares[np.arange(len(rows)), chosen] = 1.0 - bandwidth
        shares[~known] = 1.0 / count
        kernels.append(OptionKernels(block, shares))
    return Parzen(kernels, np.ones(len(rows)))
