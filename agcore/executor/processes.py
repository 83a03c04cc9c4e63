"""Process trees: seeing the end of a process, and ending all that it has started.

What a trial has started is found in three ways: by process group, by the tag in its environment,
and by descent while its worker lives (a worker adopts orphans). A process escapes only if it
leaves the group, drops the environment, and its worker is killed from outside before anyone looks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

from agcore.executor.guard import kill_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_ONLY = os.WNOHANG | getattr(os, "WEXITED", 0) | getattr(os, "WNOWAIT", 0)


def has_pidfd() -> bool:
    """Whether the end of a process can be waited for like a file (Linux 5.3 and later)."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # an old kernel, or a sandbox
        return False
    return True


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
        if hasattr(os, "waitid"):
            os.waitid(os.P_ALL, 0, _LOOK_ONLY)
        else:  # macOS before Python 3.13; this reaps a child that has ended
            os.waitpid(-1, os.WNOHANG)
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


def families(leaders: Iterable[int]) -> dict[int, list[psutil.Process]]:
    """For each of some processes, those that it has started or adopted, and theirs."""
    import psutil

    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process)
    found = {}
    for leader in leaders:
        family = found[leader] = children.pop(leader, [])
        for member in family:  # grows while it is walked through
            family += children.pop(member.pid, [])
    return found


def kill_tree(pid: int, family: Iterable[psutil.Process]) -> None:
    """SIGKILL to a group leader, its group and its descendants.

    Args:
        pid: The leader.
        family: Its descendants, listed while it lived: later nothing connects them to us.
    """
    kill_each(child.pid for child in family if child.is_running())
    signal_group(pid, signal.SIGKILL)


def survivors(pid: int, tagged: Iterable[int], family: Iterable[psutil.Process]) -> set[int]:
    """Processes of a dead group leader that still run (zombies do not count).

    Args:
        pid: The leader.
        tagged: Processes that carry its tag.
        family: Descendants that were seen while it lived.
    """
    found = {p for p in _group_members(pid) if p != pid}
    found.update(tagged)
    found.update(child.pid for child in family if child.is_running())
    return {member for member in found - {pid, os.getpid()} if not _has_ended(member)}


def _group_members(group: int) -> Iterator[int]:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return
    import psutil

    for pid in psutil.pids():
        if _group_of(pid) == group:
            yield pid


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _has_ended(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
