"""Checks of what users pass to `create`.

An argument of the wrong type is answered with an `ArgumentTypeError`, one out of range with a
`SpecError`; the first is also a TypeError, and both are ValueErrors.
"""

from __future__ import annotations

import numbers
import operator
from typing import Any

from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError


class ArgumentTypeError(SpecError, TypeError):
    """An argument has the wrong type."""


def whole(name: str, value: Any, least: int = 1) -> int:
    """``value`` as an int of at least ``least``.

    Raises:
        ArgumentTypeError: It is no int.
        SpecError: It is too small.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(f"{name}={value!r} must be a whole number; pass an int")
    return whole_number(name, operator.index(value), least)


def whole_or_none(name: str, value: Any) -> int | None:
    """None, or ``value`` as an int of at least 1.

    Raises:
        ArgumentTypeError: It is neither None nor an int.
        SpecError: It is too small.
    """
    return None if value is None else whole(name, value)


def number(name: str, value: Any, rule: str) -> float:
    """``value`` as a finite float.

    Raises:
        ArgumentTypeError: It is no number.
        SpecError: It is not finite.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ArgumentTypeError(f"{name}={value!r} must be {rule}")
    return finite_number(name, value, rule)


def between(name: str, value: Any, *, is_one_allowed: bool) -> float:
    """``value`` as a float in (0, 1), or in (0, 1].

    Raises:
        ArgumentTypeError: It is no number.
        SpecError: It is out of range.
    """
    rule = f"a number above 0 and {'at most' if is_one_allowed else 'below'} 1"
    found = number(name, value, rule)
    if found <= 0 or found > 1 or (found == 1 and not is_one_allowed):
        raise SpecError(f"{name}={value!r} must be {rule}")
    return found


def image_size(value: Any) -> tuple[int, int]:
    """Width and height to which images are resized; (0, 0) leaves them as they are.

    Raises:
        ArgumentTypeError: ``value`` is no list of whole numbers.
        SpecError: It has fewer than two entries, or a negative one.
    """
    if isinstance(value, str) or not hasattr(value, "__getitem__") or not hasattr(value, "__len__"):
        raise ArgumentTypeError(f"image_resize={value!r} must be a list: [width, height]")
    if len(value) < 2:
        raise SpecError(f"image_resize={value!r} must hold a width and a height, as [224, 224]")
    width, height = (whole("image_resize", value[at], 0) for at in (0, 1))
    return width, height
