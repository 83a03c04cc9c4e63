"""The largest batch size that memory holds, found by trying a few."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore_contrib.otx.hyperband import MAX_ATTEMPTS
from agcore_contrib.otx.trial import Trial, TrialStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)

_MOST_GROWTH = 16
"""A maximum is raised to so many times itself at most, where nothing else limits it."""


class BatchSizeProbe:
    """Trains a little with one batch size after another, as `run_hpo_loop` asks for them.

    The maximum first. If it does not fit, halves the interval between what fits and what does not;
    if it fits and may grow, doubles it until it does not fit.

    Args:
        name: Dotted name of the batch size.
        smallest: Minimum of its space.
        largest: Maximum of its space.
        step: Distance of its values.
        configuration: The other values to train with.
        limit: The batch size that the maximum may be raised to, or None if it may not be raised.
    """

    mode = "max"
    save_path: Path | None = None

    def __init__(
        self,
        name: str,
        smallest: int,
        largest: int,
        step: int,
        configuration: Mapping[str, Any],
        limit: int | None = None,
    ) -> None:
        self._name, self._smallest, self._step = name, smallest, step
        self._start = self._index(largest)
        self._limit = self._start if limit is None else max(self._start, self._index(limit))
        self._configuration = dict(configuration)
        self._fits = -1
        self._fails = self._limit + 1
        self._trial: Trial | None = None
        self._num_trials = 0
        self._num_lost = 0

    @property
    def largest_that_fits(self) -> int | None:
        """The batch size, or None if not even the smallest fits."""
        return None if self._fits < 0 else self._value(self._fits)

    def get_next_sample(self) -> Trial | None:
        """The next batch size to try, or None while one is tried."""
        if self._trial is not None or self.is_done():
            return None
        values = {**self._configuration, self._name: self._value(self._next_index())}
        self._trial = Trial(str(self._num_trials), values)
        self._trial.aim_at(1)
        self._trial.hand_out()
        self._num_trials += 1
        return self._trial

    def report_score(
        self, score: float, resource: int, trial_id: str | int, done: bool = False
    ) -> TrialStatus:
        """Tell it to stop: whoever has reported has fitted."""
        trial = self._running()
        if done:
            self._learn(fits=True)
        else:
            trial.register_score(score, resource)
        return TrialStatus.STOP

    def report_out_of_memory(self, trial_id: str | int) -> None:
        """Take note that a batch size does not fit."""
        self._learn(fits=False)

    def report_failure(self, trial_id: str | int) -> None:
        """Take note that the function raised; a report before that means that it fitted."""
        self._learn(fits=bool(self._running().score))

    def report_trial_exit_abnormally(self, trial_id: str | int) -> None:
        """Take note that a process has vanished; after a few the batch size counts as unfit."""
        self._num_lost += 1
        if self._num_lost >= MAX_ATTEMPTS:
            self._learn(fits=False)
        self._trial = None

    def is_done(self) -> bool:
        """Whether the largest one is known."""
        return self._trial is None and self._fails - self._fits == 1

    def get_progress(self) -> float:
        """1 when it is known, else 0: nobody can say how many are to be tried."""
        return float(self.is_done())

    def get_inferior_trials(self) -> list[str]:
        """None: nothing is kept."""
        return []

    def save_results(self) -> None:
        """Write nothing."""

    def _running(self) -> Trial:
        if self._trial is None:
            raise SpecError("no batch size is being tried; call get_next_sample first")
        return self._trial

    def _learn(self, fits: bool) -> None:
        index = self._index(self._running().configuration[self._name])
        logger.info("batch size %d %s", self._value(index), "fits" if fits else "does not fit")
        if fits:
            self._fits = index
        else:
            self._fails = index
        self._trial = None
        self._num_lost = 0

    def _next_index(self) -> int:
        if self._fits < 0 and self._fails > self._limit:
            return self._start
        if self._fails > self._limit:
            doubled = self._index(2 * self._value(self._fits))
            return min(self._limit, max(doubled, self._fits + 1))
        return (self._fits + self._fails) // 2

    def _index(self, value: int) -> int:
        return int((value - self._smallest) // self._step)

    def _value(self, index: int) -> int:
        return self._smallest + index * self._step


def growth_limit(largest: int, num_samples: int | None) -> int:
    """The batch size that a maximum may be raised to: all samples, where their number is known."""
    return _MOST_GROWTH * largest if num_samples is None else max(largest, num_samples)
