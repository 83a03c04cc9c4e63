"""Spaces of numbers: Real and Int. Both ends of a range are included."""

from __future__ import annotations

import math
import operator
import sys
from typing import Any, Generic, TypeVar

from agcore.errors import SpecError
from agcore.space.base import SimpleSpace, plain

N = TypeVar("N", int, float)

_MAX_INT = 2**53
"""Floats, and JSON readers in other languages, hold every integer up to here."""


class _Range(SimpleSpace, Generic[N]):
    """Numbers from ``lower`` to ``upper``."""

    _lower: N
    _upper: N
    _log: bool
    _step: N | None

    @property
    def lower(self) -> N:
        """Smallest value."""
        return self._lower

    @property
    def upper(self) -> N:
        """Upper bound, inclusive; with a step the last value may lie below it."""
        return self._upper

    @property
    def log(self) -> bool:
        """Whether values are spread evenly over orders of magnitude."""
        return self._log

    @property
    def step(self) -> N | None:
        """Distance of neighbouring values, or None."""
        return self._step

    def content(self) -> tuple[Any, ...]:
        """Bounds, log, step, prior, default."""
        return self._lower, self._upper, self._log, self._step, self._prior, self._default

    def __repr__(self) -> str:
        text = f"{type(self).__name__}: lower={self._lower}, upper={self._upper}"
        if self._log:
            text += ", log=True"
        if self._step is not None:
            text += f", step={self._step}"
        return text + self._prior_text

    def _geometric_mean(self) -> float:
        mean = math.sqrt(self._lower) * math.sqrt(self._upper)
        return min(max(mean, self._lower), self._upper)

    def _check_range(self) -> None:
        """Check bounds, log and step against each other."""
        lower, upper, step = self._lower, self._upper, self._step
        if lower == upper:
            raise SpecError(f"{self!r}: lower must be below upper; write the constant {lower}")
        if lower > upper:
            raise SpecError(f"{self!r}: lower must be below upper; swap them")
        if self._log and lower <= 0:
            raise SpecError(f"{self!r}: log needs lower > 0; raise lower or drop log=True")
        if step is None:
            return
        if self._log:
            raise SpecError(f"{self!r}: step and log exclude each other; drop one of them")
        if step <= 0:
            raise SpecError(f"{self!r}: step must be above 0")

    def _check_count(self, count: int) -> None:
        if count < 2:
            raise SpecError(f"{self!r}: step must not exceed upper - lower; use a smaller step")


