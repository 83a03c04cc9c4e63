"""When the time of each running trial is over, by ``trial_time_out``."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.scheduler.parts import LiveTrial


_LEAST_TIDIED = 64
"""Up to so many deadlines are kept beside twice those of the attempts that run."""


class Deadlines:
    """The deadlines of attempts, the soonest first; one of an attempt that has ended is dropped.

    What it is asked costs O(log n) of the attempts that run, on average.

    Args:
        running: The attempts that run now, by trial; somebody else keeps it up to date.
    """

    def __init__(self, running: Mapping[int, LiveTrial]) -> None:
        self._running = running
        self._queue: list[tuple[float, int, LiveTrial]] = []
        self._numbers = itertools.count()  # attempts cannot be compared with one another

    def add(self, live: LiveTrial, deadline_s: float) -> None:
        """Note when the time of an attempt is over (monotonic clock)."""
        if len(self._queue) > _LEAST_TIDIED + 2 * len(self._running):
            self._queue = [entry for entry in self._queue if self._runs(entry[2])]
            heapq.heapify(self._queue)
        heapq.heappush(self._queue, (deadline_s, next(self._numbers), live))

    def first_s(self) -> float | None:
        """The soonest deadline of an attempt that runs; None if there is none."""
        queue = self._queue
        while queue and not self._runs(queue[0][2]):
            heapq.heappop(queue)
        return queue[0][0] if queue else None

    def take_overdue(self, now_s: float) -> list[LiveTrial]:
        """The attempts that run and whose time is over by ``now_s``, each once, the first first."""
        overdue = []
        while (first_s := self.first_s()) is not None and first_s <= now_s:
            overdue.append(heapq.heappop(self._queue)[2])
        return overdue

    def _runs(self, live: LiveTrial) -> bool:
        return self._running.get(live.trial.trial_id) is live
