"""A small process that outlives a killed scheduler just long enough to clean up after it.

A worker dies with its scheduler by itself, but not the processes that a train function has
started. The guard holds the read end of a pipe whose only writer is the scheduler: at end of
file without a farewell it kills every process of the run's workers.

Runs as a script under ``python -I -S``: standard library only, nothing of agcore.
"""

from __future__ import annotations

import os
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

FAREWELL = "bye"


def tagged_processes(tag: str) -> list[int]:
    """Ids of the processes whose tag contains ``tag``; empty where there is no /proc."""
    name = f"{TAG_VARIABLE}=".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        start = environment.find(name)
        if start >= 0 and tag.encode() in environment[start:].split(b"\0", 1)[0]:
            found.append(int(folder.name))
    return found


def kill_all(groups: Iterable[int], tag: str) -> None:
    """SIGKILL to the process groups and to all processes that carry ``tag``."""
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    # A process that forks while it is being listed shows up the next time.
    for _ in range(100):
        processes = [pid for pid in tagged_processes(tag) if pid != os.getpid()]
        if not processes:
            return
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def watch(lines: Iterable[str], tag: str) -> None:
    """Follow the scheduler's notes (``+pid``, ``-pid``, farewell) until they end."""
    groups: set[int] = set()
    for line in lines:
        note = line.strip()
        if note == FAREWELL:
            return
        if note.startswith("+"):
            groups.add(int(note[1:]))
        elif note.startswith("-"):
            groups.discard(int(note[1:]))
    kill_all(groups, tag)


if __name__ == "__main__":
    watch(sys.stdin, sys.argv[1])
