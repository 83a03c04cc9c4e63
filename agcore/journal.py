"""The run as a file: one event a line, JSON, append-only.

A journal is written by one process and may be read by any, also while it grows. Its first
line is a `RunStarted`. A last line without its newline is a write that was cut off: readers
ignore it, the next writer removes it.

Non-finite numbers are the strings NaN, Infinity and -Infinity, which JSON has no numbers for.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import JournalError
from agcore.records import (
    Action,
    Decided,
    Decision,
    Event,
    Reported,
    RunEnded,
    RungStanding,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

if TYPE_CHECKING:
    from pathlib import Path

    from agcore.history import RunHistory

SCHEMA = 1
"""Version of what is written. A journal of a later one is refused."""

SYNC_EVERY_S = 1.0
"""A power cut can take the events of this long; the end of the process takes none."""

# -- writing -------------------------------------------------------------------------------


def encode_event(event: Event) -> str:
    """An event as one line of JSON, without the newline."""
    try:
        quick = _QUICK.get(type(event))
        return (quick and quick(event)) or _encode(
            {"event": type(event).__name__, **_fields(event)}
        )
    except ValueError:  # a number that is not finite
        return _encode(event_to_json(event))


# Three events a trial and one a report make up the journal, so they are put together by hand,
# in a fourth of the time; each answers an empty string where it is not an ordinary one.


def _reported_line(event: Reported) -> str:
    return (
        f'{{"event":"Reported","trial_id":{event.trial_id},"time_s":{event.time_s!r},'
        f'"resource":{event.resource},"reward":{_encode(event.reward)},'
        f'"metrics":{_encode(event.metrics)}}}'
    )


def _proposed_line(event: TrialProposed) -> str:
    if event.why or not event.origin.isalpha():
        return ""
    return (
        f'{{"event":"TrialProposed","trial_id":{event.trial_id},"time_s":{event.time_s!r},'
        f'"config":{_encode(event.config)},"origin":"{event.origin}",'
        f'"bracket":{event.bracket},"suggest_s":{event.suggest_s!r}}}'
    )


def _started_line(event: TrialStarted) -> str:
    if event.reason:
        return ""
    milestone = "" if event.milestone is None else f',"milestone":{event.milestone}'
    return (
        f'{{"event":"TrialStarted","trial_id":{event.trial_id},"time_s":{event.time_s!r},'
        f'"attempt":{event.attempt},"resume_from":{event.resume_from}{milestone}}}'
    )


def _ended_line(event: TrialEnded) -> str:
    if event.error or event.exit_code is not None or event.evidence or event.traceback_text:
        return ""
    return (
        f'{{"event":"TrialEnded","trial_id":{event.trial_id},"time_s":{event.time_s!r},'
        f'"state":"{event.state.value}"}}'
    )


_QUICK: dict[type, Callable[[Any], str]] = {
    Reported: _reported_line,
    TrialProposed: _proposed_line,
    TrialStarted: _started_line,
    TrialEnded: _ended_line,
}


_EMPTY: tuple[Any, ...] = (None, "", {})


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a record; those with an empty default only if they say something."""
    may_miss = _MAY_MISS[type(record)]
    return {
        name: value
        for name in type(record).__slots__
        if (value := getattr(record, name)) not in _EMPTY or name not in may_miss
    }


def _of_other_types(value: Any) -> Any:
    """What JSON is to make of a nested record or a mapping that is no dict."""
    return dict(value) if isinstance(value, Mapping) else _fields(value)


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_of_other_types).encode


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a dict of JSON values, its type under ``event``.

    Optional fields that are None or empty are left out.
    """
    return {"event": type(event).__name__, **_to_json(_fields(event))}


def _to_json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of(value)
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return _to_json(_fields(value))
    return value


def _name_of(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


class Journal(Protocol):
    """Where the events of a run go beside the memory."""

    def append(self, event: Event) -> None:
        """Add an event."""

    def commit(self) -> None:
        """Make sure that what was added outlives this process."""

    def close(self) -> None:
        """Commit; nothing will be added any more."""


class NoJournal:
    """Keeps nothing: the events are in memory only."""

    def append(self, event: Event) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class JournalWriter:
    """Appends events to a file.

    `append` collects, `commit` writes what was collected in one piece: what a turn of the loop
    brings is on its way to the disk before any trial hears of it. What cannot be written whole
    is taken back, so that the file always ends with a whole line.

    Args:
        path: The journal; made if it does not exist. A line that was cut off is removed.
        sync_every_s: Longest time between two fsyncs while events come in.
    """

    def __init__(self, path: Path, sync_every_s: float = SYNC_EVERY_S) -> None:
        self._path = path
        self._sync_every_s = sync_every_s
        self._lines: list[str] = []
        self._synced_s = time.monotonic()
        self._is_synced = True
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._size = _end_of_last_line(self._file)
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
        except OSError as error:
            raise JournalError(
                f"the journal {path} cannot be written: {error.strerror}; choose a directory "
                "that can be written to"
            ) from error

    def append(self, event: Event) -> None:
        """Add an event to those that the next `commit` writes."""
        self._lines.append(encode_event(event))

    def commit(self) -> None:
        """Write what was appended.

        Raises:
            JournalError: It cannot be written, as on a full disk; then nothing of it is.
        """
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        data = ("\n".join(lines) + "\n").encode()
        size = len(data)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._take_back()
            raise JournalError(
                f"the journal {self._path} cannot be written ({error.strerror}); the first event "
                f"that is missing: {lines[0][:200]}"
            ) from error
        self._size += size
        self._is_synced = False
        now_s = time.monotonic()
        if now_s - self._synced_s >= self._sync_every_s:
            self.sync()

    def _take_back(self) -> None:
        os.ftruncate(self._file, self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)

    def sync(self) -> None:
        """Have the system put on the disk what was committed."""
        if not self._is_synced:
            os.fsync(self._file)
        self._synced_s = time.monotonic()
        self._is_synced = True

    def close(self) -> None:
        """Commit, sync and close."""
        try:
            self.commit()
            self.sync()
        finally:
            os.close(self._file)


def _end_of_last_line(file: int) -> int:
    """Position after the last newline of an open file."""
    position = os.fstat(file).st_size
    while position > 0:
        start = max(0, position - (1 << 16))
        found = os.pread(file, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


_decode = json.JSONDecoder().raw_decode


def _fields_with_empty_default(kind: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(kind)
        if field.default in (None, "") or field.default_factory is not dataclasses.MISSING
    )


# -- reading -------------------------------------------------------------------------------


def read_journal(path: Path) -> Iterator[Event]:
    """The events of a journal, oldest first; a line that was cut off at the end is left out.

    Raises:
        JournalError: The file is no journal, of a later schema, or damaged; names the line.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            yield from _decode_lines(file, path)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error


