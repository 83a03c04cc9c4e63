"""What an attempt leaves behind in its worker: set right if that is easy, else reported."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from agcore.executor.processes import has_children

_KIB_PER_MAXRSS = 1 / 1024 if sys.platform == "darwin" else 1
_MEMORY_FILE = "/proc/self/statm"
_KIB_PER_PAGE = resource.getpagesize() // 1024
_MEMORY_EVERY_S = 0.05
"""Memory is looked at no more often than this: a trial that does nothing takes less."""


class Housekeeping:
    """Keeps trials that run in one worker, one after another, from meeting each other's traces.

    Made before the first trial. What trials do to imported modules is theirs to keep.
    """

    def __init__(self) -> None:
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self._files = _files_behind_streams()
        self._directory = os.getcwd()  # noqa: PTH109  once more after each trial: no detours
        self._threads = set(threading.enumerate())
        self._libc = ctypes.CDLL(None)
        self._memory_fd = -1
        self._memory_kib = 0
        self._memory_due_s = 0.0
        if Path(_MEMORY_FILE).exists():
            self._memory_fd = os.open(_MEMORY_FILE, os.O_RDONLY)

    def tidy_up(self) -> bool:
        """Put back what can be put back; whether another trial may run here."""
        signal.alarm(0)
        try:
            if os.getcwd() != self._directory:  # noqa: PTH109
                os.chdir(self._directory)
        except OSError:  # one of them is gone
            self._go_back()
        return self._flush() and not has_children() and not self._has_new_threads()

    def memory_kib(self) -> int:
        """Memory that this process holds; where that is not known, the most it has held."""
        now = time.monotonic()
        if now >= self._memory_due_s:
            self._memory_due_s = now + _MEMORY_EVERY_S
            self._memory_kib = self._measure_memory()
        return self._memory_kib

    def _measure_memory(self) -> int:
        if self._memory_fd >= 0:
            return int(os.pread(self._memory_fd, 100, 0).split()[1]) * _KIB_PER_PAGE
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_PER_MAXRSS)

    def _go_back(self) -> None:
        with contextlib.suppress(OSError):
            os.chdir(self._directory)

    def _flush(self) -> bool:
        """Write out what the trial has printed; whether its streams still work."""
        if sys.stdout is not self._stdout or sys.stderr is not self._stderr:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the user's own object
                    stream.flush()
            sys.stdout, sys.stderr = self._stdout, self._stderr
        try:
            self._stdout.flush()
            self._stderr.flush()
        except (OSError, ValueError):  # closed
            return False
        self._libc.fflush(None)  # what C libraries have printed
        return _files_behind_streams() == self._files

    def _has_new_threads(self) -> bool:
        """Whether a thread has been started that is to live on; daemons may be abandoned."""
        if threading.active_count() <= len(self._threads):
            return False
        return any(not thread.daemon for thread in set(threading.enumerate()) - self._threads)


def _files_behind_streams() -> tuple[int, int] | None:
    """What stdout and stderr lead to, or None if one is closed."""
    try:
        return os.fstat(1).st_ino, os.fstat(2).st_ino
    except OSError:
        return None
