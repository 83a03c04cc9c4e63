"""Rungs that rank by several objectives: by non-dominated fronts, and within one by an epsilon net.

A rung keeps the objectives of the trials that reached it. Trials of an earlier front rank before
those of a later one. In a front the order is that of the epsilon net (agcore/pareto.py), so the
best of a rung are spread over its front. Trials with equal objectives share a rank. q is the share
of a rung that may go on.

Stopping: an arriving trial is recorded, and goes on if its rank r among the n of the rung is at
most the q quantile of the ranks 1 .. n, which is 1 + (n - 1) q.

Promotion, delayed or not: as with one reward (rungs.py). The first floor(n q) of the order are
candidates, none while n < round(1 / q), and of equal trials the earlier ranks first.

A trial that diverged is recorded behind all others: it counts in n. A decision costs O(n m) for m
objectives, and O(f^2 m) for the order in a front of f trials.

Source: Schmucker et al., "Multi-objective Asynchronous Successive Halving" (2021),
https://arxiv.org/abs/2106.12639.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from agcore.errors import SpecError
from agcore.pareto import FrontSorting, places_in_front
from agcore.policy.base import diverged
from agcore.policy.rungs import Promotable
from agcore.records import Action, Decision, RungStanding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from agcore.policy.rungs import RungLevels

Vectors = dict[int, tuple[float, ...]]
"""For each trial the objectives of its last report, to be maximised."""


class _FrontRung:
    """The order of the trials at one rung.

    Args:
        level: Where it stands.
        next_level: Where those that go on meet the next decision.
        quantile: Share that may go on.
        vectors: Objectives of the trials; read when one arrives.
        time_attr: The user's name of the resource, for messages.
    """

    def __init__(
        self,
        level: int,
        next_level: int,
        quantile: Fraction,
        vectors: Mapping[int, tuple[float, ...]],
        time_attr: str,
    ) -> None:
        self.level = level
        self.next_level = next_level
        self.quantile = quantile
        self.at = f"at {time_attr}={level}"
        self._vectors = vectors
        self._time_attr = time_attr
        self._sorting: FrontSorting | None = None
        self._trials: list[int] = []
        self._num_diverged = 0

    @property
    def size(self) -> int:
        """Number of trials recorded."""
        return len(self._trials) + self._num_diverged

    def record(self, trial_id: int, reward: float) -> RungStanding:
        """How a trial stands that has arrived, itself included.

        Raises:
            SpecError: The policy was not told its objectives.
        """
        if not isfinite(reward):
            self._num_diverged += 1
            return RungStanding(self.level, self.size, self.size, float(self.quantile))
        vector = self._vectors.get(trial_id)
        if vector is None:
            raise SpecError(
                f"trial {trial_id} arrives without objectives; call on_objectives before on_report"
            )
        if self._sorting is None:
            self._sorting = FrontSorting(len(vector))
        index = self._sorting.add(vector)
        self._trials.append(trial_id)
        fronts = self._sorting.fronts
        front = int(fronts[index])
        own = np.flatnonzero(fronts == front)
        places = places_in_front(self._sorting.points[own])
        # The newcomer is the last of its front.
        rank = int((fronts < front).sum()) + int(places[-1]) + 1
        return RungStanding(self.level, rank, self.size, float(self.quantile), front=front + 1)

    def best(self, count: int) -> list[int]:
        """The first trials of the order, at most ``count``; of equal ones the earlier first."""
        if self._sorting is None or count <= 0:
            return []
        found: list[int] = []
        fronts, front = self._sorting.fronts, 0
        while len(found) < min(count, len(self._trials)):
            own = np.flatnonzero(fronts == front)
            places = places_in_front(self._sorting.points[own])
            found += [self._trials[index] for index in own[np.argsort(places, kind="stable")]]
            front += 1
        return found[:count]

    def diverged(self, trial_id: int, standing: RungStanding) -> Decision:
        """The decision on a trial whose objectives are not all finite."""
        reason = diverged(trial_id, self.level, self._time_attr).reason
        return Decision(Action.STOP, reason, False, standing)

    def said(self, standing: RungStanding) -> str:
        """How a trial stands, in words."""
        return (
            f"it is in front {standing.front} and ranks {standing.rank} of {standing.size} "
            f"{self.at}"
        )


class FrontStoppingRungs:
    """The rungs of one bracket under the stopping rule.

    Args:
        levels: Where they stand.
        vectors: Objectives of the trials; read when one arrives.
        time_attr: The user's name of the resource, for the reasons.
    """

    def __init__(
        self,
        levels: RungLevels,
        vectors: Mapping[int, tuple[float, ...]],
        *,
        time_attr: str = "epoch",
    ) -> None:
        self._rungs = {
            level: _FrontRung(level, following, quantile, vectors, time_attr)
            for level, following, quantile in levels.rungs()
        }

    def arrive(self, trial_id: int, level: int, reward: float) -> Decision:
        """Whether a trial that has reached the rung at ``level`` continues or stops.

        Args:
            trial_id: The trial.
            level: The rung.
            reward: NaN if the trial has diverged; else it is not looked at.
        """
        rung = self._rungs[level]
        standing = rung.record(trial_id, reward)
        if standing.front is None:
            return rung.diverged(trial_id, standing)
        last_rank = 1 + int((standing.size - 1) * rung.quantile)
        who = f"rank {last_rank} or better goes" if last_rank > 1 else "only rank 1 goes"
        reason = f"{rung.said(standing)}; {who} on to {rung.next_level}"
        if standing.rank > last_rank:
            return Decision(Action.STOP, reason, False, standing)
        return Decision(Action.CONTINUE, reason, False, standing, rung.next_level)


class _FrontPromotionRung:
    """One rung of the promotion rule."""

    def __init__(self, rung: _FrontRung, delays: bool) -> None:
        self.rung = rung
        self._delays = delays
        self._num_gone = 0
        self._least_size = round(1 / rung.quantile)
        self._waiting: set[int] = set()
        self._known: set[int] = set()
        self._candidates: list[int] | None = []  # the best first; None: to be found anew

    def candidates(self) -> list[int]:
        """The trials that may have gone on by now, the best first."""
        if self._candidates is None:
            size = self.rung.size
            count = int(size * self.rung.quantile) if size >= self._least_size else 0
            self._candidates = self.rung.best(count)
        return self._candidates

    def arrive(self, trial_id: int, reward: float) -> Decision:
        """The decision on a trial that has reached this rung and is recorded."""
        standing = self.rung.record(trial_id, reward)
        self._candidates = None
        if standing.front is None:
            return self.rung.diverged(trial_id, standing)
        self._known.add(trial_id)
        reason = f"{self.rung.said(standing)}; {self._may_go_on()}"
        if trial_id not in self.candidates():
            return Decision(Action.PAUSE, reason, False, standing)
        if not self._has_place(trial_id):
            reason = f"{reason}, but {self._num_gone} have gone on already"
            return Decision(Action.PAUSE, reason, False, standing)
        self._num_gone += 1
        return Decision(Action.CONTINUE, reason, False, standing, self.rung.next_level)

    def _has_place(self, trial_id: int) -> bool:
        """Whether a candidate need not wait for the rung to grow."""
        if not self._delays:
            return True
        candidates = self.candidates()
        better = candidates[: candidates.index(trial_id)]
        return self._num_gone + len(self._waiting.intersection(better)) < len(candidates)

    def _may_go_on(self) -> str:
        return f"the best {len(self.candidates())} may go on to {self.rung.next_level}"

    def release(self, trial_id: int) -> None:
        """Take note that a trial has paused here."""
        if trial_id in self._known:
            self._waiting.add(trial_id)

    def promote(self, trial_id: int) -> None:
        """Take note that a paused trial goes on."""
        self.withdraw(trial_id)
        self._num_gone += 1

    def withdraw(self, trial_id: int) -> None:
        """Take note that a trial cannot go on."""
        self._waiting.discard(trial_id)

    def promotable(self) -> Promotable | None:
        """The best of the candidates that wait here, if any."""
        if not self._waiting:
            return None
        for place, trial_id in enumerate(self.candidates(), start=1):
            if trial_id in self._waiting:
                if not self._has_place(trial_id):
                    return None
                rung = self.rung
                reason = f"it now ranks {place} of {rung.size} {rung.at}; {self._may_go_on()}"
                return Promotable(trial_id, rung.level, rung.next_level, reason)
        return None


class FrontPromotionRungs:
    """The rungs of one bracket under the promotion rule.

    Args:
        levels: Where they stand.
        vectors: Objectives of the trials; read when one arrives.
        time_attr: The user's name of the resource, for the reasons.
        delays: Whether promotion is delayed, as in D-ASHA.
    """

    def __init__(
        self,
        levels: RungLevels,
        vectors: Mapping[int, tuple[float, ...]],
        *,
        time_attr: str = "epoch",
        delays: bool = False,
    ) -> None:
        self._rungs = {
            level: _FrontPromotionRung(
                _FrontRung(level, following, quantile, vectors, time_attr), delays
            )
            for level, following, quantile in levels.rungs()
        }

    def arrive(self, trial_id: int, level: int, reward: float) -> Decision:
        """Whether a trial that has reached the rung at ``level`` continues or is paused.

        Args:
            trial_id: The trial.
            level: The rung.
            reward: NaN if the trial has diverged; else it is not looked at.
        """
        return self._rungs[level].arrive(trial_id, reward)

    def release(self, trial_id: int, level: int) -> None:
        """Take note that a trial paused at ``level`` has left its worker and can be resumed."""
        self._rungs[level].release(trial_id)

    def promote(self, trial_id: int, level: int) -> None:
        """Take note that a paused trial goes on from ``level``; it stays recorded."""
        self._rungs[level].promote(trial_id)

    def withdraw(self, trial_id: int, level: int) -> None:
        """Take note that a trial cannot be promoted from ``level``; it stays recorded."""
        self._rungs[level].withdraw(trial_id)

    def promotable(
        self, lowest_level: int = 1, accepts: Callable[[Promotable], bool] | None = None
    ) -> Promotable | None:
        """The trial to promote: from the highest rung that has one, the best one there.

        Args:
            lowest_level: Rungs below it are not looked at.
            accepts: Whether a trial may go on now; if not, the rungs below are looked at.
        """
        for level in sorted(self._rungs, reverse=True):
            if level < lowest_level:
                return None
            found = self._rungs[level].promotable()
            if found is not None and (accepts is None or accepts(found)):
                return found
        return None
