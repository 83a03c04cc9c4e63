"""Seconds a run was alive; what passed between two calls of ``run`` does not count."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from agcore.records import RunEnded, RunResumed, RunStarted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore.records import Event


class RunningTime:
    """Turns moments into seconds that the run had been alive by then.

    Args:
        events: Those of the run so far, oldest first.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._began: list[float] = []
        self._ended: list[float] = []
        self._before: list[float] = []
        self.is_open = False
        self.last_s = 0.0
        for event in events:
            self.last_s = max(self.last_s, event.time_s)
            if isinstance(event, (RunStarted, RunResumed)):
                self._open(event.time_s)
            elif isinstance(event, RunEnded) and self.is_open:
                self._ended.append(event.time_s)
                self.is_open = False

    def _open(self, time_s: float) -> None:
        if self.is_open:  # a run that was killed left no end
            self._ended.append(time_s)
        self._before.append(self.at(time_s))
        self._began.append(time_s)
        self.is_open = True

    def at(self, time_s: float) -> float:
        """Seconds alive until the moment ``time_s``, given in seconds since the epoch."""
        index = bisect_right(self._began, time_s) - 1
        if index < 0:
            return 0.0
        closed = index < len(self._ended)
        end_s = min(time_s, self._ended[index]) if closed else time_s
        return self._before[index] + max(0.0, end_s - self._began[index])

    @property
    def total_s(self) -> float:
        """Seconds alive until the last event."""
        return self.at(self.last_s)
