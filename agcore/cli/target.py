"""From ``FILE.py:FN`` or ``module:FN`` to the train function."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore.train_fn import TrainFunction

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def load_train_function(target: str) -> TrainFunction:
    """The train function that ``target`` names.

    The folder of a file, or the working directory for a module, is put at the front of
    ``sys.path``, so that worker processes can import what this process has imported.

    Raises:
        SpecError: There is no such file, module or function, importing it raises, or the
            function is not decorated.
    """
    place, name = split_target(target)
    return _function(_module(place), place, name)


def load_function(target: str) -> Callable[..., Any]:
    """The function that ``target`` names, which need not be decorated.

    ``sys.path`` changes as for `load_train_function`.

    Raises:
        SpecError: There is no such file, module or function, or importing it raises.
    """
    place, name = split_target(target)
    module = _module(place)
    found = _attribute(module, name)
    if found is None:
        known = [key for key, value in vars(module).items() if callable(value)]
        raise SpecError(f"{place} has no {name!r}{did_you_mean(name, known)}")
    if not callable(found):
        raise SpecError(f"{name} in {place} is {found!r}, not a function; name a function")
    function: Callable[..., Any] = found
    return function


def split_target(target: str) -> tuple[str, str]:
    """File or module, and the name in it.

    Raises:
        SpecError: ``target`` has not two parts.
    """
    place, separator, name = target.rpartition(":")
    if not separator or not place or not name:
        raise SpecError(f"{target!r} must be FILE.py:FN or MODULE:FN, as train.py:train")
    return place, name


def is_file_target(place: str) -> bool:
    """Whether the first part of a target is a file, not a module."""
    return place.endswith(".py") or "/" in place or "\\" in place


def _module(place: str) -> ModuleType:
    return _import_file(Path(place)) if is_file_target(place) else _import_module(place)


def _attribute(module: ModuleType, name: str) -> Any:
    """What the dotted name is in the module, or None."""
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SpecError(f"there is no file {str(path)!r}{_similar_file(path)}")
    folder, name = path.resolve().parent, path.stem
    if path.suffix != ".py" or "." in name:
        raise SpecError(f"{path.name!r} must end in .py and have no other dot; rename it")
    sys.path.insert(0, str(folder))
    module = _import(name, str(path))
    found = getattr(module, "__file__", None)
    if found is None or not Path(found).samefile(path):
        raise SpecError(
            f"{path.name!r} cannot be imported: the name {name!r} already belongs to "
            f"{found or 'a built-in module'}; rename the file"
        )
    return module


def _import_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    known: list[str] = []
    package, _, _ = name.rpartition(".")
    try:
        return _import(name, name)
    except ModuleNotFoundError as error:
        if package and error.name == name:
            folders = getattr(sys.modules[package], "__path__", [])
            known = [f"{package}.{m.name}" for m in pkgutil.iter_modules(folders)]
        elif error.name and f"{name}.".startswith(f"{error.name}."):
            known = [m.name for m in pkgutil.iter_modules([str(Path.cwd())])]
        raise SpecError(
            f"there is no module {error.name!r}{did_you_mean(str(error.name), known)}; a file is "
            "named with its ending, as train.py:train"
        ) from None


def _import(name: str, shown: str) -> ModuleType:
    """The module called ``name``.

    Raises:
        ModuleNotFoundError: It, or a package around it, does not exist.
        SpecError: Importing it raised something; the message holds the user's traceback.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise
        raise SpecError(_failed_import(shown, error)) from error
    except SystemExit as error:
        raise SpecError(
            f"{shown} ends the program when it is imported (exit code {error.code}); put what it "
            "does as a script below: if __name__ == '__main__':"
        ) from error
    except Exception as error:  # the user's code may raise anything
        raise SpecError(_failed_import(shown, error)) from error


def _failed_import(shown: str, error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace, chain=False))
    return f"{shown} cannot be imported:\n{text.rstrip()}"


def _is_machinery(filename: str) -> bool:
    return "importlib" in filename or filename == __file__


def _function(module: ModuleType, place: str, name: str) -> TrainFunction:
    found = _attribute(module, name)
    if isinstance(found, TrainFunction):
        return found
    known = [key for key, value in vars(module).items() if isinstance(value, TrainFunction)]
    listed = f"; its train functions: {', '.join(sorted(known))}" if known else ""
    if found is None:
        others = known or [key for key, value in vars(module).items() if callable(value)]
        raise SpecError(f"{place} has no {name!r}{did_you_mean(name, others) or listed}")
    if not callable(found):
        raise SpecError(f"{name} in {place} is {found!r}, not a train function{listed}")
    raise SpecError(
        f"{name} in {place} is not a train function: decorate it with @ag.args(...), its search "
        f"space{listed}"
    )


def _similar_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {str(path.parent)!r}"
    return did_you_mean(path.name, sorted(other.name for other in path.parent.glob("*.py")))
