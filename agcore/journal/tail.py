"""What others have written to a journal since it was last read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from agcore.errors import JournalError
from agcore.journal.reader import decode_lines

if TYPE_CHECKING:
    from pathlib import Path

    from agcore.records import Event


class JournalTail:
    """Reads a growing journal piece by piece.

    Args:
        path: The journal; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._num_lines = 0

    def read(self) -> list[Event]:
        """The events that were added since the last call; half a line is left for the next one.

        Raises:
            JournalError: The file cannot be read, is damaged or no journal, or is shorter than
                it was.
        """
        data = self._new_bytes()
        lines = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="\n")
        events = list(decode_lines(lines, self._path, self._num_lines + 1))
        self._position += len(data)
        self._num_lines += len(events)
        return events

    def skip(self, num_lines: int) -> None:
        """Pass over the rest of the file: lines that the caller, who holds its lock, has added."""
        self._position = self._path.stat().st_size
        self._num_lines += num_lines

    def _new_bytes(self) -> bytes:
        """Whole lines behind the position."""
        try:
            size = self._path.stat().st_size
            if size < self._position:
                raise JournalError(
                    f"{self._path} is shorter than it was: somebody has replaced the run that was "
                    "there; open it again"
                )
            if size == self._position:
                return b""
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            if self._position:
                raise JournalError(f"{self._path} is gone; somebody has deleted the run") from None
            return b""
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} cannot be read: {error.strerror}"
            ) from error
        return data[: data.rfind(b"\n") + 1]
