"""Where the files of trials are: one folder a trial, made when there is something to put in.

    <root>/0007/log.txt         what trial 7 printed
    <root>/0007/checkpoint/3/   what it saved before it reported its resource 3

Worker processes import this file, so it imports next to nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrialFolders:
    """Paths of trials' files.

    Attributes:
        root: The folder that holds one folder a trial.
        is_temporary: Whether it is gone at the end of the run; then nobody else may read it,
            and logs are kept in memory instead.
    """

    root: Path
    is_temporary: bool = False

    def trial(self, trial_id: int) -> Path:
        """The folder of a trial."""
        return self.root / f"{trial_id:04d}"

    def log(self, trial_id: int) -> Path:
        """What a trial printed, all its attempts together."""
        return self.trial(trial_id) / "log.txt"

    def checkpoints(self, trial_id: int) -> Path:
        """The folder of a trial's checkpoints."""
        return self.trial(trial_id) / "checkpoint"

    def checkpoint(self, trial_id: int, resource: int) -> Path:
        """The checkpoint that came with a trial's report of ``resource``."""
        return self.checkpoints(trial_id) / str(resource)

    def trial_ids(self) -> list[int]:
        """The trials that have a folder, ascending."""
        try:
            names = os.listdir(self.root)  # noqa: PTH208  names are what is wanted
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def make(self, folder: Path) -> None:
        """Make a folder below the root, if it does not exist."""
        os.makedirs(self.root, 0o700 if self.is_temporary else 0o777, exist_ok=True)  # noqa: PTH103
        folder.mkdir(parents=True, exist_ok=True)
