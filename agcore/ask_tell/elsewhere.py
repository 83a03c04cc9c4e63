"""The executor of a run whose trials somebody else runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from agcore.errors import SpecError

if TYPE_CHECKING:
    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import Job
    from agcore.records import Decision


class Elsewhere:
    """Stands where an executor stands; trials run wherever their callers run them.

    Attributes:
        runs_elsewhere: Always True: nobody runs trials here.
        keeps_progress: Always True: the files from which trials go on are the callers' own.
    """

    slots = 1
    free_slots = 1
    runs_elsewhere = True
    keeps_progress = True

    def open(self, task: TrialTask) -> NoReturn:
        """Refuse.

        Raises:
            SpecError: Always.
        """
        raise SpecError("the trials of an AskTell run where ask() is called; it has no run()")

    def submit(self, job: Job) -> NoReturn:
        """As `open`."""
        raise SpecError(f"trial {job.trial_id} cannot be run here: an AskTell runs no trials")

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """There is no news."""

    def wake(self) -> None:
        """Nobody waits."""

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Nobody waits for it."""

    def reject(self, trial_id: int, message: str) -> None:
        """Nobody waits for it."""

    def kill(self, trial_id: int) -> None:
        """Nothing runs here."""

    def log(self, trial_id: int) -> list[str]:
        """What trials print is not seen from here."""
        return []

    def close(self) -> None:
        """Nothing to end."""
