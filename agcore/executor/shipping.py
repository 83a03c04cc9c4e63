"""The train function on its way into worker processes."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from agcore.errors import SpecError
from agcore.executor.base import TrialTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_registry = threading.Lock()
"""Held while cloudpickle's list of modules that travel by value is changed."""


def pack(task: TrialTask) -> bytes:
    """The task as bytes that `unpack` understands in another process.

    Raises:
        SpecError: Something in it cannot be pickled; the message says what.
    """
    payload = (task.train_fn, task.builder, task.rules, task.folders)
    try:
        with _by_value_if_not_importable(task.train_fn.f):
            return bytes(cloudpickle.dumps(payload, protocol=pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # any object may refuse in its own way
        from agcore.executor.culprit import culprit

        raise SpecError(
            f"the train function cannot be sent to worker processes: {culprit(task)} cannot be "
            f"pickled ({type(error).__name__}: {error}); create it inside the function"
        ) from error


def unpack(payload: bytes | memoryview) -> TrialTask:
    """What `pack` was given."""
    return TrialTask(*pickle.loads(payload))


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


@contextlib.contextmanager
def _by_value_if_not_importable(function: Any) -> Iterator[None]:
    """Have the module of a function travel with it, if another process could not import it.

    This is so for modules loaded from a file by hand, and for those whose folder has left
    ``sys.path`` meanwhile.
    """
    while isinstance(function, functools.partial):
        function = function.func
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    with _registry:
        if module is None or _needs_no_registering(module):
            yield
            return
        cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            cloudpickle.unregister_pickle_by_value(module)


def _needs_no_registering(module: ModuleType) -> bool:
    return (
        module.__name__ == "__main__"  # by value anyway
        or module.__name__ in cloudpickle.list_registry_pickle_by_value()
        or is_importable(module)
    )


def is_importable(module: ModuleType) -> bool:
    """Whether a process with the same ``sys.path`` would find the same module by its name."""
    spec = _find_anew(module.__name__)
    file = getattr(module, "__file__", None)
    if spec is None:
        return False
    if spec.origin in ("built-in", "frozen"):
        return True
    if file is None or spec.origin is None:
        return file is None  # a namespace
    return Path(spec.origin).resolve() == Path(file).resolve()


def _find_anew(name: str) -> ModuleSpec | None:
    """What ``import name`` would find if nothing had been imported yet."""
    parent, _, _ = name.rpartition(".")
    path = None
    if parent:
        outer = _find_anew(parent)
        if outer is None or outer.submodule_search_locations is None:
            return None
        path = list(outer.submodule_search_locations)
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None
