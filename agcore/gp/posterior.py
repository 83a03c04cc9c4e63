"""A Gaussian process given data: predictions, appends, joint samples, fantasies and beliefs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agcore.gp.blas_threads import on_one_blas_thread
from agcore.gp.linear_algebra import Factor, cholesky, factorise_packed
from agcore.gp.packed import diagonal_positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.gp.arrays import Array, IndexArray
    from agcore.gp.kernels import CrossKernel
    from agcore.gp.model import Model

SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Prediction:
    """Marginals of the noise-free function at b points.

    Attributes:
        mean: Shape (b, m), a column for each column of targets.
        variance: Shape (b,), at least 1e-12, without noise.
        pullback: From the derivatives of a scalar by mean (b, m) and variance (b,) to those by
            the inputs, shape (b, d).
    """

    mean: Array
    variance: Array
    pullback: Callable[[Array, Array], Array]


class Posterior:
    """A model given data. Nothing changes it: `append`, `fantasise` and `believe` return another.

    What it predicts depends on the data, their order, and which of them were there when it was
    factorised; appending a point costs O(n^2) and is not, to the last bit, factorising anew.

    Attributes:
        model: Kernel, mean and noise.
        values: Hyperparameters in natural units, shape (p,).
        X: Inputs, shape (n, d).
        Y: Targets, shape (n, m).
    """

    def __init__(
        self,
        model: Model,
        values: Array,
        X: Array,
        Y: Array,
        *,
        factor: Factor,
        whitened: Array,
        jitter: float,
    ) -> None:
        self.model = model
        self.values = values
        self.X = X
        self.Y = Y
        self._jitter = jitter
        _, self._kernel_values, self._mean_values = model.split(values)
        self._factor = factor
        self._whitened = whitened  # L^-1 (Y - m(X)), shape (n, m)
        self._alpha = factor.unwhiten(whitened.copy(order="F"))  # K^-1 (Y - m(X)), shape (n, m)
        self._cross: CrossKernel = model.kernel.cross(self._kernel_values, X)

    @classmethod
    @on_one_blas_thread
    def condition(cls, model: Model, values: Array, X: Array, Y: Array) -> Posterior:
        """The posterior given data, in O(n^3).

        Args:
            model: Kernel, mean and noise.
            values: Hyperparameters in natural units, shape (p,).
            X: Inputs, shape (n, d).
            Y: Targets, shape (n,) or (n, m).

        Raises:
            NotPositiveDefiniteError: The covariance matrix has no factor at any jitter.
        """
        values, X, Y = np.array(values), np.array(X, float), np.array(_columns(Y), float)
        noise, kernel_values, mean_values = model.split(values)
        K = model.kernel.training(X).evaluate(kernel_values)
        packed = np.empty_like(K)
        jitter = factorise_packed(K, noise, diagonal_positions(len(X)), packed)
        factor = Factor.of_packed(len(X), packed)
        residuals = np.asfortranarray(Y - model.mean(mean_values, X)[:, None])
        whitened = factor.whiten(residuals)
        return cls(model, values, X, Y, factor=factor, whitened=whitened, jitter=jitter)

    @property
    def num_targets(self) -> int:
        """Number m of target columns; one unless fantasised."""
        return len(self.Y.T)

    def training_means(self) -> Array:
        """Means at the data, shape (n, m), in O(n m): what the noise has been smoothed out of."""
        # K alpha = (K + s I) alpha - s alpha, and the first term is Y - m(X).
        return self.Y - (float(self.values[0]) + self._jitter) * self._alpha

    @on_one_blas_thread
    def leave_one_out(self, rows: IndexArray) -> tuple[Array, Array]:
        """What the data without each of k rows say about that row, in O(n^2 k).

        The hyperparameters stay those of all data.

        Args:
            rows: Numbers of the rows, shape (k,).

        Returns:
            Means, shape (k, m), and variances without noise, shape (k,), at least 1e-12.

        Source: Rasmussen & Williams (2006), eq. 5.12.
        """
        unit = np.zeros((len(self.X), len(rows)), order="F")
        unit[rows, np.arange(len(rows))] = 1.0
        V = self._factor.whiten(unit)
        precision = np.einsum("nk,nk->k", V, V)  # the diagonal of the inverse covariance
        mean = self.Y[rows] - self._alpha[rows] / precision[:, None]
        variance = 1.0 / precision - (float(self.values[0]) + self._jitter)
        return mean, np.maximum(variance, SMALLEST_VARIANCE)

    def _prior_mean(self, X: Array) -> Array:
        return self.model.mean(self._mean_values, X)

    @on_one_blas_thread
    def means(self, X: Array) -> Array:
        """Means at X, shape (b, d), as (b, m), in O(n b m): without the work for variances."""
        return self._cross.matrix(X) @ self._alpha + self._prior_mean(X)[:, None]

    @on_one_blas_thread
    def predict(self, X: Array) -> tuple[Array, Array]:
        """Means, shape (b, m), and variances without noise, shape (b,), at X, shape (b, d)."""
        K = self._cross.matrix(X)
        mean = K @ self._alpha
        mean += self._prior_mean(X)[:, None]
        V = self._factor.whiten(K.T)
        variance = self.model.kernel.diagonal(self._kernel_values, X)
        variance -= np.einsum("nb,nb->b", V, V)
        return mean, np.maximum(variance, SMALLEST_VARIANCE, out=variance)

    def predict_with_pullback(self, X: Array) -> Prediction:
        """Marginals at X, shape (b, d), and the function that yields input gradients."""
        kernel, kernel_values = self.model.kernel, self._kernel_values
        K, kernel_pullback = self._cross.with_pullback(X)
        mean = K @ self._alpha
        mean += self._prior_mean(X)[:, None]
        V = self._factor.whiten(K.T)
        plain = kernel.diagonal(kernel_values, X) - np.einsum("nb,nb->b", V, V)

        def pullback(by_mean: Array, by_variance: Array) -> Array:
            by_variance = by_variance * (plain > SMALLEST_VARIANCE)
            # d variance / dk = -2 K^-1 k
            weights = self._factor.unwhiten(V.copy(order="F")).T
            weights *= (-2.0 * by_variance)[:, None]
            weights += by_mean @ self._alpha.T
            gradient = kernel_pullback(weights)
            mean_slope = self.model.mean.input_gradient(self._mean_values, X)
            if mean_slope is not None:
                gradient += np.add.reduce(by_mean, axis=1)[:, None] * mean_slope
            diagonal_slope = kernel.diagonal_input_gradient(kernel_values, X)
            if diagonal_slope is not None:
                gradient += by_variance[:, None] * diagonal_slope
            return gradient

        return Prediction(mean, np.maximum(plain, SMALLEST_VARIANCE), pullback)

    @on_one_blas_thread
    def append(self, X_new: Array, Y_new: Array) -> Posterior:
        """The posterior given ``q`` more points and the same hyperparameters, in O(n^2 q).

        Args:
            X_new: Their inputs, shape (q, d).
            Y_new: Their targets, shape (q,), (q, 1) or (q, m).

        Raises:
            NotPositiveDefiniteError: The covariance of the new points given the old has no
                factor at any jitter.
        """
        noise, kernel_values, _ = self.model.split(self.values)
        K_cross = self._cross.matrix(X_new).T
        K_new = self.model.kernel.cross(kernel_values, X_new).matrix(X_new)
        K_new.flat[:: len(X_new) + 1] += noise + self._jitter
        factor, side, corner = self._factor.grown(K_cross, K_new)
        Y_new = _columns(Y_new)
        residuals = Y_new - self._prior_mean(X_new)[:, None]
        new_rows = np.linalg.solve(corner, residuals - side @ self._whitened)
        old_shape = (len(self.X), new_rows.shape[1])
        whitened = np.concatenate([np.broadcast_to(self._whitened, old_shape), new_rows])
        return Posterior(
            self.model,
            self.values,
            np.concatenate([self.X, X_new]),
            np.concatenate([np.broadcast_to(self.Y, old_shape), Y_new]),
            factor=factor,
            whitened=whitened,
            jitter=self._jitter,
        )

    @on_one_blas_thread
    def given_targets(self, Y: Array) -> Posterior:
        """The posterior given other targets at the same inputs, shape (n,) or (n, m), in O(n^2 m).

        The factor is shared, so the result does not depend on the targets there were before.
        """
        Y = np.array(_columns(Y), float)
        residuals = np.asfortranarray(Y - self._prior_mean(self.X)[:, None])
        return Posterior(
            self.model,
            self.values,
            self.X,
            Y,
            factor=self._factor,
            whitened=self._factor.whiten(residuals),
            jitter=self._jitter,
        )

    @on_one_blas_thread
    def joint(self, X: Array) -> tuple[Array, Array]:
        """Means (b, m) and covariance matrix (b, b), without noise, at X, shape (b, d)."""
        K = self._cross.matrix(X)
        mean = K @ self._alpha + self._prior_mean(X)[:, None]
        V = self._factor.whiten(K.T)
        covariance = self.model.kernel.cross(self._kernel_values, X).matrix(X)
        covariance -= V.T @ V
        return mean, covariance

    def sample(self, X: Array, rng: np.random.Generator, num_samples: int) -> Array:
        """Joint draws of the noise-free function at X, shape (b, num_samples).

        Raises:
            ValueError: This posterior has several target columns.
        """
        if self.num_targets != 1:
            raise ValueError(
                f"cannot sample given {self.num_targets} target columns; sample before fantasising"
            )
        mean, covariance = self.joint(X)
        L = cholesky(covariance)
        return mean + L @ rng.standard_normal((len(X), num_samples))

    def fantasise(self, X: Array, rng: np.random.Generator, num_samples: int) -> Posterior:
        """The posterior given joint draws at pending points as if they were observed there.

        Args:
            X: Pending points, shape (q, d).
            rng: Source of the draws.
            num_samples: Number m of draws, each a column of targets.

        Returns:
            A posterior whose means have shape (b, m); variances do not depend on the draw.
        """
        return self.append(X, self.sample(X, rng, num_samples))

    def believe(self, X: Array) -> Posterior:
        """The posterior given its own means at X, shape (q, d), as if they were observed there.

        Means stay where they are, variances shrink.

        Raises:
            NotPositiveDefiniteError: As for `append`.

        Source: Ginsbourger, Le Riche & Carraro (2010), "Kriging is well-suited to parallelize
        optimization", the kriging believer.
        """
        return self.append(X, self.means(X))


def _columns(Y: Array) -> Array:
    return Y[:, None] if Y.ndim == 1 else Y
