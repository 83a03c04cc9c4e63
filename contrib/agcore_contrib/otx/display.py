"""What is shown while trials run: a line when one starts, and how far all are."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from types import TracebackType

    from agcore_contrib.otx.trial import Trial

_LOGGER = "agcore_contrib"
_CORE_LOGGER = "agcore"
_PIPE_STEP = 10
"""Percents between two lines, where there is no terminal."""
_CLEARED = "\r\033[K"


class HasBestTrial(Protocol):
    """Whatever trains trials."""

    @property
    def best_trial(self) -> Trial | None:
        """The best so far, or None."""


class TrialDisplay(logging.Handler):
    """Writes to standard error what the search logs, and one line of progress that changes.

    Into a pipe the progress is a line now and then. In use as a context manager.

    Args:
        what: What makes progress, such as ``'HPO'``.
        metric: Name of the metric.
        mode: ``'max'`` or ``'min'``.
        is_quiet: Whether to show warnings only.
        names_trials: Whether trials are spoken of; there is only one otherwise.
    """

    def __init__(
        self, what: str, metric: str, mode: str, is_quiet: bool = False, names_trials: bool = True
    ) -> None:
        super().__init__(logging.INFO if names_trials and not is_quiet else logging.WARNING)
        self._what, self._metric, self._mode = what, metric, mode
        self._followed: HasBestTrial | None = None
        self._is_quiet = is_quiet
        self._names_trials = names_trials
        self._is_live = sys.stderr.isatty()
        self._line = ""
        self._next_percent = 0.0
        self._level_before = logging.NOTSET

    def __enter__(self) -> TrialDisplay:
        logger = logging.getLogger(_LOGGER)
        self._level_before = logger.level
        logger.setLevel(min(self.level, logger.getEffectiveLevel()))
        logger.addHandler(self)
        logging.getLogger(_CORE_LOGGER).addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        logger = logging.getLogger(_LOGGER)
        logger.removeHandler(self)
        logging.getLogger(_CORE_LOGGER).removeHandler(self)
        logger.setLevel(self._level_before)
        if self._line:
            click.echo("", err=True)

    def follow(self, algorithm: HasBestTrial) -> None:
        """Show its best trial beside the progress."""
        self._followed = algorithm

    def progress(self, percent: float) -> None:
        """Show how far it is."""
        if self._is_quiet:
            return
        text = f"{self._what} {percent:3.0f} %{self._best()}"
        if self._is_live:
            self._line = text
            click.echo(f"{_CLEARED}{text}", nl=False, err=True)
        elif percent >= self._next_percent:
            self._next_percent = percent - percent % _PIPE_STEP + _PIPE_STEP
            click.echo(text, err=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record above the line of progress."""
        text = record.getMessage().partition("\n")[0]
        if record.levelno >= logging.WARNING:
            text = f"Warning: {text}"
        cleared = _CLEARED if self._line else ""
        try:
            click.echo(f"{cleared}{text}", err=True)
            if self._line:
                click.echo(self._line, nl=False, err=True)
        except Exception:  # noqa: BLE001  as every logging handler does
            self.handleError(record)

    def _best(self) -> str:
        trial = None if self._followed is None else self._followed.best_trial
        score = None if trial is None else trial.best_score(self._mode)
        if trial is None or score is None:
            return ""
        name = f" (trial {trial.id})" if self._names_trials else ""
        return f", best {self._metric} {score:g}{name}"
