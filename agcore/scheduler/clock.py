"""Time as the loop sees it, so that tests and simulations can bring their own."""

from __future__ import annotations

import time
from typing import Protocol

from agcore.jobs import wall_time_s


class Clock(Protocol):
    """Two readings of the same time."""

    @property
    def jumps(self) -> bool:
        """Whether time passes only by waiting for the next event: nobody has to be kept posted."""

    def now_s(self) -> float:
        """Seconds since the epoch, for people."""

    def monotonic_s(self) -> float:
        """Seconds since some moment; never set back, for deadlines."""


class SystemClock:
    """The computer's."""

    jumps = False

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return wall_time_s()

    def monotonic_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
