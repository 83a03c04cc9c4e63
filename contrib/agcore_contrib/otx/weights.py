"""The checkpoints of trials: promoted trials go on from theirs, and few are kept."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from agcore.checkpoints import clean_up, complete_checkpoints, discard, discard_others
from agcore.jobs import Resume, Start
from agcore.trial_folders import TrialFolders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore.jobs import Job
    from agcore_contrib.otx.trial import Trial

_FOLDER = "weight"
_SEED = 0
"""The same for all trials: those that draw their initial weights start from the same ones."""


def best_weight(save_path: Path, trial: Trial, mode: str) -> Path | None:
    """Folder with the checkpoint of a trial's best epoch, or None if it has saved none.

    Args:
        save_path: That of the search.
        trial: The trial, as a rule the best one.
        mode: ``'max'`` or ``'min'``.
    """
    folders = TrialFolders(save_path / _FOLDER)
    saved = complete_checkpoints(folders.checkpoints(int(trial.id)))
    return folders.checkpoint(int(trial.id), _best_epoch(trial, saved, mode)) if saved else None


def _best_epoch(trial: Trial, saved: frozenset[int], mode: str) -> int:
    """The epoch with the best score among those saved, the last one if none has a score."""
    sign = 1 if mode == "max" else -1
    scores = {epoch: sign * trial.score.get(epoch, math.nan) for epoch in sorted(saved)}
    scored = [epoch for epoch, score in scores.items() if math.isfinite(score)]
    return max(scored, key=lambda epoch: scores[epoch], default=max(saved))


class Weights:
    """Where trials save what they have learnt.

    Args:
        save_path: That of the search, or None for a temporary folder.
        mode: ``'max'`` or ``'min'``.
    """

    def __init__(self, save_path: Path | None, mode: str) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if save_path is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="agcore-")
            save_path = Path(self._temporary.name)
        self.folders = TrialFolders(save_path / _FOLDER, self._temporary is not None)
        self._mode = mode
        self._attempts: dict[int, int] = {}
        self._dropped: set[str] = set()

    def job(self, trial: Trial) -> Job:
        """The job of training a trial from its last checkpoint on, or from the beginning."""
        number = int(trial.id)
        attempt = self._attempts[number] = self._attempts.get(number, -1) + 1
        folder = self.folders.checkpoints(number)
        clean_up(folder)
        if not trial.score:  # those of a config that it has no more
            discard(folder, complete_checkpoints(folder))
        epoch = max(complete_checkpoints(folder), default=0)
        if not epoch:
            return Start(number, trial.told(), _SEED, attempt)
        return Resume(
            number,
            trial.told(),
            _SEED,
            attempt,
            resume_from=epoch,
            checkpoint=str(self.folders.checkpoint(number, epoch)),
        )

    def keep_best_and_last(self, trial: Trial) -> None:
        """Delete a trial's checkpoints but the last one and that of its best epoch."""
        folder = self.folders.checkpoints(int(trial.id))
        saved = complete_checkpoints(folder)
        if not saved:
            return
        best = _best_epoch(trial, saved, self._mode)
        discard_others(folder, frozenset({best, max(saved)}))

    def drop(self, trial_ids: Iterable[str]) -> None:
        """Delete all checkpoints of trials that will never be trained again."""
        for trial_id in set(trial_ids) - self._dropped:
            self._dropped.add(trial_id)
            folder = self.folders.checkpoints(int(trial_id))
            discard(folder, complete_checkpoints(folder))

    def close(self) -> None:
        """Delete the temporary folder."""
        if self._temporary is not None:
            self._temporary.cleanup()
