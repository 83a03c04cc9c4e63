"""The trials before the brackets: one in full, which shows how long training takes, and others.

The others keep workers busy meanwhile, for as few epochs as a trial can have; they find their
places in the lowest rungs later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore_contrib.otx.learning import learnt_minimum

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore_contrib.otx.settings import HyperBandSettings
    from agcore_contrib.otx.trial import Trial

_MAX_FULL_TRIALS = 3
"""When so many have failed that were to be trained in full, we give up."""


class FirstTrials:
    """Trials that are started while a resource is unknown.

    Args:
        settings: Of the search.
        new_trials: Makes so many trials; fewer if the space is used up.

    Attributes:
        full_trial: The one that is trained in full, or None.
        resources: Minimum and maximum in epochs, once they are known.
    """

    def __init__(
        self, settings: HyperBandSettings, new_trials: Callable[[int], list[Trial]]
    ) -> None:
        self.full_trial: Trial | None = None
        self.resources: tuple[int, int] | None = None
        self._settings = settings
        self._new_trials = new_trials
        self._others: list[Trial] = []
        self._num_failed = 0
        self._is_used_up = False
        self._first_report = settings.minimum_resource

    @property
    def is_over(self) -> bool:
        """Whether there is no config, or too many trials have failed."""
        is_lost = self.full_trial is None and self._is_used_up
        return is_lost or self._num_failed >= _MAX_FULL_TRIALS

    def others(self) -> list[Trial]:
        """The other trials that have not failed, in the order of their start."""
        return [trial for trial in self._others if not trial.has_failed]

    def next_trial(self) -> Trial | None:
        """The full trial first, and again if its process was lost; then others."""
        if self.is_over:
            return None
        if self.full_trial is None:
            self.full_trial = self._one_more()
            if self.full_trial is not None:
                self.full_trial.bracket = 0
                self.full_trial.aim_at(self._settings.first_resource)
            return self.full_trial
        if self.full_trial.is_waiting:
            return self.full_trial
        waiting = next((trial for trial in self._others if trial.is_waiting), None)
        if waiting is not None or len(self._others) >= self._most_others():
            return waiting
        other = self._one_more()
        if other is not None:
            other.aim_at(self._first_report or 1)
            self._others.append(other)
        return other

    def hear(self, trial: Trial) -> None:
        """Take note that ``trial`` has reported, or ended."""
        if trial is not self.full_trial:
            return
        if self._first_report is None and trial.score:
            self._first_report = min(trial.score)
        if trial.is_done and not trial.is_running:
            self.resources = self._learnt(trial)

    def lose(self, trial: Trial) -> None:
        """Take note that a trial has failed; another takes the place of the full one."""
        if trial is self.full_trial:
            self.full_trial = None
            self._num_failed += 1

    def _learnt(self, trial: Trial) -> tuple[int, int]:
        settings = self._settings
        maximum = settings.maximum_resource or trial.progress
        minimum = settings.minimum_resource or learnt_minimum(
            trial.score, maximum, settings.reduction_factor, settings.mode
        )
        return min(minimum, maximum), maximum

    def _one_more(self) -> Trial | None:
        made = self._new_trials(1)
        self._is_used_up = not made
        return made[0] if made else None

    def _most_others(self) -> int:
        """Places in the lowest rungs, as far as can be foreseen."""
        settings = self._settings
        geometry = settings.geometry(self._first_report or 1, settings.first_resource)
        budget = settings.budget
        plan = geometry.full() if budget is None else geometry.within(budget, 1)
        return sum(bracket.num_trials for i, bracket in plan.items() if i > 0)
