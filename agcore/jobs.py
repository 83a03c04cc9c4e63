"""What scheduler and executor hand to one another: jobs one way, news the other.

Worker processes import this file and not `agcore.records`, because they must start fast.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import Any, Union

Config = dict[str, Any]
"""One point of a search space: active parameters only, flat, JSON-serialisable."""

Metrics = dict[str, Any]
"""What ``reporter(**metrics)`` sent, NumPy and torch scalars turned into Python numbers."""


def wall_time_s() -> float:
    """Seconds since the epoch, whole microseconds: shorter to write than all 17 digits."""
    return time.time_ns() // 1000 / 1e6


@dataclass(frozen=True, slots=True)
class Start:
    """Job: run a trial from its beginning.

    Attributes:
        trial_id: The trial.
        config: Its config.
        seed: For the trial's ``random``, NumPy and torch generators.
        attempt: 0 at first; grows with each resume or retry.
    """

    trial_id: int
    config: Config
    seed: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """Job: go on with a trial; the function sees ``args.scheduler.resume_from``.

    Attributes:
        trial_id: The trial.
        config: Its config.
        seed: As in its first attempt.
        attempt: Number of this attempt, from 1.
        resume_from: Resource that the trial's own files stand for.
        milestone: Resource of the next decision, or None without any.
        checkpoint: Folder of the checkpoint to go on from; empty if the trial has none.
    """

    trial_id: int
    config: Config
    seed: int
    attempt: int
    resume_from: int
    milestone: int | None = None
    checkpoint: str = ""


Job = Union[Start, Resume]


@dataclass(frozen=True, slots=True)
class ReportReceived:
    """An executor's news: a trial has reported and waits for the answer.

    Attributes:
        trial_id: The trial.
        metrics: What it reported.
        time_s: Seconds since the epoch at which it came in.
        resource: What the trial has used, as its own process counts; 0 if it does not.
        metrics_json: The metrics as strict JSON, if that is at hand.
        checkpoint_bytes: Size of the checkpoint that came with it, or None.
    """

    trial_id: int
    metrics: Metrics
    time_s: float
    resource: int = 0
    metrics_json: str = ""
    checkpoint_bytes: int | None = None


class Outcome(str, enum.Enum):
    """How an attempt to run a trial ended, as far as its executor can tell."""

    RETURNED = "returned"
    STOPPED = "stopped"
    RAISED = "raised"
    OUT_OF_MEMORY = "out_of_memory"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Exited:
    """An executor's news: an attempt has ended and its slot is free or being freed.

    Attributes:
        trial_id: The trial.
        outcome: How it ended.
        error: One line: exception or cause of death; empty if all is well.
        traceback_text: The child's traceback, if it raised.
        exit_code: Of the process, if it vanished; negative for a signal.
        evidence: Why the executor thinks memory ran out, in words.
        time_s: Seconds since the epoch.
    """

    trial_id: int
    outcome: Outcome
    time_s: float
    error: str = ""
    traceback_text: str = ""
    exit_code: int | None = None
    evidence: str = ""


ExecutorNews = Union[ReportReceived, Exited]
