"""``reporter(**metrics)``: the one thing a train function says to its scheduler.

A report is checked and turned into plain JSON values here, in the trial's own process, so
that a mistake raises at the user's line. The answer decides whether the call returns or
raises `EarlyStop`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from agcore.checkpoints import TrialCheckpoints
from agcore.errors import EarlyStop, ReportError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agcore.jobs import Metrics

RESERVED = frozenset({"bracket", "terminated"})
"""Keys that the scheduler itself writes into ``training_history``."""

_LARGEST_COUNT = 2**63 - 1
_PLAIN = frozenset({float, int, str, bool, type(None)})


class Report(NamedTuple):
    """What a reporter hands over.

    Attributes:
        metrics: Checked, plain JSON values.
        resource: What the trial has used: as reported, else the number of its reports.
        checkpoint_bytes: Size of the checkpoint that came with it, or None.
    """

    metrics: Metrics
    resource: int
    checkpoint_bytes: int | None = None


class Verdict(Protocol):
    """The scheduler's answer to one report."""

    @property
    def goes_on(self) -> bool:
        """Whether the trial may continue."""

    @property
    def error(self) -> str:
        """What was wrong with the report, or an empty string."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A `Verdict` as plain values."""

    goes_on: bool
    error: str = ""


GO_ON = Answer(goes_on=True)
END_NOW = Answer(goes_on=False)


@dataclass(frozen=True, slots=True)
class ReportRules:
    """What every report of a run must hold.

    Attributes:
        reward_attr: Key of the reward.
        time_attr: Key of the resource.
        resource_required: Whether a report without ``time_attr`` is an error.
        final_resource: Resource of a value that a function returned instead of reporting.
        objectives: Keys of the objectives, if there are several instead of the reward.
    """

    reward_attr: str = "accuracy"
    time_attr: str = "epoch"
    resource_required: bool = False
    final_resource: int | None = None
    objectives: tuple[str, ...] = ()

    def check(self, metrics: Metrics) -> None:
        """Check one report; a resource such as 3.0 becomes 3.

        Args:
            metrics: Plain values, as `plain_metrics` makes them.

        Raises:
            ReportError: The reward or the resource is missing or not a number, the resource
                is not positive, or a reserved key is used.
        """
        for name in self.objectives or (self.reward_attr,):
            reward = metrics.get(name)
            if type(reward) is not float and not _is_small_int(reward):
                self._reject_reward(name, metrics)
        if not RESERVED.isdisjoint(metrics):
            clash = sorted(RESERVED & metrics.keys())[0]
            raise ReportError(
                f"reporter({clash}=...) uses a key that the scheduler writes into "
                "training_history; report it under another name"
            )
        name = self.time_attr
        resource = metrics.get(name)
        if type(resource) is float and resource.is_integer():
            metrics[name] = resource = int(resource)
        if (self.resource_required or name in metrics) and not _is_count(resource):
            self._reject_resource(metrics)

    def _reject_reward(self, name: str, metrics: Metrics) -> NoReturn:
        if name not in metrics:
            raise ReportError(_lacking(name, "reward_attr", metrics))
        value = metrics[name]
        if type(value) is int:
            raise ReportError(f"{name} is an integer too large for a float; report a float")
        raise ReportError(f"{name}={_shortened(value)} must be a number; report a float")

    def _reject_resource(self, metrics: Metrics) -> NoReturn:
        name = self.time_attr
        if name not in metrics:
            raise ReportError(_lacking(name, "time_attr", metrics))
        raise ReportError(
            f"{name}={_shortened(metrics[name])} must be a positive integer; report what is "
            f"done so far, for epochs: {name}=epoch + 1"
        )

    def final_report(self, value: Any) -> Metrics | None:
        """The report that a returned value stands for, or None if it is not one.

        Args:
            value: What the train function returned: a number, or a dict with the reward. Several
                objectives need a dict.
        """
        if isinstance(value, Mapping):
            metrics = {str(key): item for key, item in value.items()}
            if metrics.keys().isdisjoint(self.objectives or (self.reward_attr,)):
                return None
        elif self.objectives:
            return None
        else:
            try:
                reward = plain_value(value)
            except (TypeError, ValueError, RecursionError):
                return None
            if isinstance(reward, bool) or not isinstance(reward, (int, float)):
                return None
            metrics = {self.reward_attr: reward}
        if self.final_resource is not None:
            metrics.setdefault(self.time_attr, self.final_resource)
        return metrics


def _lacking(name: str, argument: str, metrics: Mapping[str, Any]) -> str:
    return (
        f"the report has no {name!r} ({argument}); it has: {', '.join(metrics) or 'nothing'}"
        f"{did_you_mean(name, metrics)}; report {name}=..., or pass {argument}= to the scheduler"
    )


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value <= _LARGEST_COUNT


def _is_small_int(value: Any) -> bool:
    """Whether ``value`` is an int that a float can hold."""
    return type(value) is int and value.bit_length() < 1024


