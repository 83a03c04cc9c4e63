"""The files in ``save_path``: the run, and what mirrors it for people and other programs.

::

    SAVE_PATH/
      run/                    the run: journal and description; what counts
      hpopt_settings.json     what was asked for; how other processes open the run
      hpopt_status.json       all trials: configs, states, scores
      hpopt_trial_0.json      what trial 0 has reported

Nothing is decided by the last two. They are written in one piece, so no reader sees half a file.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError
from agcore.json_values import with_names
from agcore.run_directory import RunDirectory, write_json
from agcore_contrib.hpopt.settings import HpoSettings
from agcore_contrib.hpopt.status import Status

if TYPE_CHECKING:
    import os

_STATUS = "hpopt_status.json"
_SETTINGS = "hpopt_settings.json"
_LONGEST_WAIT_S = 60.0
"""For another process to let go of the run, as for a report."""


def get_status_path(save_path: str | os.PathLike[str]) -> str:
    """Path of the file with all trials."""
    return str(Path(save_path, _STATUS))


def get_trial_path(save_path: str | os.PathLike[str], trial_id: int) -> str:
    """Path of the file of one trial."""
    return str(Path(save_path, f"hpopt_trial_{trial_id}.json"))


def load_json(path: str | os.PathLike[str]) -> Any:
    """What a JSON file holds, or None if it does not exist.

    Raises:
        JournalError: It cannot be read, or holds something else.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JournalError(f"{path} cannot be read: {error}; delete it") from error


def get_previous_status(save_path: str | os.PathLike[str]) -> Status:
    """What a folder holds: no result, a partial one, or a complete one."""
    found = load_json(get_status_path(save_path))
    if found is None:
        return Status.NORESULT
    return Status.COMPLETERESULT if "best_config_id" in found else Status.PARTIALRESULT


def get_current_status(save_path: str | os.PathLike[str], trial_id: int) -> Status:
    """What a trial is doing, by its file; UNKNOWN without one."""
    found = load_json(get_trial_path(save_path, trial_id))
    return Status.UNKNOWN if found is None else Status(found["status"])


def get_best_score(
    save_path: str | os.PathLike[str], trial_id: int, mode: str = "max"
) -> float | None:
    """The best score of a trial, by its file; None without any."""
    found = load_json(get_trial_path(save_path, trial_id))
    scores = [] if found is None else [s for s in found["scores"] if isinstance(s, (int, float))]
    if not scores:
        return None
    return min(scores) if mode == "min" else max(scores)


@dataclass(frozen=True, slots=True)
class HpoFiles:
    """The files of one search.

    Attributes:
        folder: ``save_path``, absolute: processes may work in different folders.
    """

    folder: Path

    @classmethod
    def at(cls, save_path: str | os.PathLike[str]) -> HpoFiles:
        """The files below ``save_path``."""
        return cls(Path(save_path).absolute())

    @property
    def run(self) -> Path:
        """Folder of the run."""
        return self.folder / "run"

    @property
    def holds_a_search(self) -> bool:
        """Whether there is a search to go on with."""
        return (self.folder / _SETTINGS).exists()

    @property
    def holds_foreign_results(self) -> bool:
        """Whether there are results that another program has left."""
        return not self.holds_a_search and (self.folder / _STATUS).exists()

    def make(self) -> None:
        """Make the folder.

        Raises:
            JournalError: It cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"save_path={str(self.folder)!r} cannot be made: {error.strerror}; choose a folder "
                "that can be written to"
            ) from error

    def clear(self) -> None:
        """Delete the search that is here, and nothing else."""
        # The settings go first: without them nobody takes what is left for a search.
        for name in (_SETTINGS, _STATUS):
            (self.folder / name).unlink(missing_ok=True)
        for path in self.folder.glob("hpopt_trial_*.json"):
            path.unlink(missing_ok=True)
        if self.run.exists():
            shutil.rmtree(self.run)

    def write_settings(self, settings: HpoSettings) -> None:
        """Write down what was asked for."""
        write_json(self.folder / _SETTINGS, settings.to_json())

    def read_settings(self) -> HpoSettings:
        """What was asked for.

        Raises:
            JournalError: There is no such file, or it is damaged.
        """
        path = self.folder / _SETTINGS
        record = load_json(path)
        if record is None:
            raise JournalError(f"{self.folder} holds no search; call hpopt.create() first")
        return HpoSettings.from_json(record, str(path))

    def write_status(self, status: dict[str, Any]) -> None:
        """Write the file with all trials."""
        write_json(self.folder / _STATUS, with_names(status))

    def trial(self, trial_id: int) -> str:
        """Path of the file of a trial."""
        return get_trial_path(self.folder, trial_id)

    def write_trial(self, trial_id: int, record: dict[str, Any]) -> None:
        """Write the file of a trial, unless a later attempt has written it.

        A trial may be promoted, and so be given out again, before the report after which it was
        stopped has come to its file.

        Raises:
            JournalError: It cannot be written.
        """
        with RunDirectory(self.run).locked(_LONGEST_WAIT_S):
            written = self.read_trial(trial_id).get("attempt")
            if not isinstance(written, int) or written <= record["attempt"]:
                write_json(Path(self.trial(trial_id)), with_names(record))

    def read_trial(self, trial_id: int) -> dict[str, Any]:
        """What the file of a trial holds; empty if it is missing or damaged."""
        try:
            found = load_json(self.trial(trial_id))
        except JournalError:
            return {}
        return found if isinstance(found, dict) else {}
