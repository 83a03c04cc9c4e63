"""The border between the scheduler's loop and whatever runs trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agcore.jobs import ExecutorNews, Job
    from agcore.records import Decision
    from agcore.reporter import ReportRules
    from agcore.train_fn import ArgsBuilder, TrainFunction
    from agcore.trial_folders import TrialFolders

Deliver = Callable[[Sequence["ExecutorNews"]], None]
"""How an executor hands over its news; it calls this once for all that has come in together."""


@dataclass(frozen=True, slots=True)
class TrialTask:
    """What all trials of a run have in common.

    Attributes:
        train_fn: The decorated function.
        builder: Puts configs into its arguments.
        rules: What every report must hold.
        folders: Where trials' files go; None if checkpoints are to go with their process.
    """

    train_fn: TrainFunction
    builder: ArgsBuilder
    rules: ReportRules
    folders: TrialFolders | None = None


class Executor(Protocol):
    """Runs attempts of trials and carries their reports.

    `wait` hands news to ``deliver`` instead of returning it, so that an executor may run the
    train function inside `wait` and get its answers while the function is on the stack.

    An executor whose trials need no files to go on where they were, or where a trial was that they
    are copies of, says so by an attribute ``keeps_progress``. One whose trials are not real says by
    an attribute ``played`` what is in their place.
    """

    @property
    def slots(self) -> int:
        """Number of trials that can run at once."""

    @property
    def free_slots(self) -> int:
        """Number of trials that could be submitted now."""

    def open(self, task: TrialTask) -> None:
        """Get ready to run trials of ``task``."""

    def submit(self, job: Job) -> None:
        """Run one attempt of a trial; without a free slot, RuntimeError is raised."""

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Wait for news, at most ``timeout_s`` seconds, and deliver it; or return without."""

    def wake(self) -> None:
        """Make a `wait` in progress return soon, or the next one; safe in a signal handler.

        An executor that runs trials on the caller's stack ends the trial by KeyboardInterrupt.
        """

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report of a trial."""

    def reject(self, trial_id: int, message: str) -> None:
        """Answer a report that breaks a rule: `ReportError` is raised at the user's line."""

    def kill(self, trial_id: int) -> None:
        """End a trial that may not be asked; an `Exited` follows."""

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written to stdout and stderr."""

    def close(self) -> None:
        """End everything that still runs; nothing is left behind. May be called twice."""
