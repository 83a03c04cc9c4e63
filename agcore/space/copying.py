"""How values get into another trial (copies) and decorated things into another process (pickle)."""

from __future__ import annotations

import copy
import enum
import sys
import types
from typing import Any

from agcore.errors import SpecError

_IMMUTABLE = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        range,
        type,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
    }
)


def is_immutable(value: Any) -> bool:
    """Whether trials may share ``value`` because none of them can change it."""
    kind = type(value)
    if kind in _IMMUTABLE or isinstance(value, (enum.Enum, type)):
        return True
    return (kind is tuple or kind is frozenset) and all(map(is_immutable, value))


def fresh(value: Any, where: str) -> Any:
    """``value`` itself if it is immutable, else a deep copy.

    Raises:
        SpecError: It cannot be copied; the message says ``where`` it stands.
    """
    if is_immutable(value):
        return value
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise SpecError(
            f"{where} cannot be copied for a trial of its own: {error}; "
            "make the object inside the train function, or give its class a __deepcopy__"
        ) from error


def importable_name(thing: Any) -> str | None:
    """The qualified name by which another process can import ``thing``, or None.

    ``thing`` stands in the place of a decorated class or function. None, which means that it
    has to travel by value, is the answer for ``__main__``, notebooks and closures, if the name
    leads to something else, and if the user told cloudpickle to ship the module by value.
    """
    module_name, qualified_name = thing.__module__, thing.__qualname__
    module = sys.modules.get(module_name or "")
    if module is None or module_name == "__main__" or _ships_by_value(module_name):
        return None
    found: Any = module
    for part in qualified_name.split("."):
        found = getattr(found, part, None)
        if found is None:
            return None
    return str(qualified_name) if found is thing else None


def _ships_by_value(module_name: str) -> bool:
    """Whether the module or its package is in cloudpickle's by-value registry."""
    cloudpickle = sys.modules.get("cloudpickle")
    if cloudpickle is None:
        return False
    registered = cloudpickle.list_registry_pickle_by_value()
    while module_name:
        if module_name in registered:
            return True
        module_name = module_name.rpartition(".")[0]
    return False
