"""A clock on which time passes only when it is told to: whole microseconds, from zero."""

from __future__ import annotations

import time

US_PER_S = 1_000_000


class VirtualClock:
    """Time that passes only when it is told to, or while somebody is at work who is paid for it.

    It begins at zero, the beginning of 1970.
    """

    jumps = True

    def __init__(self) -> None:
        self._now_us = 0
        self._running_since_ns: int | None = None
        self._last_read = (0, 0.0)  # the same moment in both units

    @property
    def now_us(self) -> int:
        """Microseconds since the clock began."""
        if self._running_since_ns is None:
            return self._now_us
        return self._now_us + (time.perf_counter_ns() - self._running_since_ns) // 1000

    def now_s(self) -> float:
        """Seconds since the clock began."""
        now_us = self.now_us
        # One number for all events of a moment: a run keeps each of them.
        if now_us != self._last_read[0]:
            self._last_read = (now_us, now_us / US_PER_S)
        return self._last_read[1]

    def monotonic_s(self) -> float:
        """Seconds since the clock began."""
        return self.now_s()

    def advance_to(self, time_us: int) -> None:
        """Let the time be ``time_us``, unless it is later already."""
        self._now_us = max(self._now_us, time_us)

    def run(self) -> None:
        """Let time pass as it really does, until `hold`."""
        if self._running_since_ns is None:
            self._running_since_ns = time.perf_counter_ns()

    def hold(self) -> None:
        """Let time stand still again."""
        if self._running_since_ns is not None:
            self._now_us, self._running_since_ns = self.now_us, None


def microseconds(time_s: float) -> int:
    """A time in seconds as whole microseconds."""
    return round(time_s * US_PER_S)
