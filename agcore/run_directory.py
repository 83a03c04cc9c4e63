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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError
from agcore.journal import read_journal
from agcore.records import RunResumed, RunStarted
from agcore.trial_folders import TrialFolders

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    def locked(self) -> Iterator[None]:
        """While in use, no other process can write this run.

        Raises:
            JournalError: Another process is writing it; the message names its pid and host.
        """
        import fcntl

        file = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalError(
                    f"{self.path} is in use by {self._writer()}; wait until that has ended, or "
                    "pass another directory"
                ) from None
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


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one piece: a reader never sees half of it.

    Raises:
        JournalError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror}") from error
