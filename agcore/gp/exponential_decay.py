"""Learning curves that decay exponentially: the kernel and mean over rows [x, r].

A curve is f(x, r) = gamma e^(-lambda r) + (1 - delta e^(-lambda r)) f(x), where lambda has a
Gamma density of shape alpha and mean ``mean_lam``, and f(x) is a Gaussian process of mean mu and
kernel k_x. With beta = alpha / mean_lam and kappa(r) = (beta / (r + beta))^alpha:

    m = mu + kappa(r) (gamma - delta mu)
    k = k_x(x, x') F(r, r') + (gamma - delta mu)^2 H(r, r')
    F = 1 - delta (kappa(r) + kappa(r') - delta kappa(r + r'))
    H = kappa(r + r') - kappa(r) kappa(r')

Resources take few levels, so F and H are tables over pairs of levels, gathered to the pairs of
points; derivatives are summed over the points of each pair of levels first.

Source: Tiao et al. (2020), "Model-based Asynchronous Hyperparameter and Neural Architecture
Search", https://arxiv.org/abs/2003.10865; delta = 0 is Swersky et al. (2014), "Freeze-Thaw
Bayesian Optimization".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agcore.gp.packed import pair_indices

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.gp.arrays import Array, IndexArray
    from agcore.gp.kernels import CrossKernel, Kernel, TrainingKernel
    from agcore.gp.parameters import Parameter


@dataclass(frozen=True, slots=True)
class Decay:
    """The hyperparameters of the curves.

    Attributes:
        alpha: Shape of the density of lambda.
        mean_lam: Its mean.
        gamma: Value of a curve at r = 0 when delta is 1.
        delta: Share of the asymptote that r = 0 forgets, in [0, 1].
        mu: Mean of the asymptotes.
    """

    alpha: float
    mean_lam: float
    gamma: float
    delta: float
    mu: float

    @property
    def excess(self) -> float:
        """The difference gamma - delta mu."""
        return self.gamma - self.delta * self.mu

    @property
    def beta(self) -> float:
        """Rate of the density of lambda."""
        return self.alpha / self.mean_lam

    def kappa(self, r: Array) -> Array:
        """E exp(-lambda r), shape of ``r``."""
        kappa: Array = np.exp(-self.alpha * np.log1p(r / self.beta))
        return kappa

    def kappa_slope(self, r: Array, kappa: Array) -> Array:
        """Derivative of kappa by r."""
        return kappa * (-self.alpha / (r + self.beta))

    def pull_kappa(self, r: Array, kappa: Array, weights: Array) -> tuple[float, float]:
        """Derivatives of sum(weights * kappa(r)) by alpha and mean_lam."""
        weighted = weights * kappa
        at_fixed_beta = -float(np.sum(weighted * np.log1p(r / self.beta)))
        by_beta = float(np.sum(weighted * r / (r + self.beta))) * self.alpha / self.beta
        by_alpha = at_fixed_beta + by_beta / self.mean_lam
        return by_alpha, -by_beta * self.alpha / self.mean_lam**2

    def tables(self, r: Array, s: Array) -> tuple[Array, Array]:
        """F and H between resources r, shape (u,), and s, shape (v,), each (u, v)."""
        near, far = self.kappa(r)[:, None], self.kappa(s)
        both = self.kappa(r[:, None] + s)
        factor = 1.0 - self.delta * (near + far - self.delta * both)
        return factor, both - near * far

    def table_slopes(self, r: Array, s: Array) -> tuple[Array, Array]:
        """Derivatives of F and H by r, each (u, v)."""
        sums = r[:, None] + s
        near = self.kappa_slope(r, self.kappa(r))[:, None]
        both = self.kappa_slope(sums, self.kappa(sums))
        return -self.delta * (near - self.delta * both), both - near * self.kappa(s)


class DecayParameters:
    """The hyperparameters of the curves as they stand in a flat vector.

    Args:
        alpha: Shape of the density of lambda.
        mean_lam: Its mean.
        gamma: Value at r = 0.
        delta: A parameter, or the number it is fixed at.
        mu: Mean of the asymptotes.
    """

    def __init__(
        self,
        alpha: Parameter,
        mean_lam: Parameter,
        gamma: Parameter,
        delta: Parameter | float,
        mu: Parameter,
    ) -> None:
        self.mu = mu
        self._fixed_delta = delta if isinstance(delta, float) else None
        self.parameters: tuple[Parameter, ...] = (alpha, mean_lam, gamma, mu)
        if not isinstance(delta, float):
            self.parameters += (delta,)

    def __len__(self) -> int:
        return len(self.parameters)

    def decay(self, values: Array) -> Decay:
        """The curves with given values, in the order of `parameters`."""
        alpha, mean_lam, gamma, mu, *rest = values.tolist()
        delta = self._fixed_delta if self._fixed_delta is not None else rest[0]
        return Decay(alpha, mean_lam, gamma, delta, mu)

    def gradient(
        self, by_alpha: float, by_mean_lam: float, by_gamma: float, by_mu: float, by_delta: float
    ) -> Array:
        """Derivatives in the order of `parameters`; that by a fixed delta is dropped."""
        all_five = np.array([by_alpha, by_mean_lam, by_gamma, by_mu, by_delta])
        return all_five[: len(self)]


class ExponentialDecayMean:
    """m(x, r) = mu + kappa(r) (gamma - delta mu)."""

    def __init__(self, curves: DecayParameters) -> None:
        self._curves = curves
        self.level = curves.mu
        self.parameters = curves.parameters

    def __call__(self, values: Array, X: Array) -> Array:
        """m(x_b, r_b) for each row [x, r] of X, shape (b,)."""
        decay = self._curves.decay(values)
        return decay.mu + decay.kappa(X[:, -1]) * decay.excess

    def pull_to_values(self, values: Array, X: Array, weights: Array) -> Array:
        """Derivative of sum_b weights_b m(x_b, r_b) by the values, shape (p,)."""
        decay, r = self._curves.decay(values), X[:, -1]
        kappa = decay.kappa(r)
        by_excess = float(weights @ kappa)
        by_alpha, by_mean_lam = decay.pull_kappa(r, kappa, weights * decay.excess)
        by_mu = float(np.add.reduce(weights)) - decay.delta * by_excess
        return self._curves.gradient(by_alpha, by_mean_lam, by_excess, by_mu, -decay.mu * by_excess)

    def input_gradient(self, values: Array, X: Array) -> Array | None:
        """Derivative of m by [x, r], shape (b, d); only the last column is not zero."""
        decay, r = self._curves.decay(values), X[:, -1]
        gradient = np.zeros_like(X)
        gradient[:, -1] = decay.kappa_slope(r, decay.kappa(r)) * decay.excess
        return gradient


class ExponentialDecay:
    """k = k_x(x, x') F(r, r') + (gamma - delta mu)^2 H(r, r') over rows [x, r].

    Args:
        kernel: k_x, over all columns but the last.
        curves: Hyperparameters of the curves.
    """

    def __init__(self, kernel: Kernel, curves: DecayParameters) -> None:
        self._kernel = kernel
        self._curves = curves
        self.parameters: tuple[Parameter, ...] = (*kernel.parameters, *curves.parameters)

    def _split(self, values: Array) -> tuple[Array, Decay]:
        end = len(values) - len(self._curves)
        return values[:end], self._curves.decay(values[end:])

    def training(self, X: Array) -> TrainingKernel:
        """The kernel on training points X, shape (n, d)."""
        return _ExponentialDecayTraining(self._kernel, self._curves, X)

    def cross(self, values: Array, Z: Array) -> CrossKernel:
        """The kernel between any points and Z, shape (n, d)."""
        kernel_values, decay = self._split(values)
        return _ExponentialDecayCross(self._kernel.cross(kernel_values, Z[:, :-1]), decay, Z[:, -1])

    def diagonal(self, values: Array, X: Array) -> Array:
        """Variance of each row, shape (b,)."""
        kernel_values, decay = self._split(values)
        r = X[:, -1]
        kappa, both = decay.kappa(r), decay.kappa(2.0 * r)
        factor = 1.0 - decay.delta * (2.0 * kappa - decay.delta * both)
        k_x = self._kernel.diagonal(kernel_values, X[:, :-1])
        return k_x * factor + decay.excess**2 * (both - kappa * kappa)

    def diagonal_input_gradient(self, values: Array, X: Array) -> Array | None:
        """Derivative of `diagonal` by X, shape (b, d)."""
        kernel_values, decay = self._split(values)
        inputs, r = X[:, :-1], X[:, -1]
        kappa, both = decay.kappa(r), decay.kappa(2.0 * r)
        slope, both_slope = decay.kappa_slope(r, kappa), 2.0 * decay.kappa_slope(2.0 * r, both)
        factor = 1.0 - decay.delta * (2.0 * kappa - decay.delta * both)
        gradient = np.zeros_like(X)
        by_x = self._kernel.diagonal_input_gradient(kernel_values, inputs)
        if by_x is not None:
            gradient[:, :-1] = by_x * factor[:, None]
        k_x = self._kernel.diagonal(kernel_values, inputs)
        gradient[:, -1] = -decay.delta * k_x * (2.0 * slope - decay.delta * both_slope)
        gradient[:, -1] += decay.excess**2 * (both_slope - 2.0 * kappa * slope)
        return gradient


class _ExponentialDecayTraining:
    """The kernel on training points, with the pairs of their resource levels."""

    def __init__(self, kernel: Kernel, curves: DecayParameters, X: Array) -> None:
        self._curves = curves
        self._kernel = kernel.training(X[:, :-1])
        self._set_levels(X[:, -1])

    def _set_levels(self, r: Array) -> None:
        levels, level_of = np.unique(r, return_inverse=True)
        rows, columns = self._rows_and_columns = pair_indices(len(r))
        self._r = r.copy()
        self._levels = levels
        self._pair: IndexArray = level_of[rows] * len(levels) + level_of[columns]

    def move(self, X: Array) -> None:
        self._kernel.move(X[:, :-1])
        if not np.array_equal(X[:, -1], self._r):
            self._set_levels(X[:, -1])

    def evaluate(self, values: Array) -> Array:
        end = len(values) - len(self._curves)
        self._decay = decay = self._curves.decay(values[end:])
        self._K_x = self._kernel.evaluate(values[:end])
        factor, spread = decay.tables(self._levels, self._levels)
        self._factor = self._gathered(factor)
        K = self._K_x * self._factor
        K += self._gathered(decay.excess**2 * spread)
        return K

    def pull_to_values(self, weights: Array) -> Array:
        by_spread = self._sum_over_pairs(weights)
        by_factor = self._sum_over_pairs(weights * self._K_x)
        weights *= self._factor
        by_kernel = self._kernel.pull_to_values(weights)
        return np.concatenate([by_kernel, self._pull_tables(by_factor, by_spread)])

    def _gathered(self, table: Array) -> Array:
        """The packed entries of a table over pairs of levels, shape (q, q)."""
        # Every index is valid; "clip" only spares NumPy a slower check of that.
        return table.reshape(-1).take(self._pair, mode="clip")

    def _sum_over_pairs(self, weights: Array) -> Array:
        """Sums of packed weights over the points of each pair of levels, shape (q, q)."""
        q = len(self._levels)
        return np.asarray(np.bincount(self._pair, weights, q * q), float).reshape(q, q)

    def _pull_tables(self, by_factor: Array, by_spread: Array) -> Array:
        """Derivatives of sum(by_factor * F + by_spread * excess^2 H) by the curves' values."""
        decay, r = self._decay, self._levels
        kappa, sums = decay.kappa(r), r[:, None] + r
        both = decay.kappa(sums)
        spread = both - kappa[:, None] * kappa
        square = decay.excess**2
        by_excess = 2.0 * decay.excess * float(np.sum(by_spread * spread))
        by_both = decay.delta**2 * by_factor + square * by_spread
        by_kappa = -decay.delta * (by_factor.sum(0) + by_factor.sum(1))
        by_kappa -= square * (by_spread @ kappa + by_spread.T @ kappa)
        alpha_1, lam_1 = decay.pull_kappa(r, kappa, by_kappa)
        alpha_2, lam_2 = decay.pull_kappa(sums, both, by_both)
        by_delta = float(np.sum(by_factor * (2.0 * decay.delta * both - kappa - kappa[:, None])))
        return self._curves.gradient(
            alpha_1 + alpha_2,
            lam_1 + lam_2,
            by_excess,
            -decay.delta * by_excess,
            by_delta - decay.mu * by_excess,
        )

    def pull_to_inputs(self, weights: Array) -> Array:
        by_x = self._kernel.pull_to_inputs(weights * self._factor)
        by_factor, by_spread = self._decay.table_slopes(self._levels, self._levels)
        square = self._decay.excess**2
        rows, columns = self._rows_and_columns
        by_r = np.zeros(len(self._r))
        for ends, transposed in ((rows, False), (columns, True)):
            first, second = (by_factor.T, by_spread.T) if transposed else (by_factor, by_spread)
            slope = self._K_x * self._gathered(first)
            slope += square * self._gathered(second)
            by_r += np.bincount(ends, weights * slope, len(by_r))
        return np.column_stack([by_x, by_r])


class _ExponentialDecayCross:
    """The kernel between batches and n fixed points."""

    def __init__(self, kernel: CrossKernel, decay: Decay, r: Array) -> None:
        self._kernel = kernel
        self._decay = decay
        self._levels, self._level_of = np.unique(r, return_inverse=True)

    def matrix(self, X: Array) -> Array:
        factor, spread = self._gathered(self._decay.tables, X[:, -1])
        K = self._kernel.matrix(X[:, :-1])
        K *= factor
        K += self._decay.excess**2 * spread
        return K

    def _gathered(
        self, tables: Callable[[Array, Array], tuple[Array, Array]], r: Array
    ) -> tuple[Array, Array]:
        """Two tables between r, shape (b,), and the fixed points: (b, n), or (1, n) for equal r."""
        if np.all(r == r[0]):
            first, second = tables(r[:1], self._levels)
        else:
            levels, level_of = np.unique(r, return_inverse=True)
            first, second = tables(levels, self._levels)
            first, second = first[level_of], second[level_of]
        return first[:, self._level_of], second[:, self._level_of]

    def with_pullback(self, X: Array) -> tuple[Array, Callable[[Array], Array]]:
        r = X[:, -1]
        factor, spread = self._gathered(self._decay.tables, r)
        K_x, kernel_pullback = self._kernel.with_pullback(X[:, :-1])
        square = self._decay.excess**2
        K = K_x * factor + square * spread

        def pullback(W: Array) -> Array:
            gradient = np.empty_like(X)
            gradient[:, :-1] = kernel_pullback(W * factor)
            by_factor, by_spread = self._gathered(self._decay.table_slopes, r)
            gradient[:, -1] = np.sum(W * (K_x * by_factor + square * by_spread), axis=1)
            return gradient

        return K, pullback