class Real(_Range[float]):
    """All floats of [lower, upper], or ``lower + k * step`` up to ``upper``.

    With a step the values are exact decimals: bounds and step are taken as the decimal numbers
    they are written as, added as such, and the sum is rounded once, to the nearest float. So
    ``Real(0.1, 1, step=0.1)`` holds 0.3 and not 0.30000000000000004.

    Args:
        lower: Smallest value.
        upper: Largest value; with a step the last value may lie below it.
        default: Tried first; the middle if not given (geometric mean with ``log``).
        log: Spread the values evenly over orders of magnitude.
        step: Distance of neighbouring values.
        prior: Where the best value is believed to be; the default too, if none is given. Random
            and model-based searchers try values near it more often, the model the less the more
            it has observed.
        prior_confidence: ``'low'``, ``'medium'`` or ``'high'``: the standard deviation about the
            prior is 1/2, 1/4 or 1/8 of the range.
    """

    def __init__(
        self,
        lower: float,
        upper: float,
        default: float | None = None,
        log: bool = False,
        step: float | None = None,
        *,
        prior: float | None = None,
        prior_confidence: str = "medium",
    ) -> None:
        self._lower = _as_float("Real", "lower", lower)
        self._upper = _as_float("Real", "upper", upper)
        self._log = bool(log)
        self._step = None if step is None else _as_float("Real", "step", step)
        self._check_range()
        self._width = self._upper - self._lower
        if not math.isfinite(self._width):
            raise SpecError(f"{self!r}: upper - lower must be a finite float; narrow the range")
        self._log_lower = math.log(self._lower) if log else 0.0
        self._log_width = math.log(self._upper) - self._log_lower if log else 0.0
        self._count = 0
        self._grid = (0, 0, 1)
        if self._step is not None:
            self._lay_grid(self._step)
        self._default = self._middle()
        self._believe(prior, prior_confidence)
        if default is not None:
            self.default = default

    def _lay_grid(self, step: float) -> None:
        """Express bounds and step as whole multiples of one decimal unit, and count the values."""
        from fractions import Fraction  # here, because workers that need no grid start faster

        biggest = max(abs(self._lower), abs(self._upper))
        if step < 2 * math.ulp(biggest):
            raise SpecError(f"{self!r}: the step is finer than floats near {biggest}; enlarge it")
        low, high, stride = (Fraction(repr(x)) for x in (self._lower, self._upper, step))
        scale = math.lcm(low.denominator, stride.denominator)
        if scale * Fraction(max(biggest, 1.0)) > sys.float_info.max:
            raise SpecError(
                f"{self!r}: bounds and step need more than 308 decimal places; round the smallest"
            )
        self._grid = (int(low * scale), int(stride * scale), scale)
        self._count = int((high - low) // stride) + 1
        self._check_count(self._count)

    def _middle(self) -> float:
        if self._log:
            return self._geometric_mean()
        mean = self._lower + 0.5 * self._width
        return self._at(self._nearest(mean)) if self._count else mean

    def _at(self, index: int) -> float:
        # The quotient of two ints is correctly rounded, however large they are.
        first, stride, scale = self._grid
        return (first + index * stride) / scale

    def _nearest(self, value: float) -> int:
        first, stride, scale = self._grid
        return min(max(round((value * scale - first) / stride), 0), self._count - 1)

    @property
    def size(self) -> int | None:
        """Number of values with a step, else None."""
        return self._count or None

    def from_unit(self, u: float) -> float:
        """The value at ``u`` of [0, 1]."""
        if self._count:
            return self._at(min(max(int(u * self._count), 0), self._count - 1))
        if u <= 0.0:
            return self._lower
        if u >= 1.0:
            return self._upper
        if self._log:
            value = math.exp(self._log_lower + u * self._log_width)
            if value < self._lower:
                return self._lower
        else:
            value = self._lower + u * self._width
        return value if value < self._upper else self._upper

    def to_unit(self, value: float) -> float:
        """Where in [0, 1] ``value`` lies; with a step the centre of its cell."""
        if self._count:
            return (self._nearest(value) + 0.5) / self._count
        if self._log:
            u = (math.log(value) - self._log_lower) / self._log_width
        else:
            u = (value - self._lower) / self._width
        return min(max(u, 0.0), 1.0)

    def contains(self, value: Any) -> bool:
        """Whether ``value`` is a float of this space."""
        if type(value) is not float or not self._lower <= value <= self._upper:
            return False
        return not self._count or value == self._at(self._nearest(value))

    def value_at(self, index: int) -> float:
        """Value number ``index``; needs a step."""
        return self._at(self._check_index(index))

    def canonical(self, value: Any) -> float:
        """``value`` as a float; with a step the grid's own value if it differs by rounding only."""
        number = plain(value)
        if type(number) is not float and type(number) is not int:
            raise SpecError(f"{value!r} is not a number; {self!r}")
        if not self._lower <= number <= self._upper:
            raise SpecError(f"{value!r} must lie in [{self._lower}, {self._upper}]")
        number = float(number)
        if not self._count:
            return number
        nearest = self._at(self._nearest(number))
        if not math.isclose(nearest, number, rel_tol=1e-9, abs_tol=1e-9 * (self._step or 0.0)):
            raise SpecError(f"{value!r} is between two steps of {self!r}; the nearest is {nearest}")
        return nearest


class Int(_Range[int]):
    """All integers of lower..upper, both included, or ``lower + k * step`` up to ``upper``.

    With ``log`` a value's chance falls as 1/value: [lower - 0.5, upper + 0.5] is divided evenly
    on the logarithmic axis, and each integer has the half units round it. Bounds lie within
    ±2**53; with up to 2**50 values ``from_unit(to_unit(v)) == v`` holds exactly.

    Args:
        lower: Smallest value.
        upper: Largest value; with a step the last value may lie below it.
        default: Tried first; the middle if not given (rounded geometric mean with ``log``).
        log: Spread the values evenly over orders of magnitude.
        step: Distance of neighbouring values.
        prior: Where the best value is believed to be; the default too, if none is given. Random
            and model-based searchers try values near it more often, the model the less the more
            it has observed.
        prior_confidence: ``'low'``, ``'medium'`` or ``'high'``: the standard deviation about the
            prior is 1/2, 1/4 or 1/8 of the range.
    """

    def __init__(
        self,
        lower: int,
        upper: int,
        default: int | None = None,
        log: bool = False,
        step: int | None = None,
        *,
        prior: int | None = None,
        prior_confidence: str = "medium",
    ) -> None:
        self._lower = _as_int("lower", lower)
        self._upper = _as_int("upper", upper)
        self._log = bool(log)
        self._step = None if step is None else _as_int("step", step)
        self._check_range()
        self._stride = self._step or 1
        self._count = (self._upper - self._lower) // self._stride + 1
        self._check_count(self._count)
        self._log_lower = math.log(self._lower - 0.5) if log else 0.0
        self._log_width = math.log(self._upper + 0.5) - self._log_lower if log else 0.0
        self._default = self._middle()
        self._believe(prior, prior_confidence)
        if default is not None:
            self.default = default

    def _middle(self) -> int:
        if self._log:
            return round(self._geometric_mean())
        mean = round((self._lower + self._upper) / 2)  # rounds half to even
        index = min(round((mean - self._lower) / self._stride), self._count - 1)
        return self._lower + index * self._stride

    @property
    def size(self) -> int:
        """Number of values."""
        return self._count

    def from_unit(self, u: float) -> int:
        """The value at ``u`` of [0, 1]; cells are of equal width (with ``log``: on that axis)."""
        if self._log:
            value = int(math.exp(self._log_lower + u * self._log_width) + 0.5)
            if value >= self._upper:
                return self._upper
            return value if value > self._lower else self._lower
        index = int(u * self._count)
        if index >= self._count:
            index = self._count - 1
        elif index < 0:
            index = 0
        return self._lower + index * self._stride

    def to_unit(self, value: int) -> float:
        """The centre of the cell of ``value``."""
        if self._log:
            centre = 0.5 * (math.log(value - 0.5) + math.log(value + 0.5))
            return (centre - self._log_lower) / self._log_width
        return ((value - self._lower) // self._stride + 0.5) / self._count

    def contains(self, value: Any) -> bool:
        """Whether ``value`` is an int of this space."""
        return (
            type(value) is int
            and self._lower <= value <= self._upper
            and (value - self._lower) % self._stride == 0
        )

    def value_at(self, index: int) -> int:
        """Value number ``index``."""
        return self._lower + self._check_index(index) * self._stride

    def canonical(self, value: Any) -> int:
        """``value`` as an int; floats must be whole numbers."""
        number = plain(value)
        if type(number) is float and number.is_integer():
            number = int(number)
        if type(number) is not int:
            raise SpecError(f"{value!r} is not a whole number; {self!r}")
        if not self._lower <= number <= self._upper:
            raise SpecError(f"{value!r} must lie in {self._lower}..{self._upper}")
        if (number - self._lower) % self._stride:
            below = number - (number - self._lower) % self._stride
            raise SpecError(f"{value!r} is between two steps of {self!r}; the one below is {below}")
        return number


def _as_float(kind: str, name: str, value: Any) -> float:
    """``value`` as a finite float."""
    number = plain(value)
    if isinstance(number, (bool, str, bytes)) or not hasattr(number, "__float__"):
        raise SpecError(f"{kind}: {name}={value!r} must be a number")
    try:
        number = float(number) + 0.0
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpecError(f"{kind}: {name}={value!r} must be finite; choose a finite bound")
    return number


def _as_int(name: str, value: Any) -> int:
    """``value`` as an int; only whole-number types are accepted."""
    number = plain(value)
    try:
        if isinstance(number, bool):
            raise TypeError
        number = operator.index(number)
    except TypeError:
        raise SpecError(
            f"Int: {name}={value!r} must be a whole number; write int(...), or use Real"
        ) from None
    if abs(number) > _MAX_INT:
        raise SpecError(f"Int: {name}={value!r} must lie within ±2**53; use a narrower range")
    return number
