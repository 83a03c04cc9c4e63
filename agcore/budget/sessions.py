"""Seconds that a run has been alive, kept up to date event by event."""

from __future__ import annotations

_US_PER_S = 1_000_000


class Sessions:
    """What passed between two sessions does not count.

    It counts whole microseconds, as journals do: a run that was cut off in between comes to exactly
    the same sums.
    """

    def __init__(self) -> None:
        self._alive_us = 0
        self._before_us = 0
        self._began_us: int | None = None

    @property
    def alive_s(self) -> float:
        """Seconds alive until the last moment that was passed to."""
        return self._alive_us / _US_PER_S

    def open(self, time_s: float) -> None:
        """A session begins; one that left no end ended with its last event."""
        self._before_us, self._began_us = self._alive_us, round(time_s * _US_PER_S)

    def pass_to(self, time_s: float) -> None:
        """Time goes on to a moment, given in seconds since the epoch, if a session is open."""
        if self._began_us is not None:
            passed_us = round(time_s * _US_PER_S) - self._began_us
            self._alive_us = max(self._alive_us, self._before_us + passed_us)

    def close(self, time_s: float) -> None:
        """The session ends."""
        self.pass_to(time_s)
        self._began_us = None
