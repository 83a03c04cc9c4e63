"""The space of one hyperparameter: five types, numbers quantised or not, or choices.

The *coordinate* of a value is what a model sees: the value itself, its logarithm for the log
types, the number of the item for a choice, whose items all have the same length in [0, n].
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Union

import agcore as ag
from agcore.checks import finite_number, one_of
from agcore.errors import SpecError

SPACE_TYPES = ("uniform", "quniform", "loguniform", "qloguniform", "choice")
DEFAULT_LOG_BASE = 10

Number = Union[int, float]
AgcoreSpace = Union[ag.Real, ag.Int, ag.Categorical]


class SingleSearchSpace:
    """Values that one hyperparameter may take.

    Quantised values are ``min + k * step`` within [min, max]: ints if min and step are whole
    numbers, else floats with no more decimals than min and step have.

    Args:
        type: ``'uniform'``, ``'quniform'``, ``'loguniform'``, ``'qloguniform'`` or ``'choice'``.
        min: Smallest value.
        max: Largest value; a quantised one may end below it.
        step: Distance of neighbouring values of the two quantised types.
        log_base: Of the logarithm of the two log types; scales the coordinate and nothing else.
        choice_list: The values of a choice, at least two.

    Raises:
        SpecError: A bound is missing, no number, or out of order; a log type with ``min`` not
            above 0 or a base not above 1; no step, or one that is not above 0 or exceeds
            max - min; fewer than two choices; an unknown type.
    """

    _type: str
    _min: Any
    _max: Any
    _step: Any
    _log_base: Any
    _choices: Any
    _grid: Any

    def __init__(
        self,
        type: str,
        min: Number | None = None,
        max: Number | None = None,
        step: Number | None = None,
        log_base: Number = DEFAULT_LOG_BASE,
        choice_list: list[Any] | tuple[Any, ...] | None = None,
    ) -> None:
        self.set_value(type, min, max, step, log_base, choice_list)

    def set_value(
        self,
        type: str | None = None,
        min: Number | None = None,
        max: Number | None = None,
        step: Number | None = None,
        log_base: Number | None = None,
        choice_list: list[Any] | tuple[Any, ...] | None = None,
    ) -> None:
        """Change what is given, keep the rest; all of it is checked before anything changes.

        Raises:
            SpecError: As for the class.
        """
        old = self.__dict__
        type = old.get("_type") if type is None else type
        low = old.get("_min") if min is None else min
        high = old.get("_max") if max is None else max
        step = old.get("_step") if step is None else step
        base = old.get("_log_base", DEFAULT_LOG_BASE) if log_base is None else log_base
        choices = old.get("_choices") if choice_list is None else choice_list
        if not isinstance(type, str):
            raise SpecError(f"type={type!r} must be one of {', '.join(map(repr, SPACE_TYPES))}")
        one_of("type", type, SPACE_TYPES)
        grid: ag.Real | ag.Int | None = None
        if type == "choice":
            choices = _checked_choices(choices)
        else:
            low, high = _checked_bounds(type, low, high)
            if "log" in type:
                _check_log(type, low, base)
            if type.startswith("q"):
                grid = _grid(type, low, high, step)
        self._type, self._log_base = type, base
        self._min, self._max, self._step = low, high, step
        self._choices, self._grid = choices, grid

    # -- what it is ------------------------------------------------------------------------

    @property
    def type(self) -> str:
        """One of `SPACE_TYPES`."""
        return self._type

    @property
    def min(self) -> Number | None:
        """Smallest value, or None for a choice."""
        return None if self.is_categorical else self._min

    @property
    def max(self) -> Number | None:
        """Upper bound, or None for a choice."""
        return None if self.is_categorical else self._max

    @property
    def step(self) -> Number | None:
        """Distance of neighbouring values, or None."""
        return self._step if self.is_quantised else None

    @property
    def log_base(self) -> Number:
        """Base of the logarithm, used by the log types only."""
        base: Number = self._log_base
        return base

    @property
    def choice_list(self) -> tuple[Any, ...] | None:
        """The values of a choice, else None."""
        return tuple(self._choices) if self.is_categorical else None

    @property
    def is_categorical(self) -> bool:
        """Whether this is a choice."""
        return self._type == "choice"

    @property
    def is_quantised(self) -> bool:
        """Whether values have a step."""
        return self._type.startswith("q")

    @property
    def is_log(self) -> bool:
        """Whether values are spread evenly over orders of magnitude."""
        return "log" in self._type

    @property
    def size(self) -> int | None:
        """Number of values, or None if they are not to be counted."""
        if self.is_categorical:
            return len(self._choices)
        return None if self._grid is None else int(self._grid.size)

    def description(self) -> dict[str, Any]:
        """The space as `SearchSpace` reads it."""
        if self.is_categorical:
            return {"param_type": self._type, "choice_list": list(self._choices)}
        found: dict[str, Any] = {"param_type": self._type, "min": self._min, "max": self._max}
        if self.is_quantised:
            found["step"] = self._step
        if self.is_log:
            found["log_base"] = self._log_base
        return found

    def __repr__(self) -> str:
        fields = ", ".join(f"{key}={value!r}" for key, value in self.description().items())
        return f"SingleSearchSpace({fields})".replace("param_type", "type")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SingleSearchSpace):
            return NotImplemented
        return repr(self) == repr(other)  # by type as well: the choices 1 and True differ

    __hash__ = None  # type: ignore[assignment]  # `set_value` changes it

    # -- coordinates -----------------------------------------------------------------------

    def lower_space(self) -> float:
        """Coordinate of the smallest value; 0 for a choice."""
        return 0.0 if self.is_categorical else self.real_to_space(self._min)

    def upper_space(self) -> float:
        """Coordinate of the upper bound; the number of items for a choice."""
        return float(len(self._choices)) if self.is_categorical else self.real_to_space(self._max)

    def space_to_real(self, coordinate: float) -> Any:
        """The value at a coordinate; the nearest one if values are quantised."""
        if self.is_categorical:
            return self._choices[_clipped(int(coordinate), len(self._choices))]
        value = self._log_base**coordinate if self.is_log else coordinate
        value = min(max(value, self._min), self._max)
        return float(value) if self._grid is None else self._nearest(value)

    def real_to_space(self, value: Any) -> float:
        """The coordinate of a value.

        Raises:
            SpecError: It is none of the choices.
        """
        if self.is_categorical:
            return float(self._index_of(value))
        return math.log(value) / math.log(self._log_base) if self.is_log else float(value)

    def from_unit(self, u: float) -> Any:
        """The value at ``u`` of [0, 1]: evenly spread ``u`` give values as the type says.

        Quantised linear types and choices divide [0, 1] into cells of equal length, so that their
        first and last values are as likely as the others.
        """
        if self._type == "quniform" and self._grid is not None:
            return self._grid.from_unit(u)
        low, high = self.lower_space(), self.upper_space()
        return self.space_to_real(low + u * (high - low))

    def _nearest(self, value: float) -> Number:
        index = round((value - self._min) / self._step)
        nearest: Number = self._grid.value_at(_clipped(index, self._grid.size))
        return nearest

    def _index_of(self, value: Any) -> int:
        for index, item in enumerate(self._choices):
            if type(item) is type(value) and item == value:
                return index
        raise SpecError(f"{value!r} is not one of the choices {list(self._choices)!r}")

    # -- to and from agcore's spaces -------------------------------------------------------

    def to_agcore(self) -> AgcoreSpace:
        """The space for agcore's searchers, with the same distribution of random values.

        A quantised log type becomes a continuous one, because its values are spread evenly on the
        logarithmic axis; `from_agcore` rounds what a searcher proposes.
        """
        if self.is_categorical:
            return ag.Categorical(*range(len(self._choices)))
        if self.is_log:
            return ag.Real(self._min, self._max, log=True)
        space: AgcoreSpace = ag.Real(self._min, self._max) if self._grid is None else self._grid
        return space

    def from_agcore(self, value: Any) -> Any:
        """The value that a searcher means by ``value`` of `to_agcore`."""
        if self.is_categorical:
            return self._choices[value]
        return float(value) if self._grid is None else self._nearest(value)


def _clipped(index: int, size: int) -> int:
    return min(max(index, 0), size - 1)


def _checked_bounds(type: str, low: Any, high: Any) -> tuple[Number, Number]:
    for name, value in (("min", low), ("max", high)):
        if value is None:
            raise SpecError(f"a {type} space needs {name}; give its bounds min and max")
        finite_number(name, value, "a finite number")
    if low >= high:
        raise SpecError(f"min={low!r} must be below max={high!r}; widen the range")
    return low, high


def _check_log(type: str, low: Number, base: Any) -> None:
    if low <= 0:
        raise SpecError(f"min={low!r} must be above 0 for {type}; raise it, or drop the logarithm")
    if finite_number("log_base", base, "a number above 1, as 10") <= 1:
        raise SpecError(f"log_base={base!r} must be a number above 1, as {DEFAULT_LOG_BASE}")


def _grid(type: str, low: Number, high: Number, step: Any) -> ag.Real | ag.Int:
    """The quantised values; bounds and step count as the decimals they are written as."""
    if step is None:
        raise SpecError(f"a {type} space needs step; give the distance of neighbouring values")
    if finite_number("step", step, "a number above 0") <= 0:
        raise SpecError(f"step={step!r} must be above 0")
    if Fraction(repr(float(step))) > Fraction(repr(float(high))) - Fraction(repr(float(low))):
        raise SpecError(
            f"step={step!r} must not exceed max - min = {high!r} - {low!r}; use a smaller step"
        )
    if float(low).is_integer() and float(step).is_integer():
        return ag.Int(int(low), math.floor(high), step=int(step))
    return ag.Real(low, high, step=step)


def _checked_choices(choices: Any) -> tuple[Any, ...]:
    if not isinstance(choices, (list, tuple)) or len(choices) < 2:
        raise SpecError(f"choice_list={choices!r} must be a list of at least two values")
    return tuple(choices)
