"""Durations as people write and read them."""

from __future__ import annotations

import math
import re
from typing import Any

from agcore.checks import finite_number
from agcore.errors import SpecError

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_UNITS = {
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
}
_PART = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\s*")
_RULE = "a positive number of seconds, or text as '90s', '15 min', '2h' or '1h30m'"


def seconds_of(value: Any, name: str = "time_budget") -> float:
    """A duration in seconds.

    Args:
        value: Seconds, or text with units.
        name: The argument that it was given for.

    Raises:
        SpecError: It is neither, or not above 0.
    """
    seconds = _parsed(value, name) if isinstance(value, str) else finite_number(name, value, _RULE)
    if seconds <= 0:
        raise SpecError(f"{name}={value!r} must be {_RULE}")
    return seconds


def _parsed(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return number if math.isfinite(number) else 0.0
    total_s, at, seen = 0.0, 0, set()
    lowered = text.lower()
    while at < len(lowered):
        part = _PART.match(lowered, at)
        unit = _UNITS.get(part[2]) if part else None
        if part is None or unit is None:
            wrong = part[2] if part else text[at:]
            raise SpecError(f"{name}={text!r} is no duration ({wrong!r} in it); pass {_RULE}")
        if unit in seen:
            raise SpecError(f"{name}={text!r} names the unit {part[2]!r} twice; pass {_RULE}")
        seen.add(unit)
        total_s += float(part[1]) * _SECONDS[unit]
        at = part.end()
    return total_s


def duration(seconds: float) -> str:
    """Seconds in words that people read at a glance."""
    if seconds < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
