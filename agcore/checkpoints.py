"""A trial's own files, saved so that no half of them is ever taken for a whole.

A train function writes into an *open* folder. Its next report closes it: the files are put on
the disk, the folder is renamed to the resource reported, and only then is the scheduler told.
Whoever looks for the latest checkpoint finds a complete one or none.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN = ".open"
_REPLACED = ".replaced-"
_DELETED = ".deleted-"


class TrialCheckpoints:
    """The checkpoints of one attempt of a trial, as its own process sees them.

    Args:
        folder: Where they are to be; None for a temporary folder that goes with this object.
        latest: The checkpoint to go on from, or None.
        make: Makes a folder, its parents too.

    Attributes:
        latest: The last complete checkpoint, or None.
    """

    def __init__(
        self,
        folder: Path | None = None,
        latest: Path | None = None,
        make: Callable[[Path], None] | None = None,
    ) -> None:
        self.latest = latest
        self._folder = folder
        self._make = make or _make_with_parents
        self._is_open = False

    @property
    def open_folder(self) -> Path:
        """Where the files of the next checkpoint go; empty at first."""
        folder = self._home() / _OPEN
        if not self._is_open:
            _remove(folder)  # an attempt that was cut off may have left some
            self._make(folder)
            self._is_open = True
        return folder

    def commit(self, resource: int) -> int | None:
        """Close what was written since the last commit.

        Args:
            resource: What the trial has used; names the checkpoint. One of the same name is
                replaced.

        Returns:
            Bytes of the checkpoint, or None if nothing was written.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        if not self._is_open:
            return None
        home = self._home()
        opened = home / _OPEN
        if not any(opened.iterdir()):
            return None
        size = _sync_tree(opened)
        target = home / str(resource)
        replaced = home / f"{_REPLACED}{resource}"
        if target.exists():
            _remove(replaced)
            target.rename(replaced)  # what is killed here is mended by `clean_up`
        opened.rename(target)
        _sync(home)
        _remove(replaced)
        self._is_open = False
        self.latest = target
        return size

    def _home(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="agcore-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def discard_others(folder: Path, keep: frozenset[int]) -> None:
    """Remove the complete checkpoints of a trial but for the resources in ``keep``.

    What the trial is writing just now is left alone.
    """
    for resource in complete_checkpoints(folder) - keep:
        deleted = folder / f"{_DELETED}{resource}"
        _remove(deleted)
        (folder / str(resource)).rename(deleted)  # never half of it under its own name
        _remove(deleted)


def clean_up(folder: Path) -> None:
    """Remove what attempts that were cut off have left half-done; nobody may be writing.

    A checkpoint that was about to be replaced and was not is put back. Folders that are empty
    then are removed.
    """
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(_REPLACED):
            target = folder / entry.name.removeprefix(_REPLACED)
            if target.exists():
                _remove(entry)
            else:
                entry.rename(target)
        elif entry.name == _OPEN or entry.name.startswith(_DELETED):
            _remove(entry)
    for empty in (folder, folder.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()


def complete_checkpoints(folder: Path) -> frozenset[int]:
    """Resources of the checkpoints in a trial's folder."""
    try:
        return frozenset(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal())
    except FileNotFoundError:
        return frozenset()


def _make_with_parents(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _sync_tree(folder: Path) -> int:
    """Put all files below ``folder`` on the disk; their size in bytes."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() or not path.is_file():
                continue
            size += path.stat().st_size
            _sync(path)
        _sync(Path(parent))
    return size


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
