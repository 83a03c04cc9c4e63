"""What users pass: numbers, Python's and NumPy's but no booleans; switches; names."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """``value`` as an int of at least ``least``.

    Raises:
        SpecError: It is something else; names the argument.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise SpecError(f"{name}={value!r} must be a whole number of at least {least}; pass an int")
    return number


def one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Check that ``value`` is one of the words allowed.

    Raises:
        SpecError: It is not; names the argument, and the word that was probably meant.
    """
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise SpecError(
            f"{name}={value!r} must be one of {listed}{did_you_mean(str(value), allowed)}"
        )


def truth(name: str, value: Any) -> bool:
    """``value``, checked to be True or False.

    Raises:
        SpecError: It is neither.
    """
    if not isinstance(value, bool):
        raise SpecError(f"{name}={value!r} must be True or False")
    return value


def finite_number(name: str, value: Any, rule: str = "a finite number") -> float:
    """``value`` as a float.

    Raises:
        SpecError: It is no finite number; names the argument and ``rule``.
    """
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SpecError(f"{name}={value!r} must be {rule}")
    return number
