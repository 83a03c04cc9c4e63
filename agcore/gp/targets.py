"""Standardising targets, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from agcore.gp.arrays import Array

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Standardisation:
    """z = (y - mean) / scale.

    Attributes:
        mean: Mean of the targets, in their units.
        scale: Their standard deviation, at least 1e-15 of the largest.
    """

    mean: float
    scale: float

    def apply(self, y: Array) -> Array:
        """Standardised values, shape of ``y``."""
        # Halves, because the difference of two targets near 1e308 may overflow.
        z: Array = (0.5 * y - 0.5 * self.mean) / (0.5 * self.scale)
        return z

    def restore(self, z: Array) -> Array:
        """Values in the units of the targets, shape of ``z``, at most the largest float."""
        with np.errstate(over="ignore"):
            y: Array = np.clip(self.mean + self.scale * z, -_LARGEST, _LARGEST)
        return y

    def restore_sd(self, sd: float) -> float:
        """A standard deviation in the units of the targets, at most the largest float."""
        return min(self.scale * sd, _LARGEST)


def standardise(y: Array) -> tuple[Array, Standardisation]:
    """Targets with mean 0 and standard deviation 1, shape (n,), and the way back.

    Targets of any finite magnitude will do; targets that are all equal become 0.
    """
    largest = float(np.max(np.abs(y))) or 1.0
    relative = y / largest
    sd = max(float(np.std(relative)), 1e-15)
    scale = max(sd * largest, 1e-307)
    standardisation = Standardisation(float(np.mean(relative)) * largest, scale)
    return standardisation.apply(y), standardisation
