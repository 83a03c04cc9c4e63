"""The one folder that a run writes, and who may write it.

RUN/
  run.json             what was run: settings, space, versions, train function
  events.jsonl         the journal; whoever writes it holds its lock
  trials/0007/log.txt  what trial 7 printed; made at the first byte
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError
from agcore.journal import read_journal
from agcore.records import RunResumed, RunStarted
from agcore.trial_folders import TrialFolders
from agcore.whole_files import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator


_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.05
"""Between two attempts to get the lock."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths of a run's files.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def make(cls, path: str | os.PathLike[str]) -> RunDirectory:
        """The folder at ``path``, made if it does not exist.

        Raises:
            JournalError: There is a file, or the folder cannot be made.
        """
        folder = Path(path).absolute()  # wherever the program goes later
        if folder.exists() and not folder.is_dir():
            raise JournalError(
                f"checkpoint={str(path)!r} is a file; a checkpoint is a directory now: pass the "
                "name of a directory, which is made if it does not exist"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"checkpoint={str(path)!r} cannot be made: {error.strerror}; choose a directory "
                "that can be written to"
            ) from error
        return cls(folder)

    @property
    def journal(self) -> Path:
        """The events."""
        return self.path / "events.jsonl"

    @property
    def description(self) -> Path:
        """What was run."""
        return self.path / "run.json"

    @property
    def trials(self) -> TrialFolders:
        """Logs and checkpoints of the trials."""
        return TrialFolders(self.path / "trials")

    @property
    def holds_a_run(self) -> bool:
        """Whether there is a journal with at least one event."""
        try:
            with self.journal.open("rb") as file:
                return file.readline().endswith(b"\n")
        except OSError:
            return False

    @property
    def journal_size(self) -> int:
        """Bytes of the journal; 0 as long as it holds no whole event."""
        return self.journal.stat().st_size if self.holds_a_run else 0

    def write_description(self, description: dict[str, Any]) -> None:
        """Write ``run.json`` in one piece.

        Raises:
            JournalError: It cannot be written.
        """
        write_json(self.description, description)

    def read_description(self) -> dict[str, Any]:
        """What `write_description` wrote; empty if there is none.

        Raises:
            JournalError: It is damaged.
        """
        try:
            description = json.loads(self.description.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise JournalError(f"{self.description} cannot be read: {error}") from error
        if not isinstance(description, dict):
            raise JournalError(f"{self.description} cannot be read: it holds no JSON object")
        return description

    @contextlib.contextmanager
    def locked(self, wait_s: float = 0.0) -> Iterator[None]:
        """While in use, no other process can write this run.

        Args:
            wait_s: For how long to wait until another process lets go of it.

        Raises:
            JournalError: Another process is writing it; the message names its pid and host. Or the
                journal cannot be opened.
        """
        try:
            file = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise JournalError(
                f"the journal {self.journal} cannot be opened: {error.strerror}; choose a "
                "directory that can be written to"
            ) from error
        try:
            if not _took_lock(file, wait_s):
                waited = f" after {wait_s:g} seconds" if wait_s else ""
                raise JournalError(
                    f"{self.path} is in use by {_holder(file) or self._writer()}{waited}; wait "
                    "until that has ended, or pass another directory"
                )
            yield
        finally:
            os.close(file)

    def _writer(self) -> str:
        """Who wrote last, in words."""
        session = None
        with contextlib.suppress(JournalError):
            for event in read_journal(self.journal):
                if isinstance(event, (RunStarted, RunResumed)):
                    session = event
        if session is None:
            return "another process"
        return f"process {session.pid} on {session.host}"


def _took_lock(file: int, wait_s: float) -> bool:
    """Whether the lock of an open file is ours now; asked for again until ``wait_s`` are over."""
    import fcntl

    deadline_s = time.monotonic() + wait_s
    pause_s = _SHORTEST_PAUSE_S
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            return False
        # The system wakes up who waits, but does not let it wait for so long and no longer.
        time.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _holder(file: int) -> str:
    """Who holds the lock of an open file, in words; empty where the system does not say."""
    status = os.fstat(file)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            is_held = len(fields) > 5 and fields[1] == "FLOCK"
            if is_held and fields[5] == f"{device}:{status.st_ino}" and int(fields[4]) > 0:
                return f"process {int(fields[4])} on {platform.node()}"
    return ""


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one piece: a reader never sees half of it.

    Raises:
        JournalError: It cannot be written.
    """
    try:
        with replaced(path) as unfinished:
            unfinished.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror}") from error
