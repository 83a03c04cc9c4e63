"""Events as JSON values."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore.records import Event


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a dict of JSON values, its type under ``event``.

    Non-finite numbers are the strings NaN, Infinity and -Infinity, which JSON has no numbers
    for; fields that are None or empty are left out.
    """
    values = _record_to_json(event)
    return {"event": type(event).__name__, **values}


def _record_to_json(record: Any) -> dict[str, Any]:
    fields = ((name, getattr(record, name)) for name in type(record).__slots__)
    return {
        name: _to_json(value)
        for name, value in fields
        if value is not None and value not in ("", {})
    }


def _to_json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of(value)
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if hasattr(type(value), "__slots__") and hasattr(type(value), "__dataclass_fields__"):
        return _record_to_json(value)
    return value


def _name_of(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
