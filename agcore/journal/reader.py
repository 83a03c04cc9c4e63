"""Journals read back, while they grow or long after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError
from agcore.journal.decode import DAMAGE, SCHEMA, decode_event, event_from_json
from agcore.records import Event, RunStarted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from agcore.history import RunHistory


def read_journal(path: Path) -> Iterator[Event]:
    """The events of a journal, oldest first; a line that was cut off at the end is left out.

    Raises:
        JournalError: The file is no journal, of a later schema, or damaged; names the line.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            yield from decode_lines(file, path)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error


def decode_lines(lines: Iterable[str], path: Path, first: int = 1) -> Iterator[Event]:
    """The events in lines of a journal, up to the first that has no newline.

    Args:
        lines: The lines.
        path: The journal, for messages.
        first: Number of the first of them.

    Raises:
        JournalError: As `read_journal`.
    """
    for number, line in enumerate(lines, start=first):
        if not line.endswith("\n"):
            return
        try:
            event = decode_event(line)
        except DAMAGE as error:
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
        except DAMAGE as error:
            raise JournalError(f"event {number} of the state is damaged: {error!r}") from error
