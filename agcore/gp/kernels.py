"""Covariance functions over rows of an array, with the derivatives that fitting and search need.

A kernel is a structure without values: the flat vector of its hyperparameters, in the order of
`Kernel.parameters`, is an argument. Derivatives are vector-Jacobian products: no array has both
a pair of points and a hyperparameter among its axes.

* `Kernel.training(X)` evaluates the packed matrix K(X, X) again and again, on buffers of its own,
  and pulls entry weights back to hyperparameters (or to X); see `agcore.gp.packed`.
* `Kernel.cross(values, Z)` evaluates K(X, Z) for batches X, and pulls weights back to X.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.linalg import blas

from agcore.gp.packed import pack, packed_size, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.gp.arrays import Array
    from agcore.gp.parameters import Parameter

SMALLEST_Q = 1e-9
"""Floor of Q = 5 D, so that its square root can be differentiated."""

CHUNK = 1 << 14
"""Entries worked on at a time: three arrays of them fit the second-level cache."""


class TrainingKernel(Protocol):
    """A kernel on one set of training points; owns the buffers that a fit uses over again."""

    def move(self, X: Array) -> None:
        """Replaces the training points by as many others, shape (n, d)."""
        ...

    def evaluate(self, values: Array) -> Array:
        """Packed K(X, X); belongs to this object and is overwritten by the next call.

        Args:
            values: Hyperparameters in natural units, shape (p,).
        """
        ...

    def pull_to_values(self, weights: Array) -> Array:
        """Derivative of sum(weights * K) by the hyperparameters at the last evaluation.

        Args:
            weights: Entry weights, packed; overwritten.

        Returns:
            Shape (p,), by values in natural units.
        """
        ...

    def pull_to_inputs(self, weights: Array) -> Array:
        """Derivative of sum(weights * K) by X at the last evaluation, shape (n, d).

        Args:
            weights: Entry weights, packed; left as they are.
        """
        ...


class CrossKernel(Protocol):
    """A kernel with given hyperparameters between batches of points and n fixed points."""

    def matrix(self, X: Array) -> Array:
        """K(X, Z) in C order, shape (b, n), for X of shape (b, d)."""
        ...

    def with_pullback(self, X: Array) -> tuple[Array, Callable[[Array], Array]]:
        """K(X, Z), and a function from weights to input gradients.

        The function maps W of shape (b, n) to sum_j W_bj dk(x_b, z_j)/dx_b, shape (b, d). It
        keeps what it needs: K may be overwritten.
        """
        ...


class Kernel(Protocol):
    """A positive semi-definite covariance function."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The hyperparameters, in the order of ``values``."""
        ...

    def training(self, X: Array) -> TrainingKernel:
        """The kernel on training points X, shape (n, d)."""
        ...

    def cross(self, values: Array, Z: Array) -> CrossKernel:
        """The kernel between any points and Z, shape (n, d)."""
        ...

    def diagonal(self, values: Array, X: Array) -> Array:
        """k(x_b, x_b) for each row, shape (b,)."""
        ...

    def diagonal_input_gradient(self, values: Array, X: Array) -> Array | None:
        """Derivative of `diagonal` by X, shape (b, d); None if it is zero everywhere."""
        ...


class Matern52:
    """Matern kernel of smoothness 5/2 with a length scale for each input (ARD).

    k(x, z) = c (1 + B + Q / 3) exp(-B), B = sqrt(Q), Q = 5 sum_k (w_k (x_k - z_k))^2.

    Source: Rasmussen & Williams (2006), eq. 4.17.
    """

    def __init__(self, inverse_bandwidth: Parameter, covariance_scale: Parameter) -> None:
        self.num_inputs = inverse_bandwidth.size
        self.parameters = (inverse_bandwidth, covariance_scale)

    def training(self, X: Array) -> TrainingKernel:
        """The kernel on training points X, shape (n, d)."""
        return _Matern52Training(X)

    def cross(self, values: Array, Z: Array) -> CrossKernel:
        """The kernel between any points and Z, shape (n, d)."""
        return _Matern52Cross(values, Z)

    def diagonal(self, values: Array, X: Array) -> Array:
        """k(x_b, x_b) for each row, shape (b,)."""
        return np.full(len(X), values[-1])

    def diagonal_input_gradient(self, values: Array, X: Array) -> Array | None:
        """None: the kernel is stationary."""
        return None


