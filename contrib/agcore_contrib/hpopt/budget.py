"""Keeps a search within its budget of epochs, by what was reported and what is owed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agcore.records import Reported, TrialEnded, TrialStarted
from agcore_contrib.hpopt.record import NOT_BEGUN, REPEATED

if TYPE_CHECKING:
    from agcore.ask_tell import AskedTrial, AskTell
    from agcore.history import RunHistory
    from agcore.records import Event
    from agcore_contrib.hpopt.settings import HpoSettings


class EpochAccount:
    """Counts the epochs that all attempts of all trials have trained.

    What an attempt has trained again is in its first report of a new epoch. One that ended before
    it is taken to have trained all of that again. Threads may read the same account.

    Attributes:
        spent: Epochs.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self.spent = 0
        self._history: RunHistory | None = None
        self._num_read = 0
        self._reached: dict[int, int] = {}
        self._to_repeat: dict[int, int] = {}

    def read(self, history: RunHistory) -> int:
        """The epochs, by all that is recorded."""
        with self._mutex:
            if history is not self._history:
                self._forget()
                self._history = history
            news = history.events[self._num_read :]  # more may come while they are read
            for event in news:
                self._add(event)
            self._num_read += len(news)
            return self.spent

    def _add(self, event: Event) -> None:
        if isinstance(event, TrialStarted):
            self._to_repeat[event.trial_id] = self._reached.get(event.trial_id, 0)
        elif isinstance(event, Reported):
            self.spent += event.resource - self._reached.get(event.trial_id, 0)
            self._reached[event.trial_id] = event.resource
            if self._to_repeat.pop(event.trial_id, 0):
                self.spent += int(event.metrics.get(REPEATED, 0))
        elif isinstance(event, TrialEnded):
            unsaid = self._to_repeat.pop(event.trial_id, 0)
            self.spent += 0 if event.error == NOT_BEGUN else unsaid


class EpochBudget:
    """Says whether another trial may begin.

    A trial that is promoted or given out again is taken to begin anew, which trainings without
    checkpoints do.

    Args:
        settings: Of the search.
    """

    def __init__(self, settings: HpoSettings) -> None:
        self._settings = settings
        self._account = EpochAccount()

    @property
    def epochs(self) -> int:
        """Epochs that all trials may take; 0 without a budget, which nothing asks for."""
        return self._settings.budget_epochs or 0

    def spent(self, history: RunHistory) -> int:
        """Epochs that were trained."""
        return self._account.read(history)

    def is_used_up(self, run: AskTell) -> bool:
        """Whether not even the shortest trial is left to be begun."""
        if self._settings.budget_epochs is None:
            return False
        least = self._settings.max_iterations
        if self._settings.has_rungs:
            least = self._settings.min_iterations
        return self._taken(run, None) + least > self._settings.budget_epochs

    def can_afford(self, run: AskTell, asked: AskedTrial) -> bool:
        """Whether the budget holds a trial that was just given out, beside those that run."""
        if self._settings.budget_epochs is None:
            return True
        return self._taken(run, asked) + self._until(asked) <= self._settings.budget_epochs

    def is_exceeded(self, run: AskTell) -> bool:
        """Whether the trials that run need more up to their next rungs than the budget holds."""
        budget = self._settings.budget_epochs
        return budget is not None and self._taken(run, None) > budget

    def _taken(self, run: AskTell, besides: AskedTrial | None) -> int:
        """What was trained, and what is owed to the trials that run, one of them left out."""
        history = run.history
        owed = 0
        for asked in run.running:
            if besides is not None and asked.trial_id == besides.trial_id:
                continue
            reached = history.trials[asked.trial_id].resource
            owed += self._until(asked) - (reached if reached > asked.known else 0)
        return self.spent(history) + max(owed, 0)

    def _until(self, asked: AskedTrial) -> int:
        """Epochs of an attempt that begins anew."""
        return asked.milestone or self._settings.max_iterations
