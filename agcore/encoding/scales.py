"""Scales: points (values of Reals, indices of all others) to units of [0, 1], and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from agcore.errors import SpecError
from agcore.space import Int, Real

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agcore.space import ValueSpace

    Array = NDArray[np.float64]

_WIDEST_RATIO = 1e100
_FINE_GAPS = 1e12
_FINE_LOG_WIDTH = 1e-3


class Scale(Protocol):
    """A map between points and [0, 1], elementwise; both ways keep the order."""

    def to_units(self, points: Array) -> Array:
        """Where in [0, 1] the points lie."""

    def to_points(self, units: Array) -> Array:
        """The points nearest to units, which are clipped."""


class _Linear:
    """A Real."""

    def __init__(self, lower: float, upper: float) -> None:
        self._lower, self._upper = lower, upper
        self._width = upper - lower

    def to_units(self, points: Array) -> Array:
        return ((points - self._lower) / self._width).clip(0.0, 1.0)

    def to_points(self, units: Array) -> Array:
        points = self._lower + units.clip(0.0, 1.0) * self._width
        # Rounding may miss the upper end, from either side.
        points = np.where(units >= 1.0, self._upper, points)
        return points.clip(self._lower, self._upper)


class _Log:
    """A logarithmic Real; exact for ranges that are one float wide, too."""

    def __init__(self, lower: float, upper: float) -> None:
        self._lower, self._upper = lower, upper
        self._width = math.log1p((upper - lower) / lower)

    def to_units(self, points: Array) -> Array:
        points = points.clip(self._lower, self._upper)
        logs = np.log1p((points - self._lower) / self._lower)
        return (logs / self._width).clip(0.0, 1.0)

    def to_points(self, units: Array) -> Array:
        growth = np.expm1(units.clip(0.0, 1.0) * self._width)
        points = self._lower + self._lower * growth
        points = np.where(units >= 1.0, self._upper, points)
        return points.clip(self._lower, self._upper)


class _WideLog:
    """A logarithmic Real over so many decades that upper / lower may not be a float."""

    def __init__(self, lower: float, upper: float) -> None:
        self._lower, self._upper = lower, upper
        self._log_lower = math.log(lower)
        self._width = math.log(upper) - self._log_lower

    def to_units(self, points: Array) -> Array:
        logs: Array = np.log(points.clip(self._lower, self._upper))
        return ((logs - self._log_lower) / self._width).clip(0.0, 1.0)

    def to_points(self, units: Array) -> Array:
        with np.errstate(over="ignore", under="ignore"):
            points = np.exp(self._log_lower + units.clip(0.0, 1.0) * self._width)
        points = np.where(units >= 1.0, self._upper, points)
        points = np.where(units <= 0.0, self._lower, points)
        return points.clip(self._lower, self._upper)


class _Cells:
    """Indices of ``count`` values with cells of equal width."""

    def __init__(self, count: int) -> None:
        self._count = count

    def to_units(self, points: Array) -> Array:
        return (points + 0.5) / self._count

    def to_points(self, units: Array) -> Array:
        return np.clip(np.floor(units * self._count), 0, self._count - 1)


class _LogCells:
    """Indices of a logarithmic Int: value v has the part from v - 1/2 to v + 1/2 of the axis."""

    def __init__(self, lower: int, count: int) -> None:
        self._count = count
        self._edge = lower - 0.5
        self._width = math.log1p(count / self._edge)

    def to_units(self, points: Array) -> Array:
        below, above = np.log1p(points / self._edge), np.log1p((points + 1) / self._edge)
        return (0.5 * (below + above) / self._width).clip(0.0, 1.0)

    def to_points(self, units: Array) -> Array:
        growth = np.expm1(units.clip(0.0, 1.0) * self._width)
        return np.clip(np.floor(self._edge * growth), 0, self._count - 1)


def is_fine(space: ValueSpace) -> bool:
    """Whether the floats of a Real lie so close that going to a value and back is rounding only."""
    if not isinstance(space, Real) or space.size is not None:
        return False
    if space.log:
        has_all_digits = space.lower > _FINE_GAPS * math.ulp(space.lower)
        return has_all_digits and math.log(space.upper) - math.log(space.lower) > _FINE_LOG_WIDTH
    widest_gap = math.ulp(max(abs(space.lower), abs(space.upper)))
    return space.upper - space.lower > _FINE_GAPS * widest_gap


def scale_of(space: ValueSpace) -> Scale:
    """The scale of a space."""
    if space.size is not None:
        if isinstance(space, Int) and space.log:
            return _LogCells(space.lower, space.size)
        return _Cells(space.size)
    if not isinstance(space, Real):
        raise SpecError(f"{space!r} has infinitely many values that are not a Real's; use Real")
    if not space.log:
        return _Linear(space.lower, space.upper)
    if space.upper / _WIDEST_RATIO > space.lower:
        return _WideLog(space.lower, space.upper)
    return _Log(space.lower, space.upper)
