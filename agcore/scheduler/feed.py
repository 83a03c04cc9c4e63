"""Which results a searcher learns from, and when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from agcore.records import Observation, Pending, TrialState

if TYPE_CHECKING:
    from agcore.history import RunHistory, Trial
    from agcore.records import Decision, Reported
    from agcore.searcher import Searcher


RUNG_DATA = ("rungs", "all", "rungs_and_last")
"""Which results of trials with rungs a searcher may learn from; see `SearcherFeed`."""


class SearcherFeed:
    """Turns reports and ends of trials into observations.

    Args:
        searcher: Who learns.
        data: ``'trial'``: one value a trial, when it has ended; ``'rungs'``: values at
            milestones; ``'all'``: every report; ``'rungs_and_last'``: values at milestones
            and each trial's latest, which the next one replaces.
        history: To find a trial's value.
    """

    def __init__(self, searcher: Searcher, data: str, history: RunHistory) -> None:
        self._searcher = searcher
        self._data = data
        self._history = history

    def on_report(self, trial: Trial, report: Reported, decision: Decision) -> None:
        """Pass a report on, if the searcher is to learn from it now."""
        if self._data == "trial":
            return
        at_milestone = decision.standing is not None or decision.completed
        if self._data == "rungs" and not at_milestone and not math.isnan(report.reward):
            return
        provisional = self._data == "rungs_and_last" and not at_milestone
        self._observe(trial, report, provisional=provisional)

    def on_exit(self, trial: Trial) -> None:
        """Pass a trial's value on, if it has ended and its value is due; or that it has none."""
        if trial.state is TrialState.PAUSED:
            return
        if trial.state.is_failure:
            self._searcher.trial_failed(trial.trial_id, trial.config)
        elif self._data == "trial":
            if trial.state is TrialState.DIVERGED:
                self._observe(trial, trial.reports[-1])
                return
            value = self._history.value_of(trial)
            if value is not None:
                self._observe(trial, value)

    def pending(self, trial: Trial, milestone: int | None) -> Pending:
        """What a running trial will bring next."""
        if self._data in ("all", "rungs_and_last"):
            return Pending(trial.trial_id, trial.config, trial.resource + 1)
        return Pending(trial.trial_id, trial.config, milestone)

    def _observe(self, trial: Trial, report: Reported, *, provisional: bool = False) -> None:
        self._searcher.observe(
            Observation(
                trial.trial_id,
                trial.config,
                None if self._data == "trial" else report.resource,
                report.reward,
                provisional,
                report.metrics,
            )
        )
