"""Values behind dotted names, such as ``learning_parameters.batch_size``.

Each part of a name is an attribute, or a key where the object is a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from agcore.errors import SpecError, did_you_mean


def get_nested(target: Any, name: str) -> Any:
    """The value behind a dotted name.

    Raises:
        SpecError: A part of the name does not exist.
    """
    for number, part in enumerate(name.split(".")):
        target = _step(target, part, name, number)
    return target


def set_nested(target: Any, name: str, value: Any) -> None:
    """Set the value behind a dotted name, which must exist already.

    Raises:
        SpecError: A part of the name does not exist, or the value cannot be set.
    """
    parts = name.split(".")
    for number, part in enumerate(parts[:-1]):
        target = _step(target, part, name, number)
    _step(target, parts[-1], name, len(parts) - 1)
    if isinstance(target, MutableMapping):
        target[parts[-1]] = value
        return
    try:
        setattr(target, parts[-1], value)
    except (AttributeError, TypeError) as error:
        raise SpecError(f"{name!r} cannot be set: {error}") from error


def _step(target: Any, part: str, name: str, number: int) -> Any:
    """What the part of ``name`` with that number leads to."""
    if isinstance(target, Mapping):
        if part in target:
            return target[part]
        known = [str(key) for key in target]
    else:
        if hasattr(target, part):
            return getattr(target, part)
        known = [key for key in dir(target) if not key.startswith("_")]
    before = ".".join(name.split(".")[:number])
    place = repr(before) if before else "the object"
    raise SpecError(f"{name!r}: {place} has no {part!r}{did_you_mean(part, known)}")
