"""Everything agcore raises on purpose.

    AgcoreError                     catch this to catch all of them
    ├── SpecError                   agcore was called wrongly (also a ValueError)
    │   └── ReportError             a trial called ``reporter`` wrongly
    ├── TrialFailed                 the train function raised; carries the child's traceback
    ├── JournalError                a run's files cannot be read or written
    ├── SpaceExhausted              every config of a finite space has been proposed
    ├── WorkerLost                  the worker process vanished; carries its exit code
    └── MissingExtraError           an optional library is needed (also an ImportError)

    EarlyStop                       raised *inside* a trial that is to end now; not an error

A message holds the value, the rule it breaks and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AgcoreError(Exception):
    """Base class of all errors that agcore raises on purpose."""


class SpecError(AgcoreError, ValueError):
    """An argument, a space or a call breaks a rule; the message says which and how to mend it."""


class ReportError(SpecError):
    """A trial's report breaks a rule; raised inside the trial, which then counts as failed."""


class JournalError(AgcoreError):
    """The files of a run cannot be read, written, or continued; the message says which and why."""


class SpaceExhausted(AgcoreError):
    """Every config of a finite space has been proposed; a run ends normally then."""


class TrialFailed(AgcoreError):
    """The train function raised.

    Attributes:
        trial_id: The trial that failed, or None for a call outside a run.
        traceback_text: The traceback as the worker process printed it.
    """

    def __init__(self, message: str, trial_id: int | None = None, traceback_text: str = "") -> None:
        super().__init__(message)
        self.trial_id = trial_id
        self.traceback_text = traceback_text

    def __reduce__(self) -> tuple[type, tuple[str, int | None, str]]:
        return type(self), (str(self.args[0]), self.trial_id, self.traceback_text)


class WorkerLost(AgcoreError):
    """A worker process ended without saying why.

    Attributes:
        exit_code: As in ``subprocess``: negative for a signal; None if unknown.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type, tuple[str, int | None]]:
        return type(self), (str(self.args[0]), self.exit_code)


class MissingExtraError(AgcoreError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'agcore[{extra}]'")
        self.purpose = purpose
        self.extra = extra

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.purpose, self.extra)


class EarlyStop(BaseException):
    """Raised by ``reporter`` inside a trial that is to end now.

    It derives from BaseException so that ``except Exception`` in a train function cannot
    swallow it; ``finally`` and ``with`` blocks run as usual.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    import difflib  # here, because worker processes import this file and must start fast

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""
