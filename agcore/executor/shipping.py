"""The train function on its way into worker processes."""

from __future__ import annotations

import inspect
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import cloudpickle

from agcore.errors import SpecError
from agcore.executor.base import TrialTask


def pack(task: TrialTask) -> bytes:
    """The task as bytes that `unpack` understands in another process.

    Raises:
        SpecError: Something in it cannot be pickled; the message says what.
    """
    payload = (task.train_fn, task.builder, task.rules)
    try:
        return bytes(cloudpickle.dumps(payload, protocol=pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # any object may refuse in its own way
        culprit = _culprit(task)
        raise SpecError(
            f"the train function cannot be sent to worker processes: {culprit} cannot be "
            f"pickled ({type(error).__name__}: {error}); create it inside the function"
        ) from error


def shared_memory(payload: bytes) -> int:
    """A file descriptor from which any number of workers can read ``payload``.

    It has no name in any file system and is gone with its last holder.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("agcore-task")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with open(descriptor, "wb", closefd=False) as file:
        file.write(payload)
    return descriptor


def unpack(payload: bytes) -> TrialTask:
    """What `pack` was given."""
    return TrialTask(*pickle.loads(payload))


def _culprit(task: TrialTask) -> str:
    """The first part of the task that refuses to be pickled, in words."""
    for name, part in _parts(task):
        if not _can_be_pickled(part):
            inner = next((f" ({path})" for path, x in _inside(part) if not _can_be_pickled(x)), "")
            return f"{name}{inner}"
    return repr(task.train_fn)


def _parts(task: TrialTask) -> Iterator[tuple[str, Any]]:
    function = task.train_fn.f
    try:
        variables = inspect.getclosurevars(function)
    except TypeError:  # a callable object
        yield f"the function {function!r}", function
    else:
        name = function.__name__
        for variable, value in variables.nonlocals.items():
            yield f"{variable!r}, which {name} uses from the enclosing function,", value
        for variable, value in variables.globals.items():
            yield f"the global {variable!r}, which {name} uses,", value
    for key, value in task.builder.arguments.items():
        yield f"args.{key}", value


def _inside(part: Any) -> Iterator[tuple[str, Any]]:
    """One level of the contents of an object."""
    if isinstance(part, Mapping):
        yield from ((f"its item {key!r}", value) for key, value in part.items())
    elif isinstance(part, (list, tuple)):
        yield from ((f"its item {i}", value) for i, value in enumerate(part))
    else:
        contents = getattr(part, "__dict__", {})
        yield from ((f"its attribute {key!r}", value) for key, value in contents.items())


def _can_be_pickled(part: Any) -> bool:
    try:
        cloudpickle.dumps(part)
    except Exception:  # noqa: BLE001  any object may refuse in its own way
        return False
    return True
