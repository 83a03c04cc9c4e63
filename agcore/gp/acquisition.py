"""How much a point promises, for a minimised function; all are maximised, in batches.

Every acquisition averages over the target columns of a fantasised posterior. The logarithmic
forms have the same maximiser as the plain ones and a gradient where those underflow to zero.

Sources: Jones et al. (1998), eq. 15 (expected improvement); Ament et al. (2023), "Unexpected
Improvements to Expected Improvement", https://arxiv.org/abs/2310.20708 (its logarithm);
Gardner et al. (2014), "Bayesian Optimization with Inequality Constraints"; Srinivas et al.
(2010), "Gaussian Process Optimization in the Bandit Setting", https://arxiv.org/abs/0912.3995
(confidence bounds).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from agcore.gp.priors import LOG_TWO_PI

if TYPE_CHECKING:
    from agcore.gp.arrays import Array
    from agcore.gp.posterior import Posterior, Prediction

FAR_BELOW = -1e4
"""Standardised improvement below which the asymptotic series is exact to rounding."""


class Predictor(Protocol):
    """What an improvement is expected of: a posterior, or an ensemble of some."""

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Means, shape (b, m), and variances without noise, shape (b,), at X, shape (b, d)."""
        ...

    def predict_with_pullback(self, X: Array) -> Prediction:
        """Marginals at X, shape (b, d), and the function that yields input gradients."""
        ...


class Acquisition(Protocol):
    """A function to maximise."""

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        ...

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        ...


def log_improvement(u: Array) -> tuple[Array, Array]:
    """log(u Phi(u) + phi(u)) and its derivative, accurate for every finite u."""
    # Below -1, Phi and the improvement are exp(-u^2 / 2) / sqrt(2 pi) times a tame factor.
    v = np.minimum(u, -1.0)
    mills = math.sqrt(0.5 * math.pi) * erfcx(v * -math.sqrt(0.5))
    rest = 1.0 + v * mills
    lowest, highest = u.min(), u.max()
    if lowest < FAR_BELOW:
        rest = np.where(v > FAR_BELOW, rest, (1.0 - 3.0 / v / v) / v / v)
    value = np.log(rest) - 0.5 * (v * v + LOG_TWO_PI)
    slope = mills / rest
    if highest > -1.0:
        v = np.maximum(u, -1.0)
        below = ndtr(v)
        improvement = np.exp(-0.5 * (v * v + LOG_TWO_PI)) + v * below
        is_near = u > -1.0
        value = np.where(is_near, np.log(improvement), value)
        slope = np.where(is_near, below / improvement, slope)
    return value, slope


class ExpectedImprovement:
    """E max(y* - jitter - f(x), 0) over the posterior, or its logarithm.

    Args:
        posterior: Of the standardised criterion, or an ensemble.
        incumbent: Best value y*, a float or one for each target column, shape (m,).
        jitter: Least improvement that counts, in standardised units.
        is_log: Whether to take the logarithm (of the average over target columns).
    """

    def __init__(
        self,
        posterior: Predictor,
        incumbent: Array | float,
        *,
        jitter: float = 0.0,
        is_log: bool = True,
    ) -> None:
        self._posterior = posterior
        self._target = np.asarray(incumbent, float) - jitter
        self._head = _log_improvement_head if is_log else _improvement_head

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        mean, variance = self._posterior.predict(X)
        return self._head(self._target - mean, np.sqrt(variance))[0]

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        prediction = self._posterior.predict_with_pullback(X)
        sd = np.sqrt(prediction.variance)
        value, by_gain, by_sd = self._head(self._target - prediction.mean, sd)
        return value, prediction.pullback(-by_gain, by_sd / (2.0 * sd))


class UpperConfidenceBound:
    """kappa sd(x) - E f(x): minus the lower confidence bound of a minimised function.

    Means are averaged over the target columns; the standard deviation, in which pending configs
    are known already, is that of all of them.

    Args:
        posterior: Of the standardised criterion, or an ensemble.
        kappa: Weight of the standard deviation, at least 0: the larger, the more is explored.

    Source: Srinivas et al. (2010), eq. 6, where kappa is beta_t ** 0.5.
    """

    def __init__(self, posterior: Predictor, kappa: float) -> None:
        self._posterior = posterior
        self._kappa = kappa

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        mean, variance = self._posterior.predict(X)
        value: Array = self._kappa * np.sqrt(variance) - mean.mean(axis=1)
        return value

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        prediction = self._posterior.predict_with_pullback(X)
        sd, mean = np.sqrt(prediction.variance), prediction.mean
        by_mean = np.full_like(mean, -1.0 / mean.shape[1])
        value = self._kappa * sd - mean.mean(axis=1)
        return value, prediction.pullback(by_mean, self._kappa / (2.0 * sd))


