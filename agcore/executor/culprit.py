"""What exactly cannot be pickled in a train function, for the error message."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cloudpickle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.executor.base import TrialTask

_DEEPEST = 6


def culprit(task: TrialTask) -> str:
    """The part of the task that refuses to be pickled, in words, from outside to inside."""
    for words, part in _parts(task):
        if not can_be_pickled(part):
            return " -> ".join([words, *_way_inside(part)])
    return repr(task.train_fn)


def can_be_pickled(part: Any) -> bool:
    """Whether cloudpickle takes it."""
    try:
        cloudpickle.dumps(part)
    except Exception:  # noqa: BLE001  any object may refuse in its own way
        return False
    return True


def _parts(task: TrialTask) -> Iterator[tuple[str, Any]]:
    function = task.train_fn.f
    inside = [(words, part) for words, part in _inside(function) if part is not task.train_fn]
    yield from inside
    if not inside:
        yield f"the function {function!r}", function
    for key, value in task.builder.arguments.items():
        yield f"args.{key}", value
    for key, value in task.train_fn.kwvars.items():
        yield f"the space of {key!r}", value


def _way_inside(part: Any) -> Iterator[str]:
    """The steps from a part to the innermost thing in it that cannot be pickled."""
    for _ in range(_DEEPEST):
        for words, inner in _inside(part):
            if not can_be_pickled(inner):
                yield words
                part = inner
                break
        else:
            return


def _inside(part: Any) -> Iterator[tuple[str, Any]]:
    """One level of the contents of an object, in words."""
    if isinstance(part, types.FunctionType):
        yield from _of_function(part)
    elif isinstance(part, types.MethodType):
        yield "its object", part.__self__
        yield "its function", part.__func__
    elif isinstance(part, functools.partial):
        yield from ((f"its argument {value!r}", value) for value in part.args)
        yield from ((f"its argument {key!r}", value) for key, value in part.keywords.items())
        yield "its function", part.func
    elif isinstance(part, Mapping):
        yield from ((f"its item {key!r}", value) for key, value in part.items())
    elif isinstance(part, (list, tuple, set, frozenset)):
        yield from ((f"its item {i}", value) for i, value in enumerate(part))
    else:
        contents = getattr(part, "__dict__", {})
        yield from ((f"its attribute {key!r}", value) for key, value in contents.items())


def _of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    name, code = function.__name__, function.__code__
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not assigned yet
            value = cell.cell_contents
            yield f"{variable!r}, which {name} uses from the enclosing function,", value
    used = {variable for inner in _codes(code) for variable in inner.co_names}
    for variable in sorted(used & function.__globals__.keys()):
        yield f"the global {variable!r}, which {name} uses,", function.__globals__[variable]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            yield f"the default of {name}'s parameter {parameter.name!r}", parameter.default
    for key, value in function.__dict__.items():
        yield f"the attribute {key!r} of {name}", value


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
