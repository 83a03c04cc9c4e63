"""A weighted sum of independent posteriors: the surrogate of several fidelities."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from agcore.gp.posterior import SMALLEST_VARIANCE, Posterior, Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.gp.arrays import Array


class WeightedEnsemble:
    """f = sum_i w_i f_i of independent f_i: mean sum w_i mu_i, variance sum w_i^2 sigma_i^2.

    The members may have other data each. Those with a single column of targets go with members
    that have m: their mean counts in every column.

    Args:
        members: Posteriors on the same inputs, at least one.
        weights: Of each, at least 0; a member of weight 0 is never asked.

    Raises:
        ValueError: No weight is above 0, or there is not one weight for each member.

    Source: Li et al. (2022), "Hyper-Tune", https://arxiv.org/abs/2201.06834, multi-fidelity
    optimizer.
    """

    def __init__(self, members: Sequence[Posterior], weights: Sequence[float]) -> None:
        pairs = zip(members, weights, strict=True)
        self._members = [(member, weight) for member, weight in pairs if weight > 0.0]
        if not self._members:
            raise ValueError(f"weights={list(weights)} must be above 0 for at least one member")

    @property
    def Y(self) -> Array:  # noqa: N802 - as of a posterior
        """Targets of all members that count, one below the other, shape (n, m)."""
        columns = max(member.num_targets for member, _ in self._members)
        return np.concatenate(
            [np.broadcast_to(m.Y, (len(m.Y), columns)) for m, _ in self._members], axis=0
        )

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Means, shape (b, m), and variances without noise, shape (b,), at X, shape (b, d)."""
        found = [(weight, *member.predict(X)) for member, weight in self._members]
        mean = reduce(np.add, [weight * mean for weight, mean, _ in found])
        variance = reduce(np.add, [weight * weight * variance for weight, _, variance in found])
        return mean, np.maximum(variance, SMALLEST_VARIANCE)

    def predict_with_pullback(self, X: Array) -> Prediction:
        """Marginals at X, shape (b, d), and the function that yields input gradients."""
        found = [(weight, m.predict_with_pullback(X)) for m, weight in self._members]
        mean = reduce(np.add, [weight * p.mean for weight, p in found])
        plain = reduce(np.add, [weight * weight * p.variance for weight, p in found])

        def pullback(by_mean: Array, by_variance: Array) -> Array:
            by_variance = by_variance * (plain > SMALLEST_VARIANCE)
            total = np.add.reduce(by_mean, axis=1)[:, None]
            return reduce(
                np.add,
                [
                    p.pullback(
                        weight * (by_mean if p.mean.shape == by_mean.shape else total),
                        weight * weight * by_variance,
                    )
                    for weight, p in found
                ],
            )

        return Prediction(mean, np.maximum(plain, SMALLEST_VARIANCE), pullback)
