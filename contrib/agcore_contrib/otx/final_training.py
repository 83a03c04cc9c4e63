"""The one training with the best values, told what it needs by `run_hpo_loop`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError, TrialFailed
from agcore.json_values import with_names
from agcore.run_directory import write_json
from agcore_contrib.otx.hyperband import MAX_ATTEMPTS
from agcore_contrib.otx.trial import Trial, TrialStatus
from agcore_contrib.otx.weights import best_weight

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TRIAL_ID = "0"


class FinalTraining:
    """An algorithm with one config and nothing to decide.

    Args:
        configuration: The values to train with, by dotted name.
        num_epochs: Epochs of the training.
        mode: ``'max'`` or ``'min'``; the best epoch's weights are kept.
        save_path: Folder of the training.
    """

    def __init__(
        self, configuration: Mapping[str, Any], num_epochs: int, mode: str, save_path: Path
    ) -> None:
        self.mode = mode
        self.save_path: Path | None = save_path
        self._folder = save_path
        self._num_epochs = num_epochs
        self._has_no_memory = False
        self.trial = Trial(_TRIAL_ID, dict(configuration))
        self.trial.aim_at(num_epochs)

    @property
    def best_trial(self) -> Trial | None:
        """The training, once it has a score."""
        return self.trial if self.best_epoch is not None else None

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the best score, or None as long as no score is finite."""
        best = self.trial.best_score(self.mode)
        return next((e for e, score in sorted(self.trial.score.items()) if score == best), None)

    def forget_earlier_attempts(self) -> None:
        """Delete checkpoints and output of a training that was cut off or has failed."""
        shutil.rmtree(self._folder / "weight", ignore_errors=True)

    def get_next_sample(self) -> Trial | None:
        """The training, or None if it runs or is over."""
        if not self.trial.is_waiting:
            return None
        self.trial.hand_out()
        return self.trial

    def report_score(
        self, score: float, resource: int, trial_id: str | int, done: bool = False
    ) -> TrialStatus:
        """What the training is to do; as for `HyperBand.report_score`."""
        if done:
            self.trial.finalize()
            return TrialStatus.STOP
        self.trial.register_score(score, resource)
        is_enough = self.trial.progress >= self._num_epochs
        return TrialStatus.STOP if is_enough else TrialStatus.RUNNING

    def report_trial_exit_abnormally(self, trial_id: str | int) -> None:
        """Take note that its process has vanished; it goes on a few times."""
        self.trial.num_lost += 1
        if self.trial.num_lost >= MAX_ATTEMPTS:
            self.trial.fail()
        else:
            self.trial.give_back()

    def report_failure(self, trial_id: str | int) -> None:
        """Take note that the function raised."""
        self.trial.fail()

    def report_out_of_memory(self, trial_id: str | int) -> None:
        """Take note that memory ran out; nobody else may choose another batch size now."""
        self._has_no_memory = True
        self.trial.fail()

    def is_done(self) -> bool:
        """Whether it is over."""
        return self.trial.is_done and not self.trial.is_running

    def get_progress(self) -> float:
        """Share of its epochs."""
        return 1.0 if self.is_done() else self.trial.progress / self._num_epochs

    def get_inferior_trials(self) -> list[str]:
        """None."""
        return []

    def save_results(self) -> None:
        """Write ``result.json``.

        Raises:
            JournalError: It cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{self._folder} cannot be made: {error.strerror}") from error
        record = self.trial.record()
        del record["id"], record["rung"], record["train_environment"]
        best = {"epochs": self._num_epochs, "best_epoch": self.best_epoch}
        write_json(self.result_file, with_names({**record, **best}))

    @property
    def result_file(self) -> Path:
        """Where scores and values are."""
        return self._folder / "result.json"

    def check(self) -> None:
        """Check that it has come to its end.

        Raises:
            TrialFailed: It has not; says why, and where its output is.
        """
        log = self._folder / "weight" / "0000" / "log.txt"
        if self._has_no_memory:
            raise TrialFailed(
                f"the training ran out of memory with {self.trial.configuration}; lower the batch "
                "size in template.yaml"
            )
        if self.trial.has_failed:
            raise TrialFailed(
                f"the training has failed after {self.trial.progress} epochs; its output is in "
                f"{log}"
            )

    def keep_weights(self) -> Path | None:
        """Folder ``models`` with what was saved at the best epoch, or None if nothing was saved.

        Raises:
            JournalError: They cannot be moved there.
        """
        found = best_weight(self._folder, self.trial, self.mode)
        if found is None:
            return None
        kept, old = self._folder / "models", self._folder / ".models.old"
        try:
            shutil.rmtree(old, ignore_errors=True)
            if kept.exists():
                kept.rename(old)
            found.rename(kept)
            shutil.rmtree(old, ignore_errors=True)
            shutil.rmtree(found.parent)
        except OSError as error:
            raise JournalError(f"{kept} cannot be written: {error.strerror}") from error
        return kept
