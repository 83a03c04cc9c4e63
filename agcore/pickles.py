"""``ag.save`` and ``ag.load``: any Python object in a file, functions and closures too."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from agcore.errors import SpecError
from agcore.whole_files import replaced

if TYPE_CHECKING:
    import os


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write an object to a file, in one piece: a reader never sees half of it.

    Args:
        obj: Anything cloudpickle can write.
        path: The file; its folder is made if it does not exist.

    Raises:
        SpecError: The object cannot be pickled, or the file not written.
    """
    target = Path(path)
    try:
        data = cloudpickle.dumps(obj)
    except Exception as error:
        raise SpecError(f"ag.save cannot pickle a {type(obj).__name__}: {error}") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced(target) as unfinished:
            unfinished.write_bytes(data)
    except OSError as error:
        raise SpecError(f"ag.save cannot write {target}: {error.strerror}") from error


def load(path: str | os.PathLike[str]) -> Any:
    """What `save` wrote. Only load files you trust: loading a pickle can run any code.

    Raises:
        SpecError: The file is missing or holds no pickle.
    """
    try:
        with Path(path).open("rb") as file:
            return pickle.load(file)
    except OSError as error:
        raise SpecError(f"ag.load cannot read {path}: {error.strerror}") from error
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        raise SpecError(f"ag.load: {path} holds no object that ag.save wrote: {error}") from error
