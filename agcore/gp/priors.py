"""Prior densities of hyperparameters: negative logarithm and its derivative.

Densities are those of the value itself (not of its logarithm), as in the literature; constants
are kept, so that objectives of different priors may be compared. They are plain functions of a
float: a fit evaluates a dozen of them, and arrays would cost more than they save.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

LOG_TWO_PI = math.log(2 * math.pi)


class Prior(Protocol):
    """A density on the real line or on the positive half of it."""

    def negative_log_density(self, value: float) -> tuple[float, float]:
        """Minus the log density, and its derivative by the value."""
        ...


@dataclass(frozen=True, slots=True)
class Flat:
    """The constant 1 (improper)."""

    def negative_log_density(self, value: float) -> tuple[float, float]:
        """Zero, with derivative zero."""
        return 0.0, 0.0


FLAT = Flat()


@dataclass(frozen=True, slots=True)
class Normal:
    """Normal density.

    Attributes:
        mean: Mean.
        sd: Standard deviation.
    """

    mean: float
    sd: float

    def negative_log_density(self, value: float) -> tuple[float, float]:
        """Minus the log density, and its derivative by the value."""
        standard = (value - self.mean) / self.sd
        constant = math.log(self.sd) + 0.5 * LOG_TWO_PI
        return 0.5 * standard * standard + constant, standard / self.sd


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Density of exp(Z), Z normal; its mode is exp(mean - sd^2).

    Attributes:
        mean: Mean of the logarithm.
        sd: Standard deviation of the logarithm.
    """

    mean: float
    sd: float

    def negative_log_density(self, value: float) -> tuple[float, float]:
        """Minus the log density, and its derivative by the value, which is positive."""
        log_value = math.log(value)
        standard = (log_value - self.mean) / self.sd
        constant = math.log(self.sd) + 0.5 * LOG_TWO_PI
        slope = (standard / self.sd + 1.0) / value
        return 0.5 * standard * standard + log_value + constant, slope

    def of_reciprocal(self) -> LogNormal:
        """The prior on w = 1 / v whose optimum over log w is that of this prior over log v."""
        # Minus the log density is a parabola in log v about mean - sd^2; mirror it.
        return LogNormal(2 * self.sd**2 - self.mean, self.sd)


@dataclass(frozen=True, slots=True)
class Gamma:
    """Gamma density.

    Attributes:
        mean: Mean, which is shape / rate.
        shape: Shape; below 1 the density has a pole at 0.
    """

    mean: float
    shape: float

    def negative_log_density(self, value: float) -> tuple[float, float]:
        """Minus the log density, and its derivative by the value, which is positive."""
        rate = self.shape / self.mean
        power = self.shape - 1.0
        constant = math.lgamma(self.shape) - self.shape * math.log(rate)
        return rate * value - power * math.log(value) + constant, rate - power / value
