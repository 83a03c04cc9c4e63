"""The tree-structured Parzen estimator.

Bergstra, Bardenet, Bengio & Kegl (2011), Algorithms for Hyper-Parameter Optimization, NeurIPS 24,
section 4; Watanabe (2023), Tree-Structured Parzen Estimator: Understanding Its Algorithm
Components, https://arxiv.org/abs/2304.11127, section 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from agcore.checks import one_of, truth, whole_number
from agcore.encoding.columns import BlockKind
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
from agcore.space.prior import Peak, Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.encoding.columns import Block
    from agcore.jobs import Config
    from agcore.records import Pending, Suggestion, SuggestRequest
    from agcore.space import SearchSpace
    from agcore.space.prior import Prior

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

WEIGHTS = ("old_decay", "uniform")
_NUM_RECENT = 25
"""Observations that do not fade."""
_TRIES = 8


class Part(NamedTuple):
    """Parameters that are modelled together, and what is believed about each.

    Attributes:
        blocks: Their columns.
        priors: One for each, or None.
    """

    blocks: Sequence[Block]
    priors: Sequence[Prior | None]


class TPESearcher(RankBasedSearcher):
    """Of configs drawn like the good ones, the one of the largest density ratio, good to bad.

    The ``ceil(good_fraction n)`` best of n trials are good, ``max_good`` at most. Trials are ranked
    by their largest resource, then by their reward there. All others are bad, and so are configs
    that failed or diverged, and those that run now, so that other workers keep away from them. Both
    densities have one component for each config and an even one; in that of the good, where the
    space has priors, it is they instead. Below ``num_init_random`` trials, configs are random.

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
        num_init_random: Trials with a value, failed ones included, before the first model.
        num_candidates: Configs drawn for each proposal.
        good_fraction: Share of the trials that are good, the gamma of the papers.
        max_good: Most trials that are good.
        weights: ``'old_decay'``: in a group of n above 25, all but the youngest 25 fade, linearly
            down to 1/n; or ``'uniform'``.
        multivariate: Whether parameters are modelled together; else each on its own, those of an
            option from the trials that chose it.

    Raises:
        SpecError: An option breaks its rule.

    Source: Bergstra et al. (2011), section 4; Watanabe (2023), https://arxiv.org/abs/2304.11127.
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
        num_init_random: int = 10,
        num_candidates: int = 24,
        good_fraction: float = 0.1,
        max_good: int = 25,
        weights: str = "old_decay",
        multivariate: bool = True,
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
        self.num_init_random = whole_number("num_init_random", num_init_random, 0)
        self.num_candidates = whole_number("num_candidates", num_candidates)
        self.good_fraction = share("good_fraction", good_fraction)
        self.max_good = whole_number("max_good", max_good)
        one_of("weights", weights, WEIGHTS)
        self._fades = weights == "old_decay"
        self.multivariate = truth("multivariate", multivariate)
        pairs = [
            (block, hp.space.prior)
            for block, hp in zip(
                self.encoding.blocks, configspace.get_hyperparameters(), strict=True
            )
            if block.kind is not BlockKind.CONSTANT
        ]
        parts = [pairs] if self.multivariate else [[pair] for pair in pairs]
        self._parts = [Part([b for b, _ in pairs], [p for _, p in pairs]) for pairs in parts]

    def _from_ranks(
        self, request: SuggestRequest, rng: np.random.Generator
    ) -> Suggestion | AtRandom:
        num_failed = len(self._results.infeasible_rows)
        num_known = len(self._results) + num_failed
        if not len(self._results) or num_known < self.num_init_random:
            return AtRandom({"trials": num_known, "num_init_random": self.num_init_random})
        good, bad = self.groups(request.pending)
        pairs = [
            (self._estimate(part, good, part.priors), self._estimate(part, bad, ()))
            for part in self._parts
        ]

        def log_ratio(rows: Array) -> Array:
            ratios = [above.log_density(rows) - below.log_density(rows) for above, below in pairs]
            total: Array = np.sum(ratios, axis=0)
            return total

        num_running = len(good) + len(bad) - num_known
        best = max(trial.fitness for trial in self._results.trials)
        facts = {
            "failed": num_failed,
            "running": num_running,
            "draws_each": 0 if self.multivariate or self.candidates else self.num_candidates,
            "resource": best.resource,
        }
        why = {"good": len(good), "bad": len(bad), **{k: n for k, n in facts.items() if n}}
        return self._by_ratio(lambda: self._drawn(pairs, rng), log_ratio, why)

    def _drawn(self, pairs: Sequence[tuple[Parzen, Parzen]], rng: np.random.Generator) -> Array:
        """Rows to choose from: draws from the good, or some that are the best in each column."""
        shape = (self.num_candidates, self.encoding.num_columns)
        if self.multivariate:
            rows = np.zeros(shape)
            pairs[0][0].draw_into(rows, rng)
            return rows
        chosen = np.zeros((_TRIES, shape[1]))
        for above, below in pairs:
            # As if the parameter were active; whether it is, the others decide.
            rows = np.ones((_TRIES * shape[0], shape[1]))
            above.draw_into(rows, rng)
            ratios = above.log_density(rows) - below.log_density(rows)
            best = ratios.reshape(_TRIES, -1).argmax(axis=1) + np.arange(_TRIES) * shape[0]
            columns = above.kernels[0].block.columns
            chosen[:, columns] = rows[best, columns]
        return chosen

    def groups(self, pending: Sequence[Pending] = ()) -> tuple[Array, Array]:
        """Encoded configs of the good and the bad trials, the oldest of each first.

        Args:
            pending: Trials that run now; those without a value are bad.
        """
        trials = self._results.trials
        order = sorted(range(len(trials)), key=lambda i: trials[i].fitness, reverse=True)
        is_good = set(order[: self.num_good(len(trials))])
        good = [trial.row for i, trial in enumerate(trials) if i in is_good]
        bad = [trial.row for i, trial in enumerate(trials) if i not in is_good]
        knows = self._results.knows
        running = [p.config for p in pending if not knows(p.trial_id, self._key(p.config))]
        rows = self.encoding.encode_all(running)
        bad = [*self._results.infeasible_rows, *bad, *rows]
        width = self.encoding.num_columns
        return np.array(good), np.array(bad).reshape(len(bad), width)

    def num_good(self, count: int) -> int:
        """How many of ``count`` trials are good."""
        return min(math.ceil(self.good_fraction * count), self.max_good)

    def _estimate(self, part: Part, rows: Array, priors: Sequence[Prior | None]) -> Parzen:
        """The density of a group; without ``priors``, with wide kernels in their place."""
        priors = priors or [None] * len(part.blocks)
        if not self.multivariate:
            rows = rows[is_active(part.blocks[0], rows)]
        kernels = [
            kernels_of(block, rows, prior, len(part.blocks) if self.multivariate else None)
            for block, prior in zip(part.blocks, priors, strict=True)
        ]
        weights = old_decay(len(rows)) if self._fades else np.ones(len(rows))
        return Parzen(kernels, np.append(weights, 1.0))


