"""Evidence that the system has killed a process because memory ran out.

A process that the kernel's out-of-memory killer has ended looks like any other that got
SIGKILL. Two things tell it from a kill by hand: the kernel counts such kills, for the control
group (container, batch job) and for the machine, and the process had been large.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60
"""Larger numbers stand for 'no limit' in cgroups of version 1."""
_LARGE = 0.5


class MemorySources(NamedTuple):
    """Files to read; any may be missing.

    Attributes:
        counters: With a line ``oom_kill N``; the first that has one counts.
        limits: With a number of bytes, or ``max``; the least counts.
    """

    counters: tuple[Path, ...]
    limits: tuple[Path, ...]

    @classmethod
    def of_this_process(cls, proc: Path = _PROC, cgroups: Path = _CGROUPS) -> MemorySources:
        """The control group of this process, in version 2 or 1, and the machine."""
        counters, limits = [], []
        for line in _text(proc / "self" / "cgroup").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if not controllers:
                # Seen from inside a container the path may not exist; then its root is ours.
                for folder in (cgroups / path.lstrip("/"), cgroups):
                    counters.append(folder / "memory.events")
                    limits.append(folder / "memory.max")
            elif "memory" in controllers.split(","):
                for folder in (cgroups / "memory" / path.lstrip("/"), cgroups / "memory"):
                    counters.append(folder / "memory.oom_control")
                    limits.append(folder / "memory.limit_in_bytes")
        # The whole machine last: in a container its count is other people's too.
        counters.append(proc / "vmstat")
        return cls(tuple(dict.fromkeys(counters)), tuple(dict.fromkeys(limits)))


class MemoryWatch:
    """Tells whether a process that got SIGKILL was killed for its memory.

    Args:
        sources: Files to read; by default those of this process.
        limit_bytes: Memory there is, by default the least limit that applies.
    """

    def __init__(
        self, sources: MemorySources | None = None, limit_bytes: int | None = None
    ) -> None:
        self._sources = sources or MemorySources.of_this_process()
        self._limit_bytes = self._least_limit() if limit_bytes is None else limit_bytes
        self._kills = self._count_kills()

    def evidence(self, exit_code: int | None, peak_bytes: int) -> str:
        """Why a process is thought to have been killed for its memory, or an empty string.

        Args:
            exit_code: Of the process; negative for a signal.
            peak_bytes: The most memory it has held at a time; 0 if that is not known.
        """
        if exit_code != -signal.SIGKILL:
            return ""
        kills = self._count_kills()
        rose, self._kills = kills - self._kills, kills
        if rose > 0:
            return f"killed by SIGKILL while the kernel's count of oom_kill rose by {rose}"
        if self._limit_bytes and peak_bytes > _LARGE * self._limit_bytes:
            return (
                f"killed by SIGKILL; at its peak it held {peak_bytes / 1e9:.2f} GB, more than half "
                f"of the limit of {self._limit_bytes / 1e9:.2f} GB"
            )
        return ""

    def _count_kills(self) -> int:
        for path in self._sources.counters:
            for line in _text(path).splitlines():
                name, _, number = line.partition(" ")
                if name == "oom_kill" and number.strip().isdecimal():
                    return int(number)
        return 0

    def _least_limit(self) -> int:
        """Bytes of the strictest limit, 0 if there is none that can be read."""
        limits = []
        for path in self._sources.limits:
            text = _text(path).strip()
            if text.isdecimal() and int(text) < _NO_LIMIT:
                limits.append(int(text))
        total = _machine_bytes()
        return min([*limits, total] if total else limits, default=0)


def _machine_bytes() -> int:
    for line in _text(_PROC / "meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
