"""The objective of a fit: minus the log of likelihood times prior, with its gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

from agcore.gp.linear_algebra import NotPositiveDefiniteError, factorise_packed, invert_packed
from agcore.gp.packed import diagonal_positions, packed_size
from agcore.gp.priors import LOG_TWO_PI

if TYPE_CHECKING:
    from agcore.gp.arrays import Array
    from agcore.gp.model import Model


class NegativeLogPosterior:
    """-log p(y | X, theta) - log p(theta) as a function of internal coordinates.

    Buffers are allocated once; an evaluation costs little more than dpftrf and dpftri.

    Args:
        model: Kernel, mean and noise.
        X: Training inputs, shape (n, d).
        y: Training targets, shape (n,), standardised.

    Source: Rasmussen & Williams (2006), eq. 5.8 and 5.9.
    """

    def __init__(self, model: Model, X: Array, y: Array) -> None:
        self.evaluations = 0
        self._model = model
        self._X = np.array(X, float)
        self._y = np.array(y, float)
        self._kernel = model.kernel.training(self._X)
        self._diagonal = diagonal_positions(len(y))
        self._factor = np.empty(packed_size(len(y)))

    def __call__(self, internal: Array) -> tuple[float, Array]:
        """Objective and gradient, shape (p,); (inf, zeros) where K has no factor."""
        self.evaluations += 1
        model = self._model
        values = model.parameters.values(internal)
        gradient = np.zeros_like(values)
        with np.errstate(all="ignore"):
            try:
                value = self._likelihood(values, gradient)
            except NotPositiveDefiniteError:
                return math.inf, np.zeros_like(values)
            value += model.parameters.negative_log_prior(values, gradient)
            gradient = model.parameters.internal_gradient(values, gradient)
            is_finite = math.isfinite(value + float(np.add.reduce(gradient)))
        if not is_finite:
            return math.inf, np.zeros_like(values)
        return value, gradient

    def _likelihood(self, values: Array, gradient: Array) -> float:
        """Minus the log likelihood; its derivative by ``values`` is written to ``gradient``."""
        model, X, W, at = self._model, self._X, self._factor, self._diagonal
        n = at.size
        noise, kernel_values, mean_values = model.split(values)
        K = self._kernel.evaluate(kernel_values)
        factorise_packed(K, noise, at, W)
        residual = self._y - model.mean(mean_values, X)
        alpha: Array = lapack.dpftrs(n, W, residual[:, None], uplo="L")[0]
        half_log_det = float(np.add.reduce(np.log(W[at])))
        fit_term = 0.5 * float(residual @ alpha[:, 0])

        # dL/dK = (K^-1 - alpha alpha^T) / 2; as entry weights, only the diagonal is halved.
        invert_packed(n, W)
        lapack.dsfrk(n, 1, -1.0, alpha, 1.0, W, uplo="L", overwrite_c=1)
        W[at] *= 0.5
        gradient[0] = np.add.reduce(W[at])
        gradient[model.kernel_at] += self._kernel.pull_to_values(W)
        gradient[model.mean_at] += model.mean.pull_to_values(mean_values, X, -alpha[:, 0])
        return fit_term + half_log_det + 0.5 * n * LOG_TWO_PI
