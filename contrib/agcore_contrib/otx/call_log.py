"""What an algorithm was asked and told, one JSON line each; telling it again brings it back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError, SpecError
from agcore.json_values import with_names, with_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAME = "history.jsonl"
_IN_WORDS = {
    "search_space": "another search space",
    "metric": "another metric",
    "mode": "the other mode",
}


class CallLog:
    """A file of calls. Its first line holds the settings of the algorithm.

    Args:
        folder: Where the file is; made if it does not exist.
        settings: What must be the same for the calls to mean the same; JSON values.
        resume: Whether to go on with a file that is there; else it is overwritten.

    Raises:
        SpecError: The file has other settings.
        JournalError: It cannot be read or written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool) -> None:
        self._path = folder / _NAME
        plain = json.loads(json.dumps(settings))
        self._calls: list[list[Any]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = self._whole_lines() if resume else []
            if lines:
                _check_settings(json.loads(lines[0]), plain, folder)
                self._calls = [with_numbers(json.loads(line)) for line in lines[1:]]
            else:
                self._path.write_text(json.dumps(plain) + "\n", encoding="utf-8")
        except (OSError, json.JSONDecodeError) as error:
            raise JournalError(
                f"{self._path} cannot be used: {error}; pass another save_path"
            ) from error

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        """Names and arguments of the calls that were in the file."""
        for name, *arguments in self._calls:
            yield name, arguments

    def append(self, name: str, *arguments: Any) -> None:
        """Write down a call.

        Raises:
            JournalError: It cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(with_names([name, *arguments])) + "\n")
        except OSError as error:
            raise JournalError(f"{self._path} cannot be written: {error.strerror}") from error

    def _whole_lines(self) -> list[str]:
        """The lines of the file; one that was cut off is removed from it."""
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self._path, len(whole))
        return whole.decode().splitlines()


def _check_settings(recorded: Mapping[str, Any], given: Mapping[str, Any], folder: Path) -> None:
    for key, value in given.items():
        if recorded.get(key) != value:
            what = _IN_WORDS.get(key, f"another {key}")
            raise SpecError(
                f"{folder} holds a search with {what}: {recorded.get(key)!r}, now {value!r}; it "
                "can be resumed with the old value only, or pass resume=False to start anew"
            )
