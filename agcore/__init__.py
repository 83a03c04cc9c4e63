"""agcore: tune training functions. ``import agcore as ag``.

Names are loaded when they are first used (PEP 562): importing agcore costs next to nothing,
which worker processes thank us for. ``__init__.pyi`` says the same to type checkers.
"""

from __future__ import annotations

import importlib
from typing import Any

from agcore.version import __version__

_MODULES = (
    "budget",
    "callbacks",
    "curves",
    "datasets",
    "executor",
    "policy",
    "scheduler",
    "searcher",
    "space",
    "version",
)
_HOMES = {
    "agcore.ask_tell": ("AskTell", "AskedTrial"),
    "agcore.errors": (
        "AgcoreError",
        "EarlyStop",
        "JournalError",
        "MissingExtraError",
        "ReportError",
        "SpaceExhausted",
        "SpecError",
        "TrialFailed",
        "WorkerLost",
    ),
    "agcore.pickles": ("load", "save"),
    "agcore.scheduler": ("Task", "scheduler_factory"),
    "agcore.space": (
        "AutoGluonObject",
        "Bool",
        "Categorical",
        "Choice",
        "Dict",
        "Int",
        "Linear",
        "List",
        "LogLinear",
        "NestedSpace",
        "Ordinal",
        "Real",
        "Space",
    ),
    "agcore.train_fn": (
        "args",
        "autogluon_function",
        "autogluon_object",
        "autogluon_register_args",
        "autogluon_register_dict",
        "func",
        "obj",
        "sample_config",
    ),
    "agcore.tuning": ("TuneResult", "tune"),
    "agcore.whatif": ("ReplayResult", "replay"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_MODULES, *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"agcore.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'agcore' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
