"""One attempt to run a trial, in whatever process this is: args built, function called."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from agcore.errors import EarlyStop
from agcore.jobs import Outcome, Resume
from agcore.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agcore.executor.base import TrialTask
    from agcore.jobs import Job, Metrics
    from agcore.reporter import Verdict

_OWN_FILES = ("agcore/executor/", "agcore/train_fn.py", "agcore/reporter.py")


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

    def run(self, job: Job, exchange: Callable[[Metrics], Verdict]) -> AttemptEnd:
        """Run one attempt; every way it can end becomes an `AttemptEnd`.

        Args:
            job: What to run.
            exchange: Sends a report and brings the answer.
        """
        resume_from = job.resume_from if isinstance(job, Resume) else 0
        reporter = Reporter(self.task.rules, exchange, resume_from)
        try:
            self.seed(job.seed)
            value = self._call(job, reporter)
            self._report_returned(value, reporter)
        except EarlyStop:
            return AttemptEnd(Outcome.STOPPED.value)
        except self.pass_on:
            raise
        except BaseException as error:  # noqa: BLE001  the user's code may raise anything
            return _raised(error)
        return AttemptEnd((Outcome.STOPPED if reporter.was_stopped else Outcome.RETURNED).value)

    def _call(self, job: Job, reporter: Reporter) -> Any:
        args = self.task.builder.build(job.config)
        # A parameter of the user's own under one of these names is left alone.
        args.setdefault("task_id", job.trial_id)
        args.setdefault("scheduler", {"resume_from": reporter.resume_from})
        return self.task.train_fn.run(args, reporter)

    def _report_returned(self, value: Any, reporter: Reporter) -> None:
        if value is None or reporter.count:
            return
        metrics = self.task.rules.final_report(value)
        if metrics is not None:
            reporter(**metrics)


def _raised(error: BaseException) -> AttemptEnd:
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    text = "".join(traceback.format_exception(type(error), error, _users_part(error.__traceback__)))
    evidence = _memory_evidence(error)
    outcome = Outcome.OUT_OF_MEMORY if evidence else Outcome.RAISED
    return AttemptEnd(outcome.value, first_line, text, evidence)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not agcore's own."""
    start = trace
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        if not any(part in filename for part in _OWN_FILES):
            return trace
        trace = trace.tb_next
    return start


def _memory_evidence(error: BaseException) -> str:
    """Why ``error`` means that memory ran out, or an empty string."""
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return f"{name} was raised"
    if name == "OutOfMemoryError" or "out of memory" in str(error).lower():
        return f"{name} says: {str(error).splitlines()[0][:200]}"
    return ""