def _decode_lines(lines: Iterable[str], path: Path) -> Iterator[Event]:
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            return
        try:
            event = decode_event(line)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise JournalError(
                f"line {number} of {path} is damaged or no event of agcore ({error}): {line[:80]!r}"
            ) from error
        if number == 1 and not isinstance(event, RunStarted):
            raise JournalError(f"{path} is no journal of agcore: it does not begin with RunStarted")
        if isinstance(event, RunStarted) and event.schema > SCHEMA:
            raise JournalError(
                f"{path} was written by a later agcore (schema {event.schema}, this one reads up "
                f"to {SCHEMA}); install a newer agcore to read it"
            )
        yield event


def decode_event(line: str) -> Event:
    """The event in one line.

    Raises:
        ValueError: The line is not JSON, or a value has the wrong type.
        KeyError: The event or one of its fields is unknown.
        TypeError: A field is missing.
    """
    value, end = _decode(line)
    if line[end:].strip():
        raise ValueError("something follows the JSON object")
    return event_from_json(value)


def event_from_json(value: Any) -> Event:
    """The event that `event_to_json` made a dict of.

    Raises:
        ValueError: It is no dict, or a value has the wrong type.
        KeyError: The event or one of its fields is unknown.
        TypeError: A field is missing.
    """
    fields = dict(_mapping(value))
    kind = _EVENTS[fields.pop("event")]
    event: Event = kind(**{name: _FIELDS[name](item) for name, item in fields.items()})
    return event


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is not an integer")
    return value


_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
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
            metrics[key] = _with_numbers(item)
    return metrics


def _with_numbers(value: Any) -> Any:
    """A value with the names of non-finite numbers turned back into them."""
    if isinstance(value, str):
        return _NON_FINITE.get(value, value)
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    return value


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
    "attempt": _natural,
    "bracket": _natural,
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
    "pid": _natural,
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
    "level": _natural,
    "quantile": _number,
    "rank": _natural,
    "size": _natural,
}
_EVENTS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        RunStarted,
        RunResumed,
        TrialProposed,
        TrialStarted,
        Reported,
        Decided,
        TrialEnded,
        RunEnded,
    )
}
_MAY_MISS = {
    kind: _fields_with_empty_default(kind) for kind in (*_EVENTS.values(), Decision, RungStanding)
}


def read_history(path: Path, history: RunHistory) -> RunHistory:
    """``history`` with the events of a journal applied.

    Raises:
        JournalError: The journal is damaged, or its events do not fit together.
    """
    for number, event in enumerate(read_journal(path), start=1):
        try:
            history.apply(event)
        except (KeyError, AttributeError, TypeError) as error:
            trial_id = getattr(event, "trial_id", None)
            raise JournalError(
                f"line {number} of {path} does not follow from those before it: "
                f"{type(event).__name__} of trial {trial_id}, which was not proposed"
            ) from error
    return history


def events_from_state(state: Mapping[str, Any]) -> Iterator[Event]:
    """The events in a ``state_dict``.

    Raises:
        JournalError: It is none, damaged, or of a later version.
    """
    schema, events = state.get("schema"), state.get("events")
    if not isinstance(schema, int) or not isinstance(events, list):
        raise JournalError("the state is no state_dict() of agcore: it lacks schema or events")
    if schema > SCHEMA:
        raise JournalError(
            f"the state was written by a later agcore (schema {schema}, this one reads up to "
            f"{SCHEMA}); install a newer agcore to load it"
        )
    for number, event in enumerate(events, start=1):
        try:
            yield event_from_json(event)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"event {number} of the state is damaged: {error!r}") from error
