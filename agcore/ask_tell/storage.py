"""Where an `AskTell` keeps its run: in memory, or in a directory that several processes share."""

from __future__ import annotations

import contextlib
import math
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import SpecError
from agcore.journal import SYNC_EVERY_S, JournalTail, JournalWriter
from agcore.run_directory import RunDirectory
from agcore.scheduler.storage import RunStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agcore.records import Event


class Keeping(Protocol):
    """What an `AskTell` needs of a place for its run."""

    def turn(self) -> contextlib.AbstractContextManager[None]:
        """While in use, nobody else changes the run."""

    def news(self) -> list[Event]:
        """Events that were recorded since the last call by others."""

    def write(self, events: Sequence[Event]) -> None:
        """Record events, all of them or none."""

    def rewind(self) -> None:
        """Have `news` begin with the first event again."""


class InMemory:
    """Keeps a run for as long as its process lives."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._num_told = 0
        self._process = os.getpid()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else is there.

        Raises:
            SpecError: A child process uses the run of its parent.
        """
        if os.getpid() != self._process:
            raise SpecError(
                "this AskTell was made in another process and keeps its run in memory, where "
                "nobody else sees it; pass checkpoint=, a directory that all processes share"
            )
        yield

    def news(self) -> list[Event]:
        """Nothing, except after `rewind`."""
        news = self._events[self._num_told :]
        self._num_told = len(self._events)
        return news

    def write(self, events: Sequence[Event]) -> None:
        """Keep events."""
        self._events += events
        self._num_told += len(events)

    def rewind(self) -> None:
        """Have `news` begin with the first event again."""
        self._num_told = 0


class InDirectory:
    """Keeps a run in a directory; whoever changes it holds the lock of its journal.

    Args:
        path: The directory; made if it does not exist.
        resume: ``'auto'`` joins the run that is there or begins one; True only joins, False only
            begins.
        lock_timeout_s: How long to wait for other processes.
        description: What is to be run, as ``run.json`` will say.

    Raises:
        JournalError: The directory cannot be made, holds another run, or ``resume`` forbids it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        resume: bool | str,
        lock_timeout_s: float,
        description: Mapping[str, Any],
    ) -> None:
        self._directory = RunDirectory.make(path)
        self._lock_timeout_s = lock_timeout_s
        self._tail = JournalTail(self._directory.journal)
        self._synced_s = -math.inf
        with self.turn():
            storage = RunStorage(self._directory, description)
            # Not 'auto', which would let the space differ from that of the other processes.
            if not storage.begin(self._directory.holds_a_run if resume == "auto" else resume):
                self._directory.write_description(dict(description))

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """The lock.

        Raises:
            JournalError: Another process has held it for too long; the message names it.
        """
        with self._directory.locked(self._lock_timeout_s):
            yield

    def news(self) -> list[Event]:
        """What other processes have written.

        Raises:
            JournalError: The journal is damaged, or was replaced.
        """
        return self._tail.read()

    def write(self, events: Sequence[Event]) -> None:
        """Append events in one piece.

        As in any run they are synced at most once a second, so a quick loop does not wait for the
        disk at every call; with a second between two calls each is.

        Raises:
            JournalError: They cannot be written; then none of them is.
        """
        if not events:
            return
        now_s = time.monotonic()
        is_due = now_s - self._synced_s >= SYNC_EVERY_S
        writer = JournalWriter(self._directory.journal)
        try:
            for event in events:
                writer.append(event)
        finally:
            writer.close(sync=is_due)
        if is_due:
            self._synced_s = now_s
        self._tail.skip(len(events))

    def rewind(self) -> None:
        """Have `news` begin with the first event again."""
        self._tail = JournalTail(self._directory.journal)


def keeping(
    checkpoint: str | os.PathLike[str] | None,
    resume: bool | str,
    lock_timeout_s: float,
    description: Mapping[str, Any],
) -> Keeping:
    """The place for a run; arguments as for `InDirectory`.

    Raises:
        JournalError: As there.
        SpecError: ``resume`` without a directory.
    """
    if checkpoint is not None:
        if not os.fspath(checkpoint):
            raise SpecError(
                "checkpoint='' must be the name of a directory, or None to keep nothing"
            )
        return InDirectory(checkpoint, resume, lock_timeout_s, description)
    if resume is True:
        raise SpecError("resume=True needs checkpoint=, the directory of the run to continue")
    return InMemory()
