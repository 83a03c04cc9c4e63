"""The journal's one writer, and what stands in for it where nothing is kept."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from agcore.errors import JournalError
from agcore.journal.encode import encode_event, reported_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agcore.records import Event

SYNC_EVERY_S = 1.0
"""A power cut can take the events of this long; the end of the process takes none."""


class Journal(Protocol):
    """Where the events of a run go beside the memory."""

    def append(self, event: Event, metrics_json: str = "") -> None:
        """Add an event; of a report the metrics may be given as strict JSON as well."""

    def commit(self) -> None:
        """Make sure that what was added outlives this process."""

    def close(self) -> None:
        """Commit; nothing will be added any more."""


class NoJournal:
    """Keeps nothing: the events are in memory only."""

    def append(self, event: Event, metrics_json: str = "") -> None:
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
        unwritten: Lines that an earlier writer could not write; they come first.
    """

    def __init__(
        self, path: Path, sync_every_s: float = SYNC_EVERY_S, unwritten: Sequence[str] = ()
    ) -> None:
        self._path = path
        self._sync_every_s = sync_every_s
        self._lines: list[str] = list(unwritten)
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

    def append(self, event: Event, metrics_json: str = "") -> None:
        """Add an event to those that the next `commit` writes."""
        self._lines.append(
            reported_line(event, metrics_json)  # type: ignore[arg-type]  # nothing else has any
            if metrics_json
            else encode_event(event)
        )

    def commit(self) -> None:
        """Write what was appended.

        Raises:
            JournalError: It cannot be written, as on a full disk; then nothing of it is, and
                nothing later is written before it.
        """
        lines = self._lines
        if not lines:
            return
        self._lines = []
        data = ("\n".join(lines) + "\n").encode()
        size = len(data)
        try:
            written = os.write(self._file, data)
            while written < size:
                written += os.write(self._file, data[written:])
        except OSError as error:
            self._take_back()
            self._lines = lines
            raise JournalError(
                f"the journal {self._path} cannot be written ({error.strerror}); the first event "
                f"that is missing: {lines[0][:200]}"
            ) from error
        self._size += size
        self._is_synced = False
        now_s = time.monotonic()
        if now_s - self._synced_s >= self._sync_every_s:
            self.sync()

    @property
    def unwritten(self) -> list[str]:
        """Lines that could not be written."""
        return self._lines

    def _take_back(self) -> None:
        os.ftruncate(self._file, self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)

    def sync(self) -> None:
        """Have the system put on the disk what was committed."""
        if not self._is_synced:
            os.fsync(self._file)
        self._synced_s = time.monotonic()
        self._is_synced = True

    def close(self, *, sync: bool = True) -> None:
        """Commit, sync unless the caller sees to that, and close."""
        try:
            self.commit()
            if sync:
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
