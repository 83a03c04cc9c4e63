"""Trials in this very process, one after another, so that a debugger and mocks work."""

from __future__ import annotations

import contextlib
import io
import random
import sys
import time
from typing import TYPE_CHECKING, Any

from agcore.executor.attempt import AttemptRunner
from agcore.executor.logs import LogTails
from agcore.executor.seeding import seed_generators
from agcore.jobs import Exited, Outcome, ReportReceived
from agcore.records import Action
from agcore.reporter import END_NOW, GO_ON, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import Job, Metrics
    from agcore.records import Decision
    from agcore.reporter import Verdict


class InlineExecutor:
    """Runs each trial on the caller's stack, inside `wait`.

    What trials print goes where it always goes, and to `log`. A trial cannot be killed: it
    ends at its next report. Random generators are put back after each trial.
    """

    slots = 1

    def __init__(self) -> None:
        self._job: Job | None = None
        self._verdict: Verdict | None = None
        self._killed = False
        self._logs = LogTails()

    @property
    def free_slots(self) -> int:
        """1 unless a trial runs or waits to run."""
        return 0 if self._job else 1

    def open(self, task: TrialTask) -> None:
        """Get ready to run trials of ``task``."""
        self._runner = AttemptRunner(task, seed_generators, pass_on=(KeyboardInterrupt,))

    def submit(self, job: Job) -> None:
        """Note the job; `wait` runs it."""
        self._job = job

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Run the submitted trial to its end, delivering its reports on the way."""
        job = self._job
        if job is None:
            return
        self._killed = False

        def exchange(metrics: Metrics) -> Verdict:
            if self._killed:
                return END_NOW
            self._verdict = None
            deliver([ReportReceived(job.trial_id, metrics, time.time())])
            if self._killed:
                return END_NOW
            assert self._verdict is not None, "the scheduler must answer every report"
            return self._verdict

        with _generators_put_back(), self._copying_output(job.trial_id):
            end = self._runner.run(job, exchange)
        self._job = None
        outcome = Outcome.STOPPED if self._killed else Outcome(end.outcome)
        text = end.traceback_text
        deliver(
            [Exited(job.trial_id, outcome, time.time(), end.error, text, evidence=end.evidence)]
        )

    def wake(self) -> None:
        """Nothing to do: `wait` runs the trial and cannot be hurried."""

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report that is being delivered."""
        self._verdict = GO_ON if decision.action is Action.CONTINUE else END_NOW

    def reject(self, trial_id: int, message: str) -> None:
        """Answer the report that is being delivered with an error."""
        self._verdict = Answer(goes_on=True, error=message)

    def kill(self, trial_id: int) -> None:
        """End the trial at its next report; sooner is not possible in one process."""
        self._killed = True

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written through ``sys.stdout`` and ``sys.stderr``."""
        return self._logs.read(trial_id)

    def close(self) -> None:
        """Nothing is left to end."""
        self._job = None

    @contextlib.contextmanager
    def _copying_output(self, trial_id: int) -> Iterator[None]:
        out = _Tee(sys.stdout, self._logs, trial_id)
        err = _Tee(sys.stderr, self._logs, trial_id)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield


class _Tee(io.TextIOBase):
    """Writes on to another stream and keeps a copy for the trial's log."""

    def __init__(self, stream: Any, logs: LogTails, trial_id: int) -> None:
        self._stream = stream
        self._logs = logs
        self._trial_id = trial_id

    def write(self, text: str) -> int:
        self._logs.write(self._trial_id, text.encode(errors="replace"))
        self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return bool(self._stream.isatty())


@contextlib.contextmanager
def _generators_put_back() -> Iterator[None]:
    """Keep a trial's seeds from changing the random numbers of the program around it."""
    python_state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy is not None and numpy_state is not None:
            numpy.random.set_state(numpy_state)
