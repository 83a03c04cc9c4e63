"""Parzen estimators over encoded configs: mixtures of products of kernels, one per parameter.

A parameter that is not active in an observation is everywhere equally likely there; one that is
not active in the config whose density is asked for has no say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from agcore.encoding.columns import BlockKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agcore.encoding.columns import Block

    Array = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Mask = NDArray[np.bool_]


def is_number(block: Block) -> bool:
    """Whether a parameter has Gaussian kernels; a Bool counts as a category of two."""
    return block.is_continuous or (block.kind is BlockKind.ORDERED and block.size != 2)


def is_active(block: Block, rows: Array) -> Mask:
    """Where a parameter is active among encoded rows of shape (n, d), as (n,)."""
    if block.activity is None:
        return np.ones(len(rows), dtype=np.bool_)
    active: Mask = rows[:, block.activity] == 1.0
    return active


def options_of(block: Block, rows: Array) -> Indices:
    """Which option of a category each of n rows has, shape (n,)."""
    columns = rows[:, block.columns]
    return columns.argmax(axis=1) if block.kind is BlockKind.ONE_HOT else indices_of(columns[:, 0])


def indices_of(units: Array) -> Indices:
    """False or True, as 0 or 1, of the units of a Bool."""
    return (units >= 0.5).astype(np.int64)


class Kernels(Protocol):
    """The kernels of one parameter, one for each component of a mixture."""

    block: Block

    def log_density(self, rows: Array) -> Array:
        """Of encoded rows (b, d) under each of k kernels, shape (b, k)."""

    def draw(self, which: Indices, rows: Array, rng: np.random.Generator) -> None:
        """Write to the columns of each row a draw from the kernel of its number in ``which``."""


class NumberKernels:
    """Gaussians in the unit interval.

    Draws are always inside; densities are those of Gaussians cut off at the ends only if
    ``is_truncated``.

    Args:
        block: The parameter.
        centres: Shape (k,).
        spreads: Standard deviations, shape (k,).
        known: Which kernels to use; the others are even, shape (k,).
        is_truncated: Whether each kernel integrates to 1 over the unit interval.
    """

    def __init__(
        self, block: Block, centres: Array, spreads: Array, known: Mask, *, is_truncated: bool
    ) -> None:
        self.block = block
        self._centres, self._spreads, self._known = centres, spreads, known
        self._below, above = ndtr(-centres / spreads), ndtr((1.0 - centres) / spreads)
        self._inside = above - self._below
        inside = self._inside if is_truncated else 1.0
        self._log_factor = -np.log(spreads * inside) - 0.5 * math.log(2 * math.pi)

    def log_density(self, rows: Array) -> Array:
        """Of encoded rows (b, d) under each of k kernels, shape (b, k)."""
        units = rows[:, self.block.columns]
        distances = (units - self._centres) / self._spreads
        density = np.where(self._known, self._log_factor - 0.5 * distances**2, 0.0)
        return np.where(is_active(self.block, rows)[:, np.newaxis], density, 0.0)

    def draw(self, which: Indices, rows: Array, rng: np.random.Generator) -> None:
        """Write to the column of each row a draw from the kernel of its number."""
        even = rng.random(len(which))
        quantiles = self._below[which] + even * self._inside[which]
        units = self._centres[which] + self._spreads[which] * ndtri(quantiles)
        rows[:, self.block.columns.start] = np.where(self._known[which], units, even).clip(0.0, 1.0)


class OptionKernels:
    """Chances of the options of a category.

    Args:
        block: The parameter.
        shares: Positive, each row of sum 1, shape (k, number of options).
    """

    def __init__(self, block: Block, shares: Array) -> None:
        self.block = block
        self._shares = shares
        self._log_shares = np.log(shares)

    def log_density(self, rows: Array) -> Array:
        """Of encoded rows (b, d) under each of k kernels, shape (b, k)."""
        density = self._log_shares[:, options_of(self.block, rows)].T
        return np.where(is_active(self.block, rows)[:, np.newaxis], density, 0.0)

    def draw(self, which: Indices, rows: Array, rng: np.random.Generator) -> None:
        """Write to the columns of each row a draw from the kernel of its number."""
        upto = self._shares[which].cumsum(axis=1)[:, :-1]
        options = (rng.random((len(which), 1)) >= upto).sum(axis=1)
        if self.block.kind is BlockKind.ONE_HOT:
            rows[:, self.block.columns] = np.eye(self._shares.shape[1])[options]
        else:
            rows[:, self.block.columns.start] = (options + 0.5) / 2


class Parzen:
    """A mixture of products of kernels.

    Args:
        kernels: Of each parameter, all with k components.
        weights: Of the components, not negative, shape (k,); need not add up to 1.
    """

    def __init__(self, kernels: Sequence[Kernels], weights: Array) -> None:
        self.kernels = kernels
        self.weights: Array = weights / weights.sum()

    def log_density(self, rows: Array) -> Array:
        """Logarithm of the density of encoded rows, shape (b, d), as (b,)."""
        with np.errstate(divide="ignore"):  # a weight of 0
            parts = np.log(self.weights) + np.zeros((len(rows), 1))
        for kernels in self.kernels:
            parts = parts + kernels.log_density(rows)
        density: Array = logsumexp(parts, axis=1)
        return density

    def draw_into(self, rows: Array, rng: np.random.Generator) -> None:
        """Write a draw to the parameters' columns of each row, shape (n, d), active or not."""
        which = rng.choice(len(self.weights), size=len(rows), p=self.weights)
        for kernels in self.kernels:
            kernels.draw(which, rows, rng)
