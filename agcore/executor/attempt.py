"""One attempt to run a trial, in whatever process this is: args built, function called."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from agcore.checkpoints import TrialCheckpoints
from agcore.errors import EarlyStop
from agcore.jobs import Outcome, Resume
from agcore.reporter import Reporter
from agcore.train_fn import fill_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agcore.executor.base import TrialTask
    from agcore.jobs import Job
    from agcore.reporter import Report, Verdict

_PACKAGE = __file__.rpartition("executor")[0]
_OWN_FILES = (f"{_PACKAGE}executor", f"{_PACKAGE}train_fn.py", f"{_PACKAGE}reporter.py")
_OUT_OF_MEMORY = (
    "out of memory",
    "oom when allocating",
    "cannot allocate memory",
    "can't allocate memory",
    "bad_alloc",
    "status_alloc_failed",
)
"""How CUDA, TensorFlow, the operating system, PyTorch, C++ and cuBLAS put it."""
_LONGEST_LINE = 500
_LONGEST_TRACEBACK = 50_000


class AttemptEnd(NamedTuple):
    """How the function ended; plain values, as it travels from worker to scheduler."""

    outcome: str
    error: str = ""
    traceback_text: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRunner:
    """Runs attempts of one task.

    Attributes:
        task: Function, base arguments and report rules.
        seed: Called with the trial's seed before the function.
        pass_on: Exceptions that are not the trial's to keep.
    """

    task: TrialTask
    seed: Callable[[int], None]
    pass_on: tuple[type[BaseException], ...] = ()

    def run(self, job: Job, exchange: Callable[[Report], Verdict]) -> AttemptEnd:
        """Run one attempt; every way it can end becomes an `AttemptEnd`.

        A process that the train function forks and that comes back from it ends here: there is
        one trial, and it is the original process that runs it.

        Args:
            job: What to run.
            exchange: Sends a report and brings the answer.
        """
        process = os.getpid()
        resume_from = job.resume_from if isinstance(job, Resume) else 0
        reporter = Reporter(self.task.rules, exchange, resume_from, self._checkpoints(job))
        try:
            self.seed(job.seed)
            value = self._call(job, reporter)
            if os.getpid() != process:
                _end_fork(None)
            self._report_returned(value, reporter)
        except EarlyStop:
            return AttemptEnd(Outcome.STOPPED.value)
        except BaseException as error:
            if os.getpid() != process:
                _end_fork(error)
            if isinstance(error, self.pass_on):
                raise
            return end_by(error)
        return AttemptEnd((Outcome.STOPPED if reporter.was_stopped else Outcome.RETURNED).value)

    def _checkpoints(self, job: Job) -> TrialCheckpoints:
        folders = self.task.folders
        if folders is None:
            return TrialCheckpoints()
        latest = Path(job.checkpoint) if isinstance(job, Resume) and job.checkpoint else None
        return TrialCheckpoints(folders.checkpoints(job.trial_id), latest, folders.make)

    def _call(self, job: Job, reporter: Reporter) -> Any:
        args = self.task.builder.build(job.config)
        # A parameter of the user's own under one of these names is left alone.
        fill_in(args, job.trial_id, reporter.resume_from)
        return self.task.train_fn.run(args, reporter)

    def _report_returned(self, value: Any, reporter: Reporter) -> None:
        if value is None or reporter.count:
            return
        metrics = self.task.rules.final_report(value)
        if metrics is not None:
            reporter(**metrics)


def end_by(error: BaseException) -> AttemptEnd:
    """How an attempt has ended that was left by ``error``."""
    name = type(error).__name__
    lines = [line for line in _message(error).splitlines() if line.strip()]
    summary = f"{name}: {lines[0]}" if lines else name
    evidence = _memory_evidence(error, summary)
    outcome = Outcome.OUT_OF_MEMORY if evidence else Outcome.RAISED
    return AttemptEnd(outcome.value, summary[:_LONGEST_LINE], _formatted(error), evidence)


def _message(error: BaseException) -> str:
    """``str(error)``, whatever its class makes of that."""
    try:
        return str(error)
    except BaseException as failure:  # noqa: BLE001  the class is the user's
        return f"(its message cannot be shown: {type(failure).__name__} in __str__)"


def _formatted(error: BaseException) -> str:
    """The traceback as Python prints it, from the user's first line on, in bounded length."""
    try:
        text = "".join(
            traceback.format_exception(type(error), error, _users_part(error.__traceback__))
        )
    except Exception as failure:  # noqa: BLE001  formatting looks into the user's objects
        return f"{type(error).__name__} (no traceback: {type(failure).__name__}: {failure})\n"
    left_out = len(text) - _LONGEST_TRACEBACK
    if left_out <= 0:
        return text
    half = _LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n... ({left_out} characters left out) ...\n{text[-half:]}"


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not agcore's own."""
    start = trace
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OWN_FILES):
            return trace
        trace = trace.tb_next
    return start


def _memory_evidence(error: BaseException, summary: str) -> str:
    """Why ``error`` means that memory ran out, or an empty string."""
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return f"{name} was raised"
    message = _message(error).lower()
    if name == "OutOfMemoryError" or any(phrase in message for phrase in _OUT_OF_MEMORY):
        return f"it raised {summary[:_LONGEST_LINE]}"
    return ""


def _end_fork(error: BaseException | None) -> NoReturn:
    """End this process, a child of the trial, as Python would at the end of a script."""
    code: Any = 0 if error is None else 1
    if isinstance(error, SystemExit):
        code = 0 if error.code is None else error.code
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF if isinstance(code, int) else 1)
