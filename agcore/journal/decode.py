"""Lines of JSON as events: whatever a line holds, it is an event or an error that says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agcore.journal.encode import EVENTS
from agcore.json_values import NON_FINITE, with_numbers
from agcore.records import Action, Decision, Event, Reported, RungStanding, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = 1
"""Version of what is written. A journal of a later one is refused."""

DAMAGE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What `decode_event` and `event_from_json` raise for what is no event."""

_decode = json.JSONDecoder().raw_decode


def decode_event(line: str) -> Event:
    """The event in one line.

    Raises:
        ValueError: The line is not JSON, or a value has the wrong type.
        KeyError: The event or one of its fields is unknown.
        TypeError: A field is missing.
    """
    value, end = _decode(line)
    if line[end:] != "\n" and line[end:].strip():
        raise ValueError("something follows the JSON object")
    return event_from_json(value)


def event_from_json(value: Any) -> Event:
    """The event that `event_to_json` made a dict of.

    Raises:
        ValueError: It is no dict, or a value has the wrong type.
        KeyError: The event or one of its fields is unknown.
        TypeError: A field is missing.
    """
    report = _ordinary_report(value)
    if report is not None:
        return report
    fields = dict(_mapping(value))
    kind = EVENTS[fields.pop("event")]
    event: Event = kind(**{name: _FIELDS[name](item) for name, item in fields.items()})
    return event


_NUMBERS = frozenset({float, int})


def _ordinary_report(value: Any) -> Reported | None:
    """A report of numbers only, which is most of a journal; None for whatever else."""
    if type(value) is not dict or len(value) != 6 or value.get("event") != "Reported":
        return None
    try:
        trial_id, resource, metrics = value["trial_id"], value["resource"], value["metrics"]
        time_s, reward = value["time_s"], value["reward"]
    except KeyError:
        return None
    if not (
        type(trial_id) is type(resource) is int
        and type(time_s) is type(reward) is float
        and trial_id >= 0 <= resource
        and type(metrics) is dict
        and _NUMBERS.issuperset(map(type, metrics.values()))
    ):
        return None
    return Reported(trial_id, time_s, resource, reward, metrics)


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is not an integer")
    return value


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    raise ValueError(f"{value!r} is not a number")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an object")
    return value


def _metrics(value: Any) -> dict[str, Any]:
    metrics = _mapping(value)
    for key, item in metrics.items():
        if type(item) not in (float, int):
            metrics[key] = with_numbers(item)
    return metrics


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def _decision(value: Any) -> Decision:
    fields = {name: _DECISION_FIELDS[name](item) for name, item in _mapping(value).items()}
    return Decision(**fields)


def _standing(value: Any) -> RungStanding:
    return RungStanding(**{n: _STANDING_FIELDS[n](item) for n, item in _mapping(value).items()})


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "again": _truth,
    "attempt": _natural,
    "bracket": _natural,
    "checkpoint_bytes": _natural,
    "config": _mapping,
    "decision": _decision,
    "error": _text,
    "evidence": _text,
    "exit_code": _integer,
    "host": _text,
    "metrics": _metrics,
    "milestone": _natural,
    "num_trials": _natural,
    "origin": _text,
    "parent": _natural,
    "pid": _natural,
    "plan": _metrics,
    "reason": _text,
    "resource": _natural,
    "resume_from": _natural,
    "reward": _number,
    "schema": _natural,
    "seed": _natural,
    "settings": _mapping,
    "space": _mapping,
    "state": TrialState,
    "suggest_s": _number,
    "time_out": _number,
    "time_s": _number,
    "traceback_text": _text,
    "trial_id": _natural,
    "versions": _mapping,
    "why": _metrics,
}
_DECISION_FIELDS: dict[str, Callable[[Any], Any]] = {
    "action": Action,
    "completed": _truth,
    "next_milestone": _natural,
    "reason": _text,
    "standing": _standing,
}
_STANDING_FIELDS: dict[str, Callable[[Any], Any]] = {
    "cutoff": _number,
    "front": _natural,
    "level": _natural,
    "quantile": _number,
    "rank": _natural,
    "size": _natural,
}