def _improvement_head(gain: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Averaged expected improvement (b,), derivatives by gain (b, m) and by sd (b,)."""
    m = gain.shape[1]
    u = gain / sd[:, None]
    density, below = np.exp(-0.5 * (u * u + LOG_TWO_PI)), ndtr(u)
    value = sd * np.mean(u * below + density, axis=1)
    return value, below / m, np.mean(density, axis=1)


def _log_improvement_head(gain: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Log of averaged expected improvement (b,), derivatives by gain (b, m) and by sd (b,)."""
    u = gain / sd[:, None]
    log_h, slope = log_improvement(u)
    value, share = _log_mean_exp(log_h)
    slope *= share
    value += np.log(sd)
    by_sd = (1.0 - np.einsum("bm,bm->b", slope, u)) / sd
    slope /= sd[:, None]
    return value, slope, by_sd


def _log_mean_exp(a: Array) -> tuple[Array, Array]:
    """Logarithm of mean exp(a) over the columns, shape (b,), and its derivative, shape (b, m)."""
    if a.shape[1] == 1:
        return a[:, 0].copy(), np.ones_like(a)
    greatest = np.max(a, axis=1)
    share = np.exp(a - greatest[:, None])
    total = np.sum(share, axis=1)
    share /= total[:, None]
    return greatest + np.log(total / a.shape[1]), share


class ProbabilityOfFeasibility:
    """P(c(x) <= threshold) over the posterior of a constraint c, or its logarithm.

    Args:
        posterior: Of the standardised constraint.
        threshold: Greatest feasible value, in standardised units.
        is_log: Whether to take the logarithm.
    """

    def __init__(self, posterior: Posterior, threshold: float, *, is_log: bool = True) -> None:
        self._posterior = posterior
        self._threshold = threshold
        self._is_log = is_log

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        mean, variance = self._posterior.predict(X)
        return self._evaluate(mean, np.sqrt(variance))[0]

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        prediction = self._posterior.predict_with_pullback(X)
        sd = np.sqrt(prediction.variance)
        value, by_u, u = self._evaluate(prediction.mean, sd)
        by_variance = -0.5 * np.sum(by_u * u, axis=1) / prediction.variance
        return value, prediction.pullback(-by_u / sd[:, None], by_variance)

    def _evaluate(self, mean: Array, sd: Array) -> tuple[Array, Array, Array]:
        """Value (b,), its derivative by u (b, m), and u = (threshold - mean) / sd."""
        u = (self._threshold - mean) / sd[:, None]
        if not self._is_log:
            density = np.exp(-0.5 * (u * u + LOG_TWO_PI))
            return np.mean(ndtr(u), axis=1), density / u.shape[1], u
        value, share = _log_mean_exp(log_ndtr(u))
        # phi(u) / Phi(u), where neither may be a float: about -u far below 0.
        hazard = math.sqrt(2.0 / math.pi) / erfcx(np.maximum(u * -math.sqrt(0.5), -26.0))
        return value, share * hazard, u


class ConstrainedImprovement:
    """Expected improvement times probability of feasibility, or the sum of their logarithms.

    Args:
        improvement: Over the best feasible value; None while nothing is feasible: then the
            probability of feasibility stands alone.
        feasibility: Of the same form, plain or logarithmic.
        is_log: That form.
    """

    def __init__(
        self, improvement: Acquisition | None, feasibility: Acquisition, *, is_log: bool = True
    ) -> None:
        self._improvement = improvement
        self._feasibility = feasibility
        self._is_log = is_log

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        feasibility = self._feasibility(X)
        if self._improvement is None:
            return feasibility
        improvement = self._improvement(X)
        return improvement + feasibility if self._is_log else improvement * feasibility

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        p, dp = self._feasibility.with_gradient(X)
        if self._improvement is None:
            return p, dp
        v, dv = self._improvement.with_gradient(X)
        if self._is_log:
            return v + p, dv + dp
        return v * p, dv * p[:, None] + dp * v[:, None]


class WithPrior:
    """An acquisition times a power of a prior density, or the sum of their logarithms.

    Args:
        acquisition: Plain or logarithmic.
        log_prior: Logarithm of the density, at most 0.
        power: How much it counts; it is to fall with the number of observations.
        is_log: Whether ``acquisition`` is logarithmic.

    Source: Hvarfner et al. (2022), "piBO", https://arxiv.org/abs/2204.11051, eq. 6.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        log_prior: Acquisition,
        power: float,
        *,
        is_log: bool = True,
    ) -> None:
        self._acquisition = acquisition
        self._log_prior = log_prior
        self._power = power
        self._is_log = is_log

    def __call__(self, X: Array) -> Array:
        """Values at X, shape (b, d), as (b,)."""
        weight = self._power * self._log_prior(X)
        value = self._acquisition(X)
        return value + weight if self._is_log else value * np.exp(weight)

    def with_gradient(self, X: Array) -> tuple[Array, Array]:
        """Values (b,) and their derivatives by X, shape (b, d)."""
        v, dv = self._acquisition.with_gradient(X)
        p, dp = self._log_prior.with_gradient(X)
        p, dp = self._power * p, self._power * dp
        if self._is_log:
            return v + p, dv + dp
        factor = np.exp(p)
        value = v * factor
        return value, dv * factor[:, None] + dp * value[:, None]


def independent_thompson(posterior: Predictor, X: Array, rng: np.random.Generator) -> Array:
    """Minus a draw from each marginal at X, shape (b,); the first target column counts."""
    mean, variance = posterior.predict(X)
    draw: Array = mean[:, 0] + np.sqrt(variance) * rng.standard_normal(len(X))
    return -draw
