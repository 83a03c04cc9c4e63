"""What a time budget knows of its run: a fold over the events."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from agcore.budget.sessions import Sessions
from agcore.records import (
    Action,
    Decided,
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.budget.pace import PaceBook
    from agcore.records import Event


class RunAccount:
    """Trials, paces and limits of a run so far.

    Args:
        paces: Is told of starts and reports.
        epochs: Epochs of a full trial, None if nobody says.

    Attributes:
        paces: The same.
        deadline_s: Seconds alive at which the run ends; None without such a limit.
        num_trials: Limit of trials, or None.
        num_started: Trials so far.
        best_id: The trial with the best report so far; -1 without any.
        last_epochs: Goal of the trials that start now if it is not that of all; somebody sets it.
    """

    def __init__(self, paces: PaceBook, epochs: int | None) -> None:
        self.paces = paces
        self.deadline_s: float | None = None
        self.num_trials: int | None = None
        self.num_started = 0
        self.best_id = -1
        self.last_epochs: int | None = None
        self._epochs = epochs
        self._best_reward = -math.inf
        self._sessions = Sessions()
        self._goals: dict[int, int | None] = {}  # of trials that run; None: the plan's epochs
        self._at: dict[int, int] = {}
        self._told_to_end: set[int] = set()
        self._lengths: Counter[int] = Counter()  # epochs of trials that returned by themselves
        self._num_full = 0
        self._fold: dict[type, Callable[[Any], None]] = {
            RunStarted: self._begun,
            RunResumed: self._resumed,
            RunEnded: self._run_ended,
            TrialProposed: self._proposed,
            TrialStarted: self._started,
            Reported: self._reported,
            Decided: self._decided,
            TrialEnded: self._ended,
        }

    @property
    def alive_s(self) -> float:
        """Seconds that the run had been alive at the last event."""
        return self._sessions.alive_s

    def apply(self, event: Event) -> None:
        """Take note of the next event."""
        kind = type(event)
        if kind is not RunStarted and kind is not RunResumed:
            self._sessions.pass_to(event.time_s)
        handler = self._fold.get(kind)
        if handler is not None:
            handler(event)

    def _begun(self, event: RunStarted) -> None:
        self._sessions.open(event.time_s)
        settings = event.settings
        self.num_trials, self.deadline_s = settings.get("num_trials"), settings.get("time_out")

    def _resumed(self, event: RunResumed) -> None:
        self._sessions.open(event.time_s)
        self.num_trials, self.deadline_s = event.num_trials, event.time_out

    def _run_ended(self, event: RunEnded) -> None:
        self._sessions.close(event.time_s)

    def _proposed(self, event: TrialProposed) -> None:
        self.num_started += 1

    def _started(self, event: TrialStarted) -> None:
        goal = self.last_epochs if event.milestone is None else event.milestone
        if event.again:  # for the plan it never stopped
            self._goals.setdefault(event.trial_id, goal)
            return
        self._goals[event.trial_id] = goal
        self._told_to_end.discard(event.trial_id)
        self.paces.start(event.trial_id, self.alive_s, event.resume_from)

    def _reported(self, event: Reported) -> None:
        self.paces.report(event.trial_id, event.resource, self.alive_s)
        self._at[event.trial_id] = event.resource
        if event.reward > self._best_reward:
            self._best_reward, self.best_id = event.reward, event.trial_id

    def _decided(self, event: Decided) -> None:
        if event.decision.action is not Action.CONTINUE:
            self._told_to_end.add(event.trial_id)
        elif event.decision.next_milestone is not None:
            self._goals[event.trial_id] = event.decision.next_milestone

    def _ended(self, event: TrialEnded) -> None:
        trial_id = event.trial_id
        if event.state is TrialState.INTERRUPTED:
            return
        self._goals.pop(trial_id, None)
        if event.state is not TrialState.COMPLETED:
            return
        length = self._at.get(trial_id, 0)
        is_full = self._epochs is not None and length >= self._epochs
        if trial_id in self._told_to_end or is_full:
            self._num_full += 1
        elif length:
            self._lengths[length] += 1

    # -- what follows from it --------------------------------------------------------------

    def goal_of(self, trial_id: int) -> int | None:
        """Epochs up to which a trial runs; None if as many as the plan gives all."""
        return self._goals.get(trial_id)

    def length(self, limit: int | None) -> float | None:
        """Epochs that a trial is expected to take, up to a limit; None if nobody knows.

        Some return by themselves before it.
        """
        num_short = sum(self._lengths.values())
        if limit is None:
            work = sum(length * count for length, count in self._lengths.items())
            return work / num_short if num_short else None
        if not num_short:
            return float(limit)
        work = sum(min(length, limit) * count for length, count in self._lengths.items())
        return (work + self._num_full * limit) / (num_short + self._num_full)

    def loads_s(self, workers: int, full_length: int | None) -> list[float]:
        """Seconds for which each worker is expected to be busy with what it runs.

        Args:
            workers: Trials at once.
            full_length: Goal of the trials that have none of their own.
        """
        loads = []
        for trial_id, own_goal in self._goals.items():
            goal, pace = own_goal or full_length, self.paces.pace_of(trial_id)
            if goal is not None and pace is not None:
                loads.append(max(goal - self._at.get(trial_id, 0), 0) * pace)
        return (loads + [0.0] * workers)[:workers]
