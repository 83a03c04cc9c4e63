"""One config, how far it has been trained, and what it reached."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import Any

from agcore.checks import whole_number
from agcore.errors import SpecError


class TrialStatus(enum.IntEnum):
    """What a trial is doing; also the answer to a report."""

    UNKNOWN = -1
    READY = 0
    RUNNING = 1
    STOP = 2
    CUDAOOM = 3


@dataclass(eq=False)
class Trial:
    """A config in training.

    Attributes:
        id: Number of the trial, as text.
        configuration: Values of the searched hyperparameters.
        train_environment: What else the train function is told.
        score: Values of the metric by the number of epochs.
        iteration: Epochs up to which it is to be trained now; None if nobody has said.
        promised: Epochs that the process was told which runs now, or ran last.
        bracket: Its bracket, or None.
        rung: Its rung in there, or None.
        status: Ready, running, or at its end for now.
        has_failed: Whether it is out for good.
        num_lost: Attempts of which the process vanished.
        num_redrawn: How often its config was replaced because memory ran out.
    """

    id: str
    configuration: dict[str, Any]
    train_environment: dict[str, Any] = field(default_factory=dict)
    score: dict[int, float] = field(default_factory=dict)
    iteration: int | None = None
    promised: int = 0
    bracket: int | None = None
    rung: int | None = None
    status: TrialStatus = TrialStatus.READY
    has_failed: bool = False
    num_lost: int = 0
    num_redrawn: int = 0

    @property
    def progress(self) -> int:
        """Epochs behind it."""
        return max(self.score, default=0)

    @property
    def is_running(self) -> bool:
        """Whether a process trains it."""
        return self.status is TrialStatus.RUNNING

    @property
    def is_done(self) -> bool:
        """Whether it needs no further training, as long as it is not promoted.

        Raises:
            RuntimeError: Nobody has said how long it is to be trained.
        """
        if self.has_failed or self.status is TrialStatus.STOP:
            return True
        if self.iteration is None:
            raise RuntimeError(f"trial {self.id} has no iteration; call aim_at(epochs) first")
        return self.progress >= self.iteration

    @property
    def is_fresh(self) -> bool:
        """Whether no process has ever trained it."""
        return self.status is TrialStatus.READY and not self.promised

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be trained and no process does so."""
        return self.status is TrialStatus.READY and not self.is_done

    def aim_at(self, iteration: int) -> None:
        """Have it trained up to ``iteration`` epochs in all.

        Raises:
            SpecError: That is no whole number of at least 1.
        """
        self.iteration = whole_number("iteration", iteration)
        if self.status is TrialStatus.STOP and self.iteration > self.promised:
            self.status = TrialStatus.READY

    def hand_out(self) -> None:
        """Take note that a process trains it now."""
        self.status = TrialStatus.RUNNING
        self.promised = self.iteration or 0

    def told(self) -> dict[str, Any]:
        """What the train function gets."""
        return {
            "id": self.id,
            "configuration": {**self.configuration, "iterations": self.iteration},
            "train_environment": dict(self.train_environment),
        }

    def register_score(self, score: float, resource: int) -> None:
        """Take note of the metric after ``resource`` epochs; NaN is allowed and counts for nothing.

        Raises:
            SpecError: ``resource`` is no whole number of at least 1, or ``score`` no number.
        """
        resource = whole_number("resource", resource)
        is_number = hasattr(score, "__float__") and not isinstance(score, bool)
        if not is_number:
            raise SpecError(f"score={score!r} must be a number; report a float")
        self.score[resource] = float(score)

    def best_score(self, mode: str = "max", resource_limit: float | None = None) -> float | None:
        """The best finite score, of the first ``resource_limit`` epochs if that is given.

        Args:
            mode: ``'max'`` or ``'min'``.
            resource_limit: In epochs.

        Returns:
            The score, or None if there is none.
        """
        limit = math.inf if resource_limit is None else resource_limit
        scores = [s for epoch, s in self.score.items() if epoch <= limit and math.isfinite(s)]
        if not scores:
            return None
        return max(scores) if mode == "max" else min(scores)

    def finalize(self) -> None:
        """Take note that its process has ended well.

        If it was asked for fewer epochs than are wanted by now, it waits for the rest. If it ended
        before what it was asked for, it ended its training itself and needs no more.

        Raises:
            RuntimeError: It has no score.
        """
        if not self.score:
            raise RuntimeError(f"trial {self.id} has ended without any score; report one first")
        has_more_to_do = self.iteration is not None and self.promised < self.iteration
        self.status = TrialStatus.READY if has_more_to_do else TrialStatus.STOP

    def give_back(self) -> None:
        """Take note that its process has ended before its time; what it reported stays."""
        self.status = TrialStatus.READY

    def fail(self) -> None:
        """Take it out for good."""
        self.has_failed = True
        self.status = TrialStatus.STOP

    def redraw(self, configuration: dict[str, Any]) -> None:
        """Start anew with another config."""
        self.configuration = configuration
        self.score = {}
        self.status = TrialStatus.READY

    def record(self) -> dict[str, Any]:
        """What is saved of it."""
        return {
            "id": self.id,
            "rung": self.rung,
            "configuration": self.configuration,
            "train_environment": self.train_environment,
            "score": {str(epoch): score for epoch, score in sorted(self.score.items())},
        }


def reward_of(trial: Trial, mode: str, resource_limit: float | None = None) -> float:
    """The best score as something to maximise; minus infinity without any, or if it failed."""
    score = None if trial.has_failed else trial.best_score(mode, resource_limit)
    if score is None:
        return -math.inf
    return score if mode == "max" else -score


def best_of(trials: list[Trial], mode: str) -> Trial | None:
    """The trial with the best score, the first of equals; None if no trial has one."""
    best = max(trials, key=lambda trial: reward_of(trial, mode), default=None)
    return None if best is None or reward_of(best, mode) == -math.inf else best
