"""How long epochs take, learnt from when reports came in.

The pace of a trial is the median of its latest epochs, so that one epoch that was held up changes
little. The first epoch of an attempt is kept apart, for it holds what a start costs; it counts only
while there is no other.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any

from sortedcontainers import SortedList

_LATEST = 7
_LEAST_SECONDS = 1e-6
_ENOUGH_FOR_SPREAD = 4
_IQR_OF_NORMAL = 1.349


class _TrialPace:
    """Where a trial is, and what its epochs took; ``since_s`` is when the present one began."""

    __slots__ = ("first_s", "is_first", "latest", "pace", "resource", "resumed_from", "since_s")

    def __init__(self) -> None:
        self.since_s = 0.0
        self.resource = 0
        self.resumed_from = 0
        self.is_first = True
        self.first_s = (0.0, 1)  # seconds and epochs of the first report
        self.latest: deque[float] = deque(maxlen=_LATEST)
        self.pace: float | None = None


class PaceBook:
    """Seconds per epoch of each trial and over all of them."""

    def __init__(self, expected_s: float | None = None, expected_spread: float = 0.5) -> None:
        self._expected_s = expected_s
        self._expected_spread = expected_spread
        self._trials: dict[int, _TrialPace] = {}
        self._logs: Any = SortedList()  # of the pace of each measured trial
        self._startups: Any = SortedList()
        self._repeats: Any = SortedList()

    def start(self, trial_id: int, now_s: float, resume_from: int) -> None:
        """Take note that a trial begins, or is promoted."""
        trial = self._trials.setdefault(trial_id, _TrialPace())
        trial.since_s = now_s
        trial.is_first, trial.resumed_from = True, resume_from
        trial.resource = max(trial.resource, resume_from)

    def report(self, trial_id: int, resource: int, now_s: float) -> None:
        """Take note of a report."""
        trial = self._trials[trial_id]
        gained = max(resource - trial.resource, 1)
        seconds = max(round(now_s - trial.since_s, 6), _LEAST_SECONDS)
        before = trial.pace
        if not trial.is_first:
            trial.latest.append(seconds / gained)
            if len(trial.latest) == 1 and trial.first_s[0]:
                first, count = trial.first_s
                self._startups.add(first - count * trial.latest[0])
        elif trial.resumed_from and before is not None:
            extra = (seconds - self.startup_s) / before - gained
            self._repeats.add(min(max(extra / trial.resumed_from, 0.0), 1.0))
        elif not trial.latest:
            trial.first_s = (seconds, gained)
        trial.is_first = False
        trial.since_s, trial.resource = now_s, max(resource, trial.resource)
        first, count = trial.first_s
        trial.pace = median(trial.latest) if trial.latest else first / count
        if trial.pace <= 0:
            trial.pace = _LEAST_SECONDS
        if before is not None:
            self._logs.remove(math.log(before))
        self._logs.add(math.log(trial.pace))

    @property
    def num_measured(self) -> int:
        """Trials of which at least one epoch is known."""
        return len(self._logs)

    @property
    def seconds_per_epoch(self) -> float | None:
        """Median over trials; what was expected while there are none."""
        if not self._logs:
            return self._expected_s
        return math.exp(_quantile(self._logs, 0.5))

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm over trials, from their quartiles."""
        if len(self._logs) < _ENOUGH_FOR_SPREAD:
            return self._expected_spread
        return (_quantile(self._logs, 0.75) - _quantile(self._logs, 0.25)) / _IQR_OF_NORMAL

    @property
    def startup_s(self) -> float:
        """What a start costs beyond the epochs."""
        return max(0.0, _quantile(self._startups, 0.5)) if self._startups else 0.0

    @property
    def repeats(self) -> float:
        """Share of what a promoted trial knows already that it does once more."""
        return _quantile(self._repeats, 0.5) if self._repeats else 0.0

    def pace_of(self, trial_id: int) -> float | None:
        """Seconds per epoch of a trial: its own, or the median where it has none yet."""
        trial = self._trials.get(trial_id)
        own = None if trial is None else trial.pace
        return self.seconds_per_epoch if own is None else own


def _quantile(ascending: Any, share: float) -> float:
    """A quantile of sorted numbers, interpolated."""
    place = share * (len(ascending) - 1)
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    lower, upper = float(ascending[low]), float(ascending[high])
    return lower + (place - low) * (upper - lower)
