"""``reporter(**metrics)``: the one thing a train function says to its scheduler.

A report is checked and turned into plain JSON values here, in the trial's own process, so
that a mistake raises at the user's line. The answer decides whether the call returns or
raises `EarlyStop`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import EarlyStop, ReportError, did_you_mean

if TYPE_CHECKING:
    from agcore.jobs import Metrics

RESERVED = frozenset({"bracket", "terminated"})
"""Keys that the scheduler itself writes into ``training_history``."""

_PLAIN = frozenset({float, int, str, bool, type(None)})


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
    """

    reward_attr: str = "accuracy"
    time_attr: str = "epoch"
    resource_required: bool = False
    final_resource: int | None = None

    def check(self, metrics: Metrics) -> None:
        """Check one report.

        Raises:
            ReportError: The reward or the resource is missing or not a number, the resource
                is not positive, or a reserved key is used.
        """
        reward = metrics.get(self.reward_attr)
        if type(reward) is not float and (isinstance(reward, (bool, str)) or reward is None):
            self._reject_reward(metrics)
        if not RESERVED.isdisjoint(metrics):
            clash = sorted(RESERVED & metrics.keys())[0]
            raise ReportError(
                f"reporter({clash}=...) uses a key that the scheduler writes into "
                "training_history; report it under another name"
            )
        if self.resource_required:
            self._check_resource(metrics)

    def _reject_reward(self, metrics: Metrics) -> None:
        name = self.reward_attr
        if name not in metrics:
            raise ReportError(
                f"the report has no {name!r} (reward_attr); it has: {_listed(metrics)}"
                f"{did_you_mean(name, metrics)}; report {name}=..., or pass reward_attr= to the "
                "scheduler"
            )
        raise ReportError(f"{name}={metrics[name]!r} must be a number; report a float")

    def _check_resource(self, metrics: Metrics) -> None:
        name = self.time_attr
        if name not in metrics:
            raise ReportError(
                f"the report has no {name!r} (time_attr); it has: {_listed(metrics)}"
                f"{did_you_mean(name, metrics)}; report {name}=..., or pass time_attr= to the "
                "scheduler"
            )
        resource = metrics[name]
        if isinstance(resource, float) and resource.is_integer():
            metrics[name] = resource = int(resource)
        if type(resource) is not int or resource < 1:
            raise ReportError(
                f"{name}={resource!r} must be a positive integer; report what is done so far, "
                f"for epochs: {name}=epoch + 1"
            )

    def final_report(self, value: Any) -> Metrics | None:
        """The report that a returned value stands for, or None if it is not one.

        Args:
            value: What the train function returned: a number, or a dict with the reward.
        """
        if isinstance(value, Mapping):
            metrics = {str(key): item for key, item in value.items()}
            if self.reward_attr not in metrics:
                return None
        else:
            reward = plain_value(value) if hasattr(value, "item") else value
            if isinstance(reward, bool) or not isinstance(reward, (int, float)):
                return None
            metrics = {self.reward_attr: reward}
        if self.final_resource is not None:
            metrics.setdefault(self.time_attr, self.final_resource)
        return metrics


def _listed(metrics: Mapping[str, Any]) -> str:
    return ", ".join(metrics) or "nothing"


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
    except (TypeError, ValueError) as error:
        raise ReportError(
            f"reporter({key}=...) got a {type(value).__name__}: {error}; report numbers, "
            "strings, booleans, None, or lists and dicts of them"
        ) from None


def plain_value(value: Any) -> Any:
    """``value`` as a JSON value: scalars of NumPy, torch and MXNet by ``.item()``.

    Raises:
        TypeError: There is no JSON form.
        ValueError: An array or tensor of more than one element.
    """
    if isinstance(value, (bool, int, float, str)) or value is None:
        # Subclasses (np.float64, IntEnum) become the plain type, so that JSON is stable.
        return next((t(value) for t in (bool, int, float, str) if isinstance(value, t)), None)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    for name in ("item", "asscalar"):
        unwrap = getattr(value, name, None)
        if callable(unwrap):
            return plain_value(_one_element(value, unwrap))
    raise TypeError("it has no JSON form")


def _one_element(value: Any, unwrap: Callable[[], Any]) -> Any:
    try:
        return unwrap()
    except (ValueError, RuntimeError, TypeError):
        shape = getattr(value, "shape", "unknown")
        raise ValueError(f"it holds more than one number (shape {shape}); reduce it") from None


def is_finite_number(value: Any) -> bool:
    """Whether ``value`` is an int or a finite float."""
    return isinstance(value, (int, float)) and math.isfinite(value)


class Reporter:
    """What a train function gets as ``reporter``.

    Attributes:
        resume_from: Resource this trial had reached when it was paused; 0 for a fresh trial.
        count: Reports sent so far in this attempt.
    """

    def __init__(
        self,
        rules: ReportRules,
        exchange: Callable[[Metrics], Verdict],
        resume_from: int = 0,
    ) -> None:
        self.resume_from = resume_from
        self.count = 0
        self._rules = rules
        self._exchange = exchange
        self._ended = False
        self._process = os.getpid()
        self._lock = threading.Lock()

    def __call__(self, **metrics: Any) -> None:
        """Report metrics and wait for the scheduler's decision.

        Raises:
            EarlyStop: The trial is to end now.
            ReportError: The report breaks a rule.
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
            verdict = self._exchange(plain)
            self.count += 1
            if verdict.error:
                raise ReportError(verdict.error)
            if not verdict.goes_on:
                self._ended = True
                raise EarlyStop

    @property
    def was_stopped(self) -> bool:
        """Whether the scheduler has ended this attempt."""
        return self._ended
