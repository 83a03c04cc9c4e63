"""What a run is, in words that can be compared: is it the same run that goes on?"""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.space.base import Space
from agcore.version import __version__

if TYPE_CHECKING:
    from agcore.records import RunStarted

MAY_CHANGE = frozenset(
    {
        "num_trials",
        "time_out",
        "max_failures",
        "max_retries",
        "max_reward",
        "trial_time_out",
        "stop_jobs_after_time_out",
        "predict_duration",
        "training_history_searcher_info",
    }
)
"""Settings that say when a run ends or what is told of it; they change nothing that has been."""


def refused(before: Mapping[str, Any], now: Mapping[str, Any], *, may_widen: bool) -> list[str]:
    """Differences that make it another run, in words.

    Args:
        before: A description as ``run.json`` has it; what it lacks is not compared.
        now: A description of the present scheduler.
        may_widen: Whether the search space may differ.
    """
    changed = []
    if "scheduler" in before:
        changed += differences(_fixed(before["scheduler"]), _fixed(now["scheduler"]))
    if "space" in before and not may_widen:
        changed += differences(before["space"], now["space"])
    return changed


def doubtful(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences with which results may differ, in words."""
    named = {
        "train_function": "train function",
        "arguments": "arguments",
        "simulated": "simulation",  # only of simulated runs
        "versions": "version",
    }
    return [
        f"{what}: {difference}"
        for name, what in named.items()
        if name in before
        for difference in differences(before[name], now.get(name, {}))
    ]


def _fixed(settings: Any) -> dict[str, Any]:
    given = settings if isinstance(settings, Mapping) else {}
    return {name: value for name, value in given.items() if name not in MAY_CHANGE}


def differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """What differs between two flat mappings, field by field, in words."""
    if not isinstance(before, Mapping):
        return [f"the record has {before!r} in the place of fields"]
    if before.get("class", "") != now.get("class", ""):  # the other fields follow from it
        return [f"class was {before.get('class')!r} and is {now.get('class')!r}"]
    changed = []
    for name in {**before, **now}:
        if name not in now:
            changed.append(f"{name} was {before[name]!r} and is gone")
        elif name not in before:
            changed.append(f"{name} is new: {now[name]!r}")
        elif before[name] != now[name]:
            changed.append(f"{name} was {before[name]!r} and is {now[name]!r}")
    return changed


def of_journal(first: RunStarted, now: Mapping[str, Any]) -> dict[str, Any]:
    """A description made of a journal's first event, as far as it goes.

    Args:
        first: The event.
        now: A description of the present scheduler; fields that it lacks are left out.
    """
    known = now["scheduler"]
    settings = {name: value for name, value in first.settings.items() if name in known}
    settings["class"] = first.settings.get("scheduler", known.get("class"))
    kept = {name: value for name, value in known.items() if name not in settings}
    return {"scheduler": {**kept, **settings}, "space": first.space, "versions": first.versions}


def fingerprint(function: Callable[..., Any]) -> dict[str, str]:
    """What tells one train function from another: its name and its source."""
    name = getattr(function, "__qualname__", type(function).__name__)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return {"name": name}
    return {"name": name, "source": hashlib.sha256(source.encode()).hexdigest()[:16]}


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    return {"agcore": __version__, "python": platform.python_version(), "numpy": np.__version__}


def describe_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """``search_options`` as JSON values; what has none by its name or repr."""
    return {
        key: _described(value)
        for key, value in sorted((options or {}).items())
        if key != "debug_log"
    }


def describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The plain arguments of a train function, those that are not searched."""
    plain = (type(None), bool, int, float, str)
    return {
        str(key): value if isinstance(value, plain) else type(value).__name__
        for key, value in arguments.items()
        if not isinstance(value, Space)
    }


def _described(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(item) for item in value]
    return getattr(value, "__qualname__", repr(value))