def matern52_from_squares(Q: Array, slope: Array, scale: float) -> None:
    """Turns Q into kernel values in place, and writes their derivatives to ``slope``.

    Args:
        Q: 5 D, flat and contiguous; becomes c (1 + B + Q / 3) exp(-B).
        slope: Receives c (1 + B) exp(-B), which is -6 dk/dQ, shape of ``Q``.
        scale: Covariance scale c.
    """
    log_scale = math.log(scale)
    scratch = np.empty(min(CHUNK, Q.size))
    for begin in range(0, Q.size, CHUNK):
        q = Q[begin : begin + CHUNK]
        g = slope[begin : begin + CHUNK]
        decay = scratch[: q.size]
        np.maximum(q, SMALLEST_Q, out=q)
        np.sqrt(q, out=g)
        np.subtract(log_scale, g, out=decay)
        np.exp(decay, out=decay)
        g += 1.0
        g *= decay
        decay *= 1.0 / 3.0
        q *= decay
        q += g


class _Matern52Training:
    """Matern-5/2 on (n, d) points."""

    def __init__(self, X: Array) -> None:
        n, d = X.shape
        self._n, self._d = n, d
        # [x, s, 1] and [-2 v x, 1, s], where v = 5 w^2 and s = sum_k v_k x_k^2: their product is Q.
        self._left = np.ones((n, d + 2))
        self._right = np.ones((n, d + 2))
        self._features = np.ones((n, 2 * d + 1), order="F")
        self._Q = np.empty((n, n), order="F")
        self._slope = np.empty(packed_size(n))
        self._values = self._K = np.empty(0)
        self.move(X)

    def move(self, X: Array) -> None:
        d = self._d
        X = np.subtract(X, 0.5, out=self._left[:, :d])
        self._features[:, :d] = X
        np.square(X, out=self._features[:, d:-1])
        self._doubled = -2.0 * X

    def evaluate(self, values: Array) -> Array:
        d, right = self._d, self._right
        self._values = values
        v = 5.0 * values[:d] ** 2
        np.multiply(self._doubled, v, out=right[:, :d])
        s = self._features[:, d:-1] @ v
        self._left[:, d] = s
        right[:, d + 1] = s
        np.matmul(self._left, right.T, out=self._Q)
        self._K = pack(self._Q)
        matern52_from_squares(self._K, self._slope, float(values[d]))
        return self._K

    def pull_to_values(self, weights: Array) -> Array:
        d, features = self._d, self._features
        gradient = np.empty(d + 1)
        gradient[d] = (weights @ self._K) / self._values[d]
        weights *= self._slope
        lower = unpack(self._n, weights)
        # sum_ij T_ij (x_ik - x_jk)^2 from F^T T F, F = [x, x^2, 1]; the diagonal of T cancels.
        moments = features.T @ blas.dtrmm(1.0, lower, features, lower=1)
        squares = moments[d:-1, -1] + moments[-1, d:-1] - 2.0 * moments.diagonal()[:d]
        np.multiply(squares, (-5.0 / 3.0) * self._values[:d], out=gradient[:d])
        return gradient

    def pull_to_inputs(self, weights: Array) -> Array:
        d = self._d
        lower = unpack(self._n, weights * self._slope)
        features = np.ones((self._n, d + 1), order="F")
        X = features[:, :d] = self._features[:, :d]
        moments = blas.dtrmm(1.0, lower, features, lower=1)
        moments += blas.dtrmm(1.0, lower, features, lower=1, trans_a=1)
        pulled: Array = X * moments[:, d:] - moments[:, :d]
        pulled *= (-5.0 / 3.0) * self._values[:d] ** 2
        return pulled


class _Matern52Cross:
    """Matern-5/2 between batches and n fixed points."""

    def __init__(self, values: Array, Z: Array) -> None:
        n, d = Z.shape
        self._factors = math.sqrt(5.0) * values[:-1]
        self._scale = float(values[-1])
        self._right = np.empty((n, d + 2))
        u = (Z - 0.5) * self._factors
        np.multiply(u, -2.0, out=self._right[:, :d])
        self._right[:, d] = 1.0
        np.einsum("ij,ij->i", u, u, out=self._right[:, d + 1])
        self._u = u

    def matrix(self, X: Array) -> Array:
        return self._evaluate(X)[0]

    def with_pullback(self, X: Array) -> tuple[Array, Callable[[Array], Array]]:
        K, slope, scaled = self._evaluate(X)

        def pullback(W: Array) -> Array:
            # dk/du = -(1/3) slope (u - u_j)
            M = W * slope
            sums = np.add.reduce(M, axis=1)
            pulled: Array = M @ self._u
            pulled -= scaled * sums[:, None]
            pulled *= self._factors / 3.0
            return pulled

        return K, pullback

    def _evaluate(self, X: Array) -> tuple[Array, Array, Array]:
        b, d = X.shape
        left = np.empty((b, d + 2))
        scaled = left[:, :d]
        np.multiply(X - 0.5, self._factors, out=scaled)
        np.einsum("ij,ij->i", scaled, scaled, out=left[:, d])
        left[:, d + 1] = 1.0
        K: Array = left @ self._right.T
        slope = np.empty_like(K)
        matern52_from_squares(K.reshape(-1), slope.reshape(-1), self._scale)
        return K, slope, scaled
