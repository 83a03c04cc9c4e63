"""Epochs that have been trained, and those that are owed to the trials that run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from agcore_contrib.otx.trial import Trial


class EpochAccount:
    """Keeps a search within its budget, whatever crashes cost.

    Args:
        budget: Epochs of all trials together, or None without a limit.

    Attributes:
        spent: Epochs that have been reported, those of lost attempts too.
        is_short: Whether the trial that was asked about last costs too much.
        running: Trials that have a process, by id.
    """

    def __init__(self, budget: Fraction | None) -> None:
        self.spent = 0
        self.is_short = False
        self.running: dict[str, Trial] = {}
        self._budget = budget
        self._heard_at: dict[str, int] = {}

    def can_afford(self, trial: Trial) -> bool:
        """Whether the budget holds what a trial asks for beside those that run."""
        if self._budget is None:
            return True
        owed = sum(max(0, t.promised - t.progress) for t in self.running.values())
        wanted = (trial.iteration or 0) - trial.progress
        self.is_short = self.spent + owed + wanted > self._budget
        return not self.is_short

    def start(self, trial: Trial) -> None:
        """Take note that a process trains ``trial``."""
        self.running[trial.id] = trial
        self._heard_at.pop(trial.id, None)

    def report(self, trial: Trial, progress: int, resource: int) -> None:
        """Add what a report says was trained; an attempt that begins anew trains again.

        Args:
            trial: The trial that has reported.
            progress: Its epochs before, those of earlier attempts too.
            resource: Its epochs now.
        """
        before = self._heard_at.get(trial.id)
        if before is None:
            before = progress if resource > progress else resource - 1
        self.spent += max(0, resource - before)
        self._heard_at[trial.id] = resource

    def end(self, trial: Trial) -> None:
        """Take note that a trial's process has ended; what it has not used is free."""
        self.running.pop(trial.id, None)
        self.is_short = False
