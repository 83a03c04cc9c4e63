"""What runs in a trial's process: the user's ``train_func(hp_config, report_func)``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from agcore.errors import EarlyStop
from agcore_contrib.otx.trial import TrialStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agcore.reporter import Reporter

SCORE = "score"
PROGRESS = "progress"
FUNCTION_S = "function_s"
"""Seconds since the train function was called."""


class ReportFunction:
    """What a train function gets as ``report_func``.

    Args:
        reporter: What it speaks through.

    Attributes:
        resume_from: Epochs behind `latest_checkpoint`, 0 without one.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._status = TrialStatus.RUNNING
        self._called_s = time.monotonic()
        self.resume_from = reporter.resume_from

    def __call__(self, score: float, progress: int, done: bool = False) -> TrialStatus:
        """Report the metric; ``STOP`` means that the function is to return now.

        Args:
            score: The metric.
            progress: Epochs behind the trial in all.
            done: The training has ended: nothing is reported, the end of the function says it.

        Raises:
            ReportError: The score is no number, or the progress no whole number of at least 1.
        """
        if done:
            return TrialStatus.STOP
        if self._status is TrialStatus.RUNNING:
            try:
                function_s = time.monotonic() - self._called_s
                self._reporter(**{SCORE: score, PROGRESS: progress, FUNCTION_S: function_s})
            except EarlyStop:
                self._status = TrialStatus.STOP
        return self._status

    @property
    def checkpoint_dir(self) -> Path:
        """Empty folder for the trial's state; the next report makes a checkpoint of it."""
        return self._reporter.checkpoint_dir

    @property
    def latest_checkpoint(self) -> Path | None:
        """Folder of the trial's last checkpoint, to go on from; None if it has none."""
        return self._reporter.latest_checkpoint


class TrainCall:
    """Calls the user's function as agcore calls train functions.

    Args:
        train_func: ``train_func(hp_config, report_func)``.
    """

    def __init__(self, train_func: Callable[[dict[str, Any], ReportFunction], Any]) -> None:
        # The user's module decides how this gets to the process: by its name, or as it is.
        self.__module__ = getattr(train_func, "__module__", "") or ""
        self.__name__ = getattr(train_func, "__name__", "train_func")
        self._train_func = train_func

    def __call__(self, args: dict[str, Any], reporter: Reporter) -> None:
        """Run it; what it returns is not looked at."""
        hp_config = {key: args[key] for key in ("id", "configuration", "train_environment")}
        self._train_func(hp_config, ReportFunction(reporter))
