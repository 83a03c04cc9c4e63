"""Events as lines of JSON.

Three events a trial and one a report make up a journal, so their ordinary forms are put
together by hand, in a fraction of the time that an encoder needs. Non-finite numbers are
written by name (`agcore.json_values`), times to the microsecond, which is what clocks give.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from agcore.json_values import name_of
from agcore.records import (
    ConfigEnqueued,
    Decided,
    Decision,
    Event,
    PlanChanged,
    Reported,
    RunEnded,
    RungStanding,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
)

EVENTS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        RunStarted,
        RunResumed,
        PlanChanged,
        ConfigEnqueued,
        TrialProposed,
        TrialStarted,
        Reported,
        Decided,
        TrialEnded,
        RunEnded,
    )
}
"""All kinds of events by the name they have in a journal."""


def encode_event(event: Event, metrics_json: str = "") -> str:
    """An event as one line of JSON, without the newline.

    Args:
        event: The event.
        metrics_json: For a `Reported`: its metrics as strict JSON, if they are at hand.
    """
    kind = type(event)
    if kind is Reported:
        return reported_line(event, metrics_json)  # type: ignore[arg-type]
    quick = _QUICK.get(kind)
    line = quick(event) if quick is not None else ""
    return line or _dumps(event_to_json(event))


# Each of these answers an empty string where its event is not an ordinary one.


def reported_line(event: Reported, metrics_json: str = "") -> str:
    """A report as one line of JSON, without the newline; arguments as for `encode_event`."""
    reward, size = event.reward, event.checkpoint_bytes
    number = repr(reward) if isfinite(reward) else _name(reward)
    return (
        f'{{"event":"Reported","trial_id":{event.trial_id},"time_s":{event.time_s:.6f},'
        f'"resource":{event.resource},"reward":{number},'
        f'{"" if size is None else _size(size)}"metrics":{metrics_json or _object(event.metrics)}}}'
    )


def _size(checkpoint_bytes: int) -> str:
    return f'"checkpoint_bytes":{checkpoint_bytes},'


def _name(value: float) -> str:
    return f'"{name_of(value)}"'


def _proposed_line(event: TrialProposed) -> str:
    if event.why or event.parent is not None or not event.origin.isalpha():
        return ""
    return (
        f'{{"event":"TrialProposed","trial_id":{event.trial_id},"time_s":{event.time_s:.6f},'
        f'"config":{_object(event.config)},"origin":"{event.origin}",'
        f'"bracket":{event.bracket},"suggest_s":{event.suggest_s:.6f}}}'
    )


def _started_line(event: TrialStarted) -> str:
    if event.reason or event.again or event.parent is not None:
        return ""
    milestone = "" if event.milestone is None else f',"milestone":{event.milestone}'
    return (
        f'{{"event":"TrialStarted","trial_id":{event.trial_id},"time_s":{event.time_s:.6f},'
        f'"attempt":{event.attempt},"resume_from":{event.resume_from}{milestone}}}'
    )


def _ended_line(event: TrialEnded) -> str:
    if event.error or event.exit_code is not None or event.evidence or event.traceback_text:
        return ""
    return (
        f'{{"event":"TrialEnded","trial_id":{event.trial_id},"time_s":{event.time_s:.6f},'
        f'"state":"{event.state.value}"}}'
    )


_QUICK: dict[type, Callable[[Any], str]] = {
    TrialProposed: _proposed_line,
    TrialStarted: _started_line,
    TrialEnded: _ended_line,
}


def _object(values: Mapping[str, Any]) -> str:
    """A mapping as JSON; numbers, which most values are, need no encoder."""
    items = []
    for name, value in values.items():
        kind = type(value)
        if kind is float:
            text = repr(value) if isfinite(value) else _name(value)
        elif kind is int:
            text = repr(value)
        else:
            text = _dumps(_to_json(value))
        items.append(_quoted(name) + text)
    return "{" + ",".join(items) + "}"


@lru_cache(1024)
def _quoted(name: str) -> str:
    """A key and its colon: the same few names come back in every event."""
    return f"{json.dumps(str(name))}:"


_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a dict of JSON values, its type under ``event``.

    Optional fields that are None, False or empty are left out.
    """
    return {"event": type(event).__name__, **_to_json(_fields(event))}


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a record; those with an empty default only if they say something."""
    may_miss = _MAY_MISS[type(record)]
    return {
        name: value
        for name in type(record).__slots__
        if not _is_empty(value := getattr(record, name)) or name not in may_miss
    }


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == "" or value == {}


def _to_json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float):
        return value if isfinite(value) else name_of(value)
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return _to_json(_fields(value))
    return value


def _fields_with_empty_default(kind: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(kind)
        if _is_empty(field.default) or field.default_factory is not dataclasses.MISSING
    )


_MAY_MISS = {
    kind: _fields_with_empty_default(kind) for kind in (*EVENTS.values(), Decision, RungStanding)
}
