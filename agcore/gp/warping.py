"""Warping of input coordinates by Kumaraswamy's distribution function, for any kernel.

w(x) = 1 - (1 - R(x)^a)^b, where R maps [0, 1] into [1e-9, 1 - 1e-9]; a = b = 1 changes nothing.

Source: Snoek et al. (2014), "Input Warping for Bayesian Optimization of Non-Stationary
Functions", with the Kumaraswamy in place of the beta distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.gp.arrays import Array
    from agcore.gp.kernels import CrossKernel, Kernel, TrainingKernel
    from agcore.gp.parameters import Parameter

MARGIN = 1e-9


class KumaraswamyWarp:
    """The map of some columns, and its derivatives.

    Args:
        columns: Which columns of the inputs are warped.
        a: Exponents of the rescaled input, shape (c,).
        b: Exponents of its complement, shape (c,).
    """

    def __init__(self, columns: Sequence[int], a: Array, b: Array) -> None:
        self._columns = list(columns)
        self._a = a
        self._b = b

    def __call__(self, X: Array) -> Array:
        """Warped copy of X, shape (n, d)."""
        return self.with_slopes(X)[0]

    def with_slopes(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """Warped X (n, d), and derivatives of warped columns by x, a and b, each (n, c)."""
        a, b = self._a, self._b
        r = np.clip(X[:, self._columns], 0.0, 1.0) * (1.0 - 2.0 * MARGIN) + MARGIN
        log_r = np.log(r)
        power = np.exp(a * log_r)  # r^a
        rest = -np.expm1(a * log_r)  # 1 - r^a, which may be tiny
        log_rest = np.log(rest)
        tail = np.exp(b * log_rest)
        warped = X.copy()
        warped[:, self._columns] = 1.0 - tail
        by_power = b * tail / rest
        by_x = by_power * a * power / r * (1.0 - 2.0 * MARGIN)
        return warped, by_x, by_power * power * log_r, -tail * log_rest


class Warped:
    """A kernel on inputs of which some columns are warped first.

    Args:
        kernel: Sees the warped inputs.
        columns: Columns to warp.
        template: Box and prior of the exponents a and b of each column.
        prefix: Begins the names ``<prefix>warping_a<column>`` and ``<prefix>warping_b<column>``.
    """

    def __init__(
        self, kernel: Kernel, columns: Sequence[int], template: Parameter, prefix: str = "kernel_"
    ) -> None:
        self._kernel = kernel
        self._columns = tuple(columns)
        self._num_kernel_values = sum(p.size for p in kernel.parameters)
        exponents = [
            template.named(f"{prefix}warping_{letter}{column}")
            for letter in "ab"
            for column in self._columns
        ]
        self.parameters: tuple[Parameter, ...] = (*kernel.parameters, *exponents)

    def _split(self, values: Array) -> tuple[Array, KumaraswamyWarp]:
        end, count = self._num_kernel_values, len(self._columns)
        a, b = values[end : end + count], values[end + count :]
        return values[:end], KumaraswamyWarp(self._columns, a, b)

    def training(self, X: Array) -> TrainingKernel:
        """The kernel on training points X, shape (n, d)."""
        return _WarpedTraining(self._kernel.training(X), self._split, self._columns, X)

    def cross(self, values: Array, Z: Array) -> CrossKernel:
        """The kernel between any points and Z, shape (n, d)."""
        kernel_values, warp = self._split(values)
        return _WarpedCross(self._kernel.cross(kernel_values, warp(Z)), warp, self._columns)

    def diagonal(self, values: Array, X: Array) -> Array:
        """k(x_b, x_b) for each row, shape (b,)."""
        kernel_values, warp = self._split(values)
        return self._kernel.diagonal(kernel_values, warp(X))

    def diagonal_input_gradient(self, values: Array, X: Array) -> Array | None:
        """Derivative of `diagonal` by X, shape (b, d); None if it is zero everywhere."""
        kernel_values, warp = self._split(values)
        warped, by_x, _, _ = warp.with_slopes(X)
        gradient = self._kernel.diagonal_input_gradient(kernel_values, warped)
        if gradient is not None:
            gradient[:, self._columns] *= by_x
        return gradient


class _WarpedTraining:
    """A training kernel whose points are warped anew at each evaluation."""

    def __init__(
        self,
        kernel: TrainingKernel,
        split: Callable[[Array], tuple[Array, KumaraswamyWarp]],
        columns: tuple[int, ...],
        X: Array,
    ) -> None:
        self._kernel = kernel
        self._split = split
        self._columns = columns
        self.move(X)

    def move(self, X: Array) -> None:
        self._X = X

    def evaluate(self, values: Array) -> Array:
        kernel_values, warp = self._split(values)
        warped, self._by_x, self._by_a, self._by_b = warp.with_slopes(self._X)
        self._kernel.move(warped)
        return self._kernel.evaluate(kernel_values)

    def pull_to_values(self, weights: Array) -> Array:
        columns = self._kernel.pull_to_inputs(weights)[:, self._columns]
        by_a = np.einsum("nc,nc->c", columns, self._by_a)
        by_b = np.einsum("nc,nc->c", columns, self._by_b)
        return np.concatenate([self._kernel.pull_to_values(weights), by_a, by_b])

    def pull_to_inputs(self, weights: Array) -> Array:
        gradient = self._kernel.pull_to_inputs(weights)
        gradient[:, self._columns] *= self._by_x
        return gradient


class _WarpedCross:
    """A cross kernel whose batches are warped first."""

    def __init__(
        self, kernel: CrossKernel, warp: KumaraswamyWarp, columns: tuple[int, ...]
    ) -> None:
        self._kernel = kernel
        self._warp = warp
        self._columns = columns

    def matrix(self, X: Array) -> Array:
        return self._kernel.matrix(self._warp(X))

    def with_pullback(self, X: Array) -> tuple[Array, Callable[[Array], Array]]:
        warped, by_x, _, _ = self._warp.with_slopes(X)
        K, kernel_pullback = self._kernel.with_pullback(warped)

        def pullback(W: Array) -> Array:
            gradient = kernel_pullback(W)
            gradient[:, self._columns] *= by_x
            return gradient

        return K, pullback