def old_decay(count: int) -> Array:
    """Weights of ``count`` observations, the oldest first: Watanabe (2023), section 3.2."""
    if count <= _NUM_RECENT:
        return np.ones(count)
    ramp = np.linspace(1.0 / count, 1.0, count - _NUM_RECENT)
    return np.append(ramp, np.ones(_NUM_RECENT))


def kernels_of(block: Block, rows: Array, prior: Prior | None, num_together: int | None) -> Kernels:
    """Kernels at observations, and as the last one the prior or, without, a wide one.

    Args:
        block: The parameter.
        rows: Encoded observations, shape (n, d).
        prior: What is believed about its best value.
        num_together: Parameters that are modelled together; None if each is on its own.
    """
    known = np.append(is_active(block, rows), True)
    if not is_number(block):
        return OptionKernels(block, _option_shares(block, rows, prior, known))
    centre, spread = (prior.centre, prior.spread) if isinstance(prior, Peak) else (0.5, 1.0)
    units = rows[:, block.columns.start]
    if num_together is not None:
        spreads = np.full(len(units), 0.2 * max(len(units), 1) ** (-1.0 / (num_together + 4)))
    else:
        spreads = neighbour_distances(np.append(units, 0.5))[:-1]
    least = max(1.0 / min(100, 2 + len(units)), 0.5 / block.size if block.size else 0.0)
    spreads = np.append(spreads.clip(least, 1.0), spread)
    return NumberKernels(block, np.append(units, centre), spreads, known, is_truncated=True)


def neighbour_distances(units: Array) -> Array:
    """The larger of the distances to the next unit below and above, for each; ends do not count.

    Bergstra et al. (2011), section 4.2; where there is one unit only, it is 1.
    """
    if len(units) == 1:
        return np.ones(1)
    order = np.argsort(units, kind="stable")
    gaps = np.diff(units[order])
    largest = np.maximum(np.append(gaps[:1], gaps), np.append(gaps, gaps[-1:]))
    distances = np.empty(len(units))
    distances[order] = largest
    return distances


def _option_shares(block: Block, rows: Array, prior: Prior | None, known: Mask) -> Array:
    """Chances of options under each kernel, the prior's the last, shape (n + 1, options)."""
    count, number = block.size or 2, len(rows) + 1
    shares = np.full((number, count), 1.0 / number)
    shares[np.arange(len(rows)), options_of(block, rows)] += 1.0
    shares /= shares.sum(axis=1, keepdims=True)
    shares[~known] = 1.0 / count
    if isinstance(prior, Shares):
        shares[-1] = prior.shares
    elif isinstance(prior, Peak):  # of a Bool
        low, middle, high = ndtr((np.array([0.0, 0.5, 1.0]) - prior.centre) / prior.spread)
        shares[-1] = np.array([middle - low, high - middle]) / (high - low)
    return shares
