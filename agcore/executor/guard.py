"""A small process that outlives a killed scheduler just long enough to clean up after it.

A worker dies with its scheduler by itself, but not the processes that a train function has
started. The guard holds the read end of a pipe whose writer is the scheduler: at end of file,
or once its parent is another process, it kills every process of the run's workers. A scheduler
that ends in good order kills the guard.

Runs as a script under ``python -I -S``: standard library only, nothing of agcore.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG_VARIABLE = "AGCORE_RUN_TAG"
"""Environment variable that marks the processes of a worker; children inherit it.

Its value is the worker's tag, after the tags of the workers around it if runs are nested.
"""

_LOOK_AROUND_S = 1.0
_ROUNDS = 100


def tagged_processes(tag: str) -> list[int]:
    """Ids of the processes that carry ``tag``; empty where there is no /proc."""
    return [pid for pid in _processes() if carries(pid, tag)]


def _processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def carries(pid: int, tag: str) -> bool:
    """Whether a process carries ``tag``."""
    try:
        return tag.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone meanwhile, or another user's
        return False


def kill_each(processes: Iterable[int]) -> None:
    """SIGKILL to each of some processes, those already gone left out."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_all(groups: Iterable[int], tag: str) -> None:
    """SIGKILL to the process groups and to all processes that carry ``tag``."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    # A process that forks while it is being listed shows up the next time.
    for _ in range(_ROUNDS):
        processes = [pid for pid in tagged_processes(tag) if pid != os.getpid()]
        if not processes:
            return
        kill_each(processes)


def watch(pipe: int, tag: str, scheduler: int) -> None:
    """Follow the scheduler's notes (``+pid``, ``-pid``) until they end, then clean up.

    Args:
        pipe: File descriptor from which to read them.
        tag: What the tags of the run's workers have in common.
        scheduler: The parent of this process.
    """
    groups: set[int] = set()
    pending = b""
    while True:
        # The scheduler may be gone though a child that it has forked keeps the pipe open.
        is_orphan = os.getppid() != scheduler
        if select.select([pipe], [], [], 0 if is_orphan else _LOOK_AROUND_S)[0]:
            data = os.read(pipe, 4096)
        elif is_orphan:
            data = b""
        else:
            continue
        if not data:
            break
        *notes, pending = (pending + data).split(b"\n")
        for note in notes:
            group = int(note[1:])
            if note.startswith(b"+"):
                groups.add(group)
            else:
                groups.discard(group)
    kill_all(groups, tag)


if __name__ == "__main__":
    watch(sys.stdin.fileno(), sys.argv[1], int(sys.argv[2]))
    if len(sys.argv) > 3 and sys.argv[3]:
        shutil.rmtree(sys.argv[3], ignore_errors=True)
