"""The run as a file: one event a line, JSON, append-only.

A journal is written by one process at a time and may be read by any, also while it grows. Its first
line is a `RunStarted`. A last line without its newline is a write that was cut off: readers
ignore it, the next writer removes it.

``encode.py`` and ``decode.py`` turn events into lines and back, ``writer.py`` and
``reader.py`` do the files, ``tail.py`` reads on where it was. May be imported by whatever
writes or reads a run; knows records, histories and files only.
"""

from __future__ import annotations

from agcore.journal.decode import SCHEMA, decode_event, event_from_json
from agcore.journal.encode import encode_event, event_to_json
from agcore.journal.reader import events_from_state, read_history, read_journal
from agcore.journal.tail import JournalTail
from agcore.journal.writer import SYNC_EVERY_S, Journal, JournalWriter, NoJournal

__all__ = [
    "SCHEMA",
    "SYNC_EVERY_S",
    "Journal",
    "JournalTail",
    "JournalWriter",
    "NoJournal",
    "decode_event",
    "encode_event",
    "event_from_json",
    "event_to_json",
    "events_from_state",
    "read_history",
    "read_journal",
]
