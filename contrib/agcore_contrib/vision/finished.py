"""Keeps the network of the best trial that was trained to its end, while trials come and go."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from agcore.callbacks import Callback
from agcore.history import BestTrial
from agcore.records import TrialEnded, TrialState

if TYPE_CHECKING:
    from pathlib import Path

    from agcore.callbacks import RunView
    from agcore.records import Event
    from agcore.trial_folders import TrialFolders


class BestFinished(Callback):
    """Copies the last checkpoint of each trial that ends better than all before it.

    A trial that was trained to its end is better than any that was cut short: after an epoch the
    best of many is a lucky one. Among equals the last report counts.

    The scheduler keeps the checkpoints of the present best trial only. By last reports a trial that
    still runs may be the best for a while and fall back; what it had overtaken would be gone.

    Args:
        trials: The folders of the run's trials.
        folder: Where the copy goes; replaced by each better one.
        file_name: The file of a checkpoint that counts.

    Attributes:
        best: The trial whose copy it is, None while there is none.
    """

    def __init__(self, trials: TrialFolders, folder: Path, file_name: str) -> None:
        self.best: BestTrial | None = None
        self._trials = trials
        self._folder = folder
        self._file_name = file_name
        self._view: RunView | None = None

    def on_start(self, view: RunView) -> None:
        """Remember the history."""
        self._view = view

    def on_event(self, event: Event) -> None:
        """Copy the checkpoint of a trial that has ended, if it is the best."""
        if not isinstance(event, TrialEnded) or self._view is None:
            return
        history = self._view.history
        trial = history.trials[event.trial_id]
        report = trial.report_for("last")
        if report is None or not trial.state.counts_for_best:
            return
        reward = history.to_users_sign(report.reward)
        found = BestTrial(
            trial.trial_id, trial.config, reward, report.resource, report.metrics, trial.state
        )
        if self.best is not None and _rank(found) <= _rank(self.best):
            return
        source = self._trials.checkpoint(trial.trial_id, report.resource) / self._file_name
        if not source.exists():
            return
        self._folder.mkdir(exist_ok=True)
        shutil.copyfile(source, self._folder / self._file_name)
        self.best = found


def _rank(trial: BestTrial) -> tuple[bool, float]:
    return trial.state is TrialState.COMPLETED, trial.reward
