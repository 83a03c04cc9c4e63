"""What trials print: in a file each, or the last lines of each in bounded memory."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from agcore.trial_folders import TrialFolders

logger = logging.getLogger("agcore")

LINES_PER_TRIAL = 200
_LONGEST_LINE = 8_192
_TAIL_BYTES = 1 << 20
_MEMORY_BYTES = 32 << 20
_TRIAL_BYTES = 1_200
"""What Python needs for a trial's log besides its lines ..."""
_LINE_BYTES = 48
"""... and for a line besides its characters."""


class TrialLogs(Protocol):
    """Takes what trials print."""

    def write(self, trial_id: int, data: bytes) -> None:
        """Add output of a trial, in the order in which it was written."""

    def read(self, trial_id: int) -> list[str]:
        """The last 200 lines of a trial."""


def trial_logs(folders: TrialFolders | None, before: TrialLogs) -> TrialLogs:
    """Files where they may stay, else memory; ``before`` if it does what is wanted."""
    if folders is None or folders.is_temporary:
        return before if isinstance(before, LogTails) else LogTails()
    return before if isinstance(before, LogFiles) else LogFiles(folders)


class LogFiles:
    """Appends stdout and stderr of each trial to its ``log.txt``, made at the first byte.

    What cannot be written, as on a full disk, is kept in memory like without files: output
    is no reason to end a run.
    """

    def __init__(self, folders: TrialFolders) -> None:
        self._folders = folders
        self._unwritten = LogTails()
        self._has_warned = False

    def write(self, trial_id: int, data: bytes) -> None:
        """Add output of a trial, in the order in which it was written."""
        path = self._folders.log(trial_id)
        try:
            self._append(path, data)
        except OSError as error:
            self._unwritten.write(trial_id, data)
            if not self._has_warned:
                logger.warning(
                    "the output of trial %d cannot be written to %s (%s); the last %d lines are "
                    "kept in memory (said once)",
                    trial_id,
                    path,
                    error.strerror,
                    LINES_PER_TRIAL,
                )
            self._has_warned = True

    def read(self, trial_id: int) -> list[str]:
        """The last lines of a trial; empty if it wrote nothing."""
        return (log_tail(self._folders.log(trial_id)) + self._unwritten.read(trial_id))[
            -LINES_PER_TRIAL:
        ]

    def _append(self, path: Path, data: bytes) -> None:
        try:
            file = _open_to_append(path)
        except FileNotFoundError:
            self._folders.make(path.parent)
            file = _open_to_append(path)
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)


def _open_to_append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def log_tail(path: Path) -> list[str]:
    """The last 200 lines of a log file; empty if there is none."""
    tail = _Tail()
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            if size > _TAIL_BYTES:
                file.readline()
            tail.write(file.read())
    except FileNotFoundError:
        return []
    return tail.lines()


class LogTails:
    """Keeps the last 200 lines of each trial's stdout and stderr, 32 MB in all.

    When the memory is used up, the logs of the trials that wrote least recently go first.
    """

    def __init__(self, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._tails: OrderedDict[int, _Tail] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._used = 0

    def write(self, trial_id: int, data: bytes) -> None:
        """Add output of a trial, in the order in which it was written."""
        tail = self._tails.get(trial_id)
        if tail is None:
            tail = self._tails[trial_id] = _Tail()
        else:
            self._used -= tail.size
        tail.write(data)
        self._used += tail.size
        self._tails.move_to_end(trial_id)
        while self._used > self._memory_bytes and len(self._tails) > 1:
            _, oldest = self._tails.popitem(last=False)
            self._used -= oldest.size

    def read(self, trial_id: int) -> list[str]:
        """The last lines of a trial; empty if it wrote nothing or its log was dropped."""
        tail = self._tails.get(trial_id)
        return tail.lines() if tail else []


class _Tail:
    """The last lines of one stream of bytes."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._lines_size = 0

    @property
    def size(self) -> int:
        """Memory it takes, about."""
        return _TRIAL_BYTES + self._lines_size + len(self._partial)

    def write(self, data: bytes) -> None:
        *whole, partial = (self._partial + data).split(b"\n")
        self._partial = partial[-_LONGEST_LINE:]
        for line in whole[-LINES_PER_TRIAL:]:
            self._lines.append(line[-_LONGEST_LINE:])
            self._lines_size += len(self._lines[-1]) + _LINE_BYTES
        while len(self._lines) > LINES_PER_TRIAL:
            self._lines_size -= len(self._lines.popleft()) + _LINE_BYTES

    def lines(self) -> list[str]:
        last = [self._partial] if self._partial else []
        # A progress bar redraws its line after a carriage return; only its last state counts.
        return [
            line.decode(errors="replace").rstrip("\r").rsplit("\r", 1)[-1]
            for line in [*self._lines, *last]
        ][-LINES_PER_TRIAL:]
