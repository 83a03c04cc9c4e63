"""Process trees: seeing the end of a process, and ending all that it has started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

from agcore.executor.guard import tagged_processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def has_pidfd() -> bool:
    """Whether the end of a process can be waited for like a file (Linux 5.3 and later)."""
    return hasattr(os, "pidfd_open")


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends; where it cannot, the guard does.

    The signal fires when the *thread* that spawned this process ends.
    """
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent_pid:
        os._exit(1)  # the parent was gone before the kernel was told


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent ends, so that none is lost sight of."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(option, value, 0, 0, 0) == 0)


def has_children() -> bool:
    """Whether this process has any child left, running or not yet reaped."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def signal_group(group: int, number: signal.Signals) -> bool:
    """Send a signal to a process group; whether there was anything to receive it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_tree(pid: int, tag: str) -> None:
    """SIGKILL to a group leader, its group, its descendants and all that carry its tag.

    Descendants are listed first: once their ancestors are gone nothing connects them to us.
    """
    kill_each({*_descendants(pid), *tagged_processes(tag)} - {pid, os.getpid()})
    signal_group(pid, signal.SIGKILL)


def kill_each(processes: Iterable[int]) -> None:
    """SIGKILL to each of some processes, those already gone left out."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def survivors(pid: int, tag: str) -> set[int]:
    """Processes of a dead group leader that still run (zombies do not count)."""
    import psutil

    group = {p for p in _group_members(pid) if p != pid}
    return {
        member
        for member in group | (set(tagged_processes(tag)) - {pid, os.getpid()})
        if psutil.pid_exists(member) and not _is_zombie(member)
    }


def _descendants(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _group_members(group: int) -> Iterator[int]:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return
    import psutil

    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == group:
                yield pid


def _is_zombie(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
