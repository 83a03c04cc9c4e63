"""Trials in this very process, one after another, so that a debugger and mocks work."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.executor.attempt import AttemptEnd, AttemptRunner
from agcore.executor.logs import LogTails, TrialLogs, trial_logs
from agcore.executor.seeding import TrialSeeder, generators_put_back
from agcore.jobs import Exited, Outcome, ReportReceived, wall_time_s
from agcore.records import Action
from agcore.reporter import END_NOW, GO_ON, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import Job
    from agcore.records import Decision
    from agcore.reporter import Report, Verdict


class InlineExecutor:
    """Runs each trial on the caller's stack, inside `wait`.

    What trials print goes where it always goes, and to `log`. A trial cannot be killed: it
    ends at its next report, or by Ctrl-C. Random generators are put back after each trial.
    """

    slots = 1

    def __init__(self) -> None:
        self._task: TrialTask | None = None
        self._job: Job | None = None
        self._verdict: Verdict = END_NOW
        self._is_killed = False
        self._is_woken = False
        self._trial_thread: int | None = None
        self._failure: BaseException | None = None
        self._logs: TrialLogs = LogTails()

    @property
    def free_slots(self) -> int:
        """1 unless a trial runs or waits to run."""
        return 0 if self._job else 1

    def open(self, task: TrialTask) -> None:
        """Get ready to run trials of ``task``.

        Raises:
            SpecError: Another run uses this executor.
        """
        if self._task is not None:
            raise SpecError("this executor runs trials already; make one for each run at a time")
        self._task = task
        self._logs = trial_logs(task.folders, self._logs)

    def submit(self, job: Job) -> None:
        """Note the job; `wait` runs it.

        Raises:
            RuntimeError: There is no free slot.
        """
        if self._job is not None or self._task is None:
            raise RuntimeError("submit needs an open executor and a free slot")
        self._job, self._is_killed, self._failure = job, False, None

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Run the submitted trial to its end, delivering its reports on the way."""
        job, task = self._job, self._task
        if job is None or task is None or self._is_woken:
            self._is_woken = False
            return
        if self._is_killed:
            end = AttemptEnd(Outcome.STOPPED.value)
        else:
            with generators_put_back(), self._copying_output(job.trial_id):
                end = self._run(task, job, deliver)
        self._job = None
        if self._failure is not None:  # the scheduler's own, not the trial's
            raise self._failure
        outcome = Outcome(end.outcome)
        if self._is_killed and outcome is Outcome.RETURNED:
            outcome = Outcome.STOPPED
        _, error, trace, evidence = end
        deliver([Exited(job.trial_id, outcome, wall_time_s(), error, trace, evidence=evidence)])

    def _run(self, task: TrialTask, job: Job, deliver: Deliver) -> AttemptEnd:
        def exchange(report: Report) -> Verdict:
            thread, self._trial_thread = self._trial_thread, None  # this is the scheduler now
            metrics, resource, size = report
            news = ReportReceived(
                job.trial_id, metrics, wall_time_s(), resource, checkpoint_bytes=size
            )
            try:
                return self._answer([news], deliver)
            finally:
                self._trial_thread = thread

        seeder = TrialSeeder()
        runner = AttemptRunner(task, seeder.seed, pass_on=(KeyboardInterrupt,))
        seeder.install()
        self._trial_thread = threading.get_ident()
        try:
            return runner.run(job, exchange)
        finally:
            self._trial_thread = None
            seeder.uninstall()

    def _answer(self, news: list[ReportReceived], deliver: Deliver) -> Verdict:
        """The scheduler's answer to a report."""
        if self._is_killed or self._failure is not None:
            return END_NOW
        self._verdict = END_NOW
        try:
            deliver(news)
        except BaseException as failure:  # noqa: BLE001  `wait` raises it once the trial is over
            self._failure = failure
            return END_NOW
        if self._is_woken:
            raise KeyboardInterrupt
        return END_NOW if self._is_killed else self._verdict

    def wake(self) -> None:
        """End the trial in progress by KeyboardInterrupt; for the handler of Ctrl-C."""
        self._is_woken = True
        if self._trial_thread == threading.get_ident():
            raise KeyboardInterrupt

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report that is being delivered."""
        self._verdict = GO_ON if decision.action is Action.CONTINUE else END_NOW

    def reject(self, trial_id: int, message: str) -> None:
        """Answer the report that is being delivered with an error."""
        self._verdict = Answer(goes_on=True, error=message)

    def kill(self, trial_id: int) -> None:
        """End the trial at its next report; sooner is not possible in one process."""
        self._is_killed = True

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written through ``sys.stdout`` and ``sys.stderr``."""
        return self._logs.read(trial_id)

    def close(self) -> None:
        """Nothing is left to end."""
        self._job = self._task = None

    @contextlib.contextmanager
    def _copying_output(self, trial_id: int) -> Iterator[None]:
        out = _Tee(sys.stdout, self._logs, trial_id)
        err = _Tee(sys.stderr, self._logs, trial_id)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield


class _Tee:
    """Another text stream; what is written to it is copied to the trial's log as well."""

    def __init__(self, stream: Any, logs: TrialLogs, trial_id: int) -> None:
        self._stream = stream
        self._logs = logs
        self._trial_id = trial_id

    def write(self, text: str) -> int:
        self._logs.write(self._trial_id, text.encode(errors="backslashreplace"))
        self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
