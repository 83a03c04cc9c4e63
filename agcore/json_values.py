"""Numbers that JSON has no numbers for, by name: NaN, Infinity, -Infinity.

Worker processes import this file, so it imports next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def name_of(value: float) -> str:
    """The name of a number that is not finite."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def with_names(value: Any) -> Any:
    """A JSON value with the names of non-finite numbers in their place."""
    if isinstance(value, float):
        return value if math.isfinite(value) else name_of(value)
    if isinstance(value, Mapping):
        return {str(key): with_names(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_names(item) for item in value]
    return value


def with_numbers(value: Any) -> Any:
    """What `with_names` was given."""
    if isinstance(value, str):
        return NON_FINITE.get(value, value)
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: with_numbers(item) for key, item in value.items()}
    return value
