"""A rung: trials that are trained up to the same number of epochs; the best ones go on.

Asynchronous promotion lets a trial go on as soon as one in eta of those that have finished may;
synchronous promotion waits for all of them. Either way ``required // eta`` go on in the end.

Trials change while they are here, and nobody tells the rung. It looks at those that have been
started and have not finished, which are few; what has finished never changes again.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore_contrib.otx.trial import Trial, best_of, reward_of

if TYPE_CHECKING:
    from fractions import Fraction


class Rung:
    """One rung of a bracket.

    Args:
        resource: Epochs at which it stands, above 0; perhaps a fraction.
        num_required: Trials that it is made for.
        reduction_factor: eta, at least 2.
        index: Its number in the bracket, 0 for the lowest.
        mode: ``'max'`` or ``'min'``.
        asynchronous: Whether trials may go on before the others have finished.

    Attributes:
        num_promoted: Trials that have left.
        is_closed: Whether no more trials will come, as those that could have failed.
    """

    def __init__(
        self,
        resource: Fraction | int,
        num_required: int,
        reduction_factor: int,
        index: int,
        mode: str = "max",
        asynchronous: bool = True,
    ) -> None:
        if resource <= 0:
            raise SpecError(f"resource={resource} of a rung must be above 0")
        self.resource = resource
        self.num_required = whole_number("num_required", num_required)
        self.reduction_factor = whole_number("reduction_factor", reduction_factor, least=2)
        self.index = whole_number("index", index, least=0)
        self.num_promoted = 0
        self.is_closed = False
        self._mode = mode
        self._asynchronous = asynchronous
        self._trials: dict[int, Trial] = {}  # by the order in which they came
        self._num_come = 0
        self._fresh: deque[int] = deque()
        self._open: list[int] = []
        self._finished: Any = SortedList()  # (-reward, order), the best first

    @property
    def trials(self) -> list[Trial]:
        """Those that are here; promoted ones have left."""
        return list(self._trials.values())

    @property
    def iteration(self) -> int:
        """Epochs that a trial here is trained: whole ones, so that no budget is exceeded."""
        return max(1, math.floor(self.resource))

    @property
    def num_come(self) -> int:
        """Trials that have ever been here."""
        return self._num_come

    @property
    def is_full(self) -> bool:
        """Whether all have come that will."""
        return self.is_closed or self._num_come >= self.num_required

    @property
    def is_done(self) -> bool:
        """Whether it is full and all trials here have finished."""
        self._look()
        return self.is_full and not self._fresh and not self._open

    def add(self, trial: Trial) -> None:
        """Take a trial in, ready to be trained up to this rung.

        Raises:
            RuntimeError: The rung is full.
        """
        if self.is_full:
            raise RuntimeError(
                f"rung {self.index} is full: it has got its {self.num_required} trials"
            )
        trial.rung = self.index
        trial.aim_at(self.iteration)
        order = self._num_come
        self._num_come += 1
        self._trials[order] = trial
        if trial.is_fresh:
            self._fresh.append(order)
        else:
            self._open.append(order)

    def best_trial(self) -> Trial | None:
        """The trial with the best score so far, finished or not; None if none has any."""
        return best_of(self.trials, self._mode)

    def next_waiting(self) -> Trial | None:
        """A trial to be trained, the first that came; None if there is none."""
        self._look()
        for order in (*self._open, *([self._fresh[0]] if self._fresh else [])):
            if self._trials[order].is_waiting:
                return self._trials[order]
        return None

    def next_to_promote(self) -> Trial | None:
        """The trial that may go on to the next rung now, the best one; or None."""
        is_done = self.is_done
        if is_done:
            quota = self.num_required // self.reduction_factor
        elif self._asynchronous:
            quota = (self.num_promoted + len(self._finished)) // self.reduction_factor
        else:
            return None
        if quota <= self.num_promoted or not self._finished:
            return None
        cost, order = self._finished[0]
        return self._trials[order] if cost < math.inf else None

    def promote(self) -> Trial:
        """The trial that `next_to_promote` has named; it has left."""
        _, order = self._finished.pop(0)
        self.num_promoted += 1
        return self._trials.pop(order)

    def never_promoted(self) -> list[Trial]:
        """Finished trials for which no place in the next rung can be left."""
        self._look()
        places = self.num_required // self.reduction_factor - self.num_promoted
        good = self._finished.bisect_left((math.inf, -1))
        return [self._trials[order] for _, order in self._finished[min(places, good) :]]

    def _look(self) -> None:
        """See who has been started, and who has finished."""
        while self._fresh and not self._trials[self._fresh[0]].is_fresh:
            self._open.append(self._fresh.popleft())
        still_open = []
        for order in self._open:
            trial = self._trials[order]
            if trial.is_done and not trial.is_running:
                self._finished.add((-reward_of(trial, self._mode), order))
            else:
                still_open.append(order)
        self._open = still_open
