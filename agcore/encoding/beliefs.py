"""What is believed about the best config, over encoded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from agcore.space.prior import Peak, Shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agcore.encoding.columns import Parameter

    Array = NDArray[np.float64]


class Beliefs:
    """The priors of all parameters together; inactive ones and those without do not count.

    Called with rows it is the logarithm of their density, relative to that of the likeliest.

    Args:
        parameters: Of the encoding.
        num_columns: Length d of a row.
    """

    def __init__(self, parameters: Sequence[Parameter], num_columns: int) -> None:
        self._log_shares = np.zeros(num_columns)
        columns, activities, peaks = [], [], []
        for parameter in parameters:
            prior, block = parameter.prior, parameter.block
            if isinstance(prior, Shares):
                shares = np.array(prior.shares[: parameter.width])
                self._log_shares[block.columns] = np.log(shares / max(prior.shares))
            elif isinstance(prior, Peak) and parameter.width:
                columns.append(block.columns.start)
                activities.append(-1 if block.activity is None else block.activity)
                peaks.append((prior.centre, prior.spread))
        self._columns = np.array(columns, dtype=np.int64)
        self._activities = np.array(activities, dtype=np.int64)
        self._centres, self._spreads = np.array(peaks).reshape(-1, 2).T

    def __call__(self, X: Array) -> Array:
        """Logarithms of relative densities at encoded rows X, shape (n, d), as (n,)."""
        return self._evaluate(X)[0]

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (n,) and their derivatives by the columns of numbers, 0 elsewhere, (n, d)."""
        value, distances, active = self._evaluate(X)
        gradient = np.zeros(X.shape)
        gradient[:, self._columns] = -active * distances / self._spreads
        return value, gradient

    def distributed(self, units: Array) -> Array:
        """Evenly distributed columns distributed by the priors instead, shape (n, d).

        The largest column of a Categorical, which is the option that is chosen, is each of them
        with its share.
        """
        rows = units.copy()
        # max of u_i^(1 / w_i) is that of i with the share w_i / sum w
        rows **= np.exp(-self._log_shares)
        low, high = ndtr(-self._centres / self._spreads), ndtr((1 - self._centres) / self._spreads)
        inside = low + units[:, self._columns] * (high - low)
        rows[:, self._columns] = self._centres + self._spreads * ndtri(inside)
        clipped: Array = rows.clip(0.0, 1.0)
        return clipped

    def _evaluate(self, rows: Array) -> tuple[Array, Array, Array]:
        """Values (n,), distances in spreads (n, k), and which of the k peaks count (n, k)."""
        distances = (rows[:, self._columns] - self._centres) / self._spreads
        active = np.where(self._activities < 0, 1.0, rows[:, self._activities])
        value = rows @ self._log_shares - 0.5 * np.sum(active * distances**2, axis=1)
        return value, distances, active