def plain_metrics(metrics: Mapping[str, Any]) -> Metrics:
    """The same metrics as Python numbers, strings, lists and dicts.

    Raises:
        ReportError: A value has no JSON form; the message names its key and type.
    """
    return {
        key: value if type(value) in _PLAIN else _plain_or_reject(key, value)
        for key, value in metrics.items()
    }


def _plain_or_reject(key: str, value: Any) -> Any:
    try:
        return plain_value(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ReportError(
            f"reporter({key}=...) got a {type(value).__name__}: {reason}; report numbers, "
            "strings, booleans, None, or lists and dicts of them"
        ) from None


def plain_value(value: Any) -> Any:
    """``value`` as a JSON value: scalars of NumPy, torch and MXNet as Python numbers.

    Raises:
        TypeError: There is no JSON form.
        ValueError: An array or tensor that does not hold exactly one element.
    """
    if value is None or isinstance(value, bool):
        return value
    # Subclasses (np.float64, IntEnum) become the plain type, so that JSON is stable.
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_plain_key(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    return _scalar(value)


def _plain_key(key: Any) -> str:
    return str.__str__(key) if isinstance(key, str) else str(key)


def _scalar(value: Any) -> Any:
    """The one number in an object that says how to get it out."""
    for name in ("item", "asscalar", "__float__"):
        unwrap = getattr(value, name, None)
        if callable(unwrap) and not isinstance(value, type):
            shape = getattr(value, "shape", None)
            if shape is not None and math.prod(shape) != 1:
                raise ValueError(f"it has the shape {tuple(shape)}; reduce it to one number")
            # An error that comes up only now, such as CUDA's out of memory, is the trial's own.
            number = unwrap()
            if number is value:
                break
            return plain_value(number)
    raise TypeError("it has no JSON form")


class Reporter:
    """What a train function gets as ``reporter``.

    Attributes:
        resume_from: Resource from which this trial goes on: that of `latest_checkpoint` if it
            has saved any, else what it had reached when it was paused; 0 for a fresh trial.
        count: Reports sent so far in this attempt.
    """

    def __init__(
        self,
        rules: ReportRules,
        exchange: Callable[[Report], Verdict],
        resume_from: int = 0,
        checkpoints: TrialCheckpoints | None = None,
    ) -> None:
        self.resume_from = resume_from
        self._checkpoints = checkpoints or TrialCheckpoints()
        self._reports_before = 0
        self.count = 0
        self._rules = rules
        self._exchange = exchange
        self._ended = False
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._is_reporting = False

    @property
    def checkpoint_dir(self) -> Path:
        """Folder to save this trial's state in; the next report makes a checkpoint of it.

        After each report it is empty again, so every checkpoint is whole by itself. One that
        is cut off by a crash is never seen again.
        """
        return self._checkpoints.open_folder

    @property
    def latest_checkpoint(self) -> Path | None:
        """Folder of the last checkpoint this trial has completed, in this attempt or an earlier.

        None if there is none. Its files may be read, not changed.
        """
        latest = self._checkpoints.latest
        if latest is not None and not self.count:
            self._reports_before = self.resume_from
        return latest

    def __call__(self, /, **metrics: Any) -> None:
        """Report metrics and wait for the scheduler's decision.

        What was saved in `checkpoint_dir` since the last report is a checkpoint from now on.
        Threads of a trial may report too; one report is sent at a time.

        Raises:
            EarlyStop: The trial is to end now.
            ReportError: The report breaks a rule.
            OSError: The checkpoint cannot be put on the disk.
        """
        if metrics.pop("done", False) and not metrics:
            return  # the old protocol's closing message; the end of the function says it now
        if os.getpid() != self._process:
            raise ReportError(
                "reporter was called in a child process of the trial; report from the process "
                "that runs the train function"
            )
        plain = plain_metrics(metrics)
        with self._lock:
            if self._ended:
                raise EarlyStop
            self._rules.check(plain)
            verdict = self._send(plain)
            if verdict.error:
                raise ReportError(verdict.error)
            if not verdict.goes_on:
                self._ended = True
                raise EarlyStop

    def _send(self, metrics: Metrics) -> Verdict:
        if self._is_reporting:
            raise ReportError(
                "reporter was called while it was reporting, by a signal handler; let the handler "
                "set a flag and report from the train function"
            )
        self._is_reporting = True
        self.count += 1
        try:
            # Without a time attribute reports are counted, those before the checkpoint too.
            resource = metrics.get(self._rules.time_attr)
            if type(resource) is not int:
                resource = self._reports_before + self.count
            size = self._checkpoints.commit(resource)
            return self._exchange(Report(metrics, resource, size))
        finally:
            self._is_reporting = False

    @property
    def was_stopped(self) -> bool:
        """Whether the scheduler has ended this attempt."""
        return self._ended
