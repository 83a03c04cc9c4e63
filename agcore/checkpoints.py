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
_COPIED = ".copied-"
_ATTEMPTS = 100


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


def copy_checkpoint(
    source: Path, folder: Path, make: Callable[[Path], None] | None = None
) -> int | None:
    """Copy a complete checkpoint into the folder of another trial.

    The trial that the checkpoint is of may go on writing meanwhile; even one that is started again
    and saves the same resource once more only puts a whole folder in the place of another.

    Args:
        source: The checkpoint, a folder named by its resource.
        folder: Where the copy is to be, under the same name; on the disk when it is there.
        make: Makes a folder, its parents too.

    Returns:
        Bytes of the copy, or None if there is no such checkpoint any more.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    copied = folder / f"{_COPIED}{source.name}"
    for _ in range(_ATTEMPTS):
        inode = _inode(source)
        if inode is None:
            continue  # it may be between two names
        (make or _make_with_parents)(folder)
        _remove(copied)
        try:
            shutil.copytree(source, copied, symlinks=True)
        except OSError:
            if _inode(source) == inode:
                _remove(copied)
                raise
            continue
        if _inode(source) == inode:
            size = _sync_tree(copied)
            target = folder / source.name
            _remove(target)
            copied.rename(target)
            _sync(folder)
            return size
    _remove(copied)
    return None


def _inode(path: Path) -> int | None:
    """What tells a folder from another of the same name; None if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def discard_others(folder: Path, keep: frozenset[int]) -> None:
    """Remove the complete checkpoints of a trial but for the resources in ``keep``.

    What the trial is writing just now is left alone.
    """
    discard(folder, complete_checkpoints(folder) - keep)


def discard(folder: Path, resources: frozenset[int]) -> None:
    """Remove complete checkpoints of a trial, those that there are."""
    for resource in resources & complete_checkpoints(folder):
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
        elif entry.name == _OPEN or entry.name.startswith((_DELETED, _COPIED)):
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


def checkpoint_bytes(path: Path) -> int:
    """Size of the files of a checkpoint."""
    return sum(
        file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink()
    )


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
