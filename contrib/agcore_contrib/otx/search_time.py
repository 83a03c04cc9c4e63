"""Keeps a search to so many times the seconds of one training, by what its trials take.

A plan counts epochs. What an epoch takes is known when the first trial reports, and configs differ
in it; so the plan alone promises no time.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agcore.checks import finite_number, whole_number
from agcore.errors import JournalError, SpecError
from agcore.run_directory import write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agcore_contrib.otx.trial import Trial

_FIRST = 0
"""The trial with the present values."""
_LEAST_SHARE = 0.5
"""A trial is begun if the time left holds this share of what it is expected to take. The deadline
ends it, and its best score counts. If all of it had to fit, chance would decide whether the last of
n equal trainings is begun."""


@dataclass
class _Attempt:
    """The reports of one process.

    Attributes:
        asked_s: When it was asked for.
        behind: Epochs that it did not have to train.
        called_s: When its train function was called, or None before its first report.
        first: Epoch and time of its first report, or None.
        last: The same of its last one.
    """

    asked_s: float
    behind: int
    called_s: float | None = None
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None

    def hear(self, epoch: int, now_s: float, function_s: float) -> None:
        """Take note of a report, made ``function_s`` seconds after the function was called."""
        if self.first is None:
            if epoch <= self.behind:
                self.behind = 0  # it began anew
            self.first = epoch, now_s
            self.called_s = max(self.asked_s, now_s - function_s)
        self.last = epoch, now_s

    @property
    def epoch_s(self) -> float | None:
        """Seconds of an epoch between its reports; None with fewer than two."""
        if self.first is None or self.last is None or self.last[0] <= self.first[0]:
            return None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])

    @property
    def first_epoch_s(self) -> float | None:
        """Seconds of an epoch up to the first report, its preparations among them."""
        if self.first is None or self.called_s is None:
            return None
        return (self.first[1] - self.called_s) / (self.first[0] - self.behind)

    @property
    def start_s(self) -> float | None:
        """Seconds before its first epoch, with fewer than two reports those of its process only."""
        if self.first is None or self.called_s is None:
            return None
        if self.epoch_s is None:
            return self.called_s - self.asked_s
        epochs_s = self.epoch_s * (self.first[0] - self.behind)
        return max(0.0, self.first[1] - self.asked_s - epochs_s)


class SearchTime:
    """The seconds of a search and their limit, ``ratio`` times those of one training.

    The training is that of the trial with the smallest number that has reported, as a rule the
    first, which has the present values. The limit follows its reports. There is none before the
    first trial has ended: nothing else says what a training takes, and a search has a result.

    Args:
        ratio: Time for the search in units of a training.
        num_epochs: Of a training.
        path: Where the seconds used are written; a search that goes on reads them there.
        used_s: Seconds used before the search.
        is_resumed: Whether to read ``path``.
        clock: Seconds that never go back.

    Raises:
        SpecError: A number breaks a rule.
        JournalError: ``path`` cannot be read.
    """

    def __init__(
        self,
        ratio: float,
        num_epochs: int,
        path: Path,
        *,
        used_s: float = 0.0,
        is_resumed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio = finite_number("ratio", ratio, "a number above 0")
        if self._ratio <= 0:
            raise SpecError(f"ratio={ratio!r} must be a number above 0; 4 is usual")
        self._num_epochs = whole_number("num_epochs", num_epochs)
        self._path = path
        self._clock = clock
        self._attempts: dict[int, list[_Attempt]] = {}
        self._earlier_training_s: float | None = None
        self._first_has_ended = False
        if is_resumed and path.exists():
            earlier_s, self._earlier_training_s, self._first_has_ended = _read(path)
            used_s += earlier_s
        self._began_s = clock() - used_s

    @property
    def used_s(self) -> float:
        """Seconds of the search so far, those of earlier sessions too."""
        return self._clock() - self._began_s

    @property
    def training_s(self) -> float | None:
        """Seconds of one training, its start included; None as long as nothing tells.

        Where each process has reported once only, what the function does before its first epoch
        counts as part of that.
        """
        paces = ((number, self._epoch_s(number)) for number in sorted(self._attempts))
        known = next(((number, s) for number, s in paces if s is not None), None)
        if self._earlier_training_s is not None and (known is None or known[0] != _FIRST):
            return self._earlier_training_s
        return None if known is None else self._start_s() + self._num_epochs * known[1]

    @property
    def left_s(self) -> float:
        """Seconds up to the limit; infinite as long as there is none, or no time was measured."""
        training_s = self.training_s
        if not self._first_has_ended or not training_s:
            return math.inf
        return self._ratio * training_s - self.used_s

    def holds(self, trial: Trial, behind: int) -> bool:
        """Whether enough time is left to begin a trial.

        Args:
            trial: What is to be trained, by its own pace if that is known, else by the mean one.
            behind: Epochs that its checkpoint stands for.
        """
        epoch_s = self._epoch_s(int(trial.id))
        if epoch_s is None:
            known = [s for number in self._attempts if (s := self._epoch_s(number)) is not None]
            epoch_s = statistics.fmean(known) if known else 0.0
        needed_s = self._start_s() + epoch_s * max(0, (trial.iteration or 0) - behind)
        return _LEAST_SHARE * needed_s <= self.left_s

    def start(self, trial: Trial, behind: int) -> None:
        """Take note that a process trains ``trial``; as for `holds`."""
        self._attempts.setdefault(int(trial.id), []).append(_Attempt(self._clock(), behind))

    def hear(self, trial: Trial, epoch: int, function_s: float) -> None:
        """Take note that ``trial`` has been trained for ``epoch`` epochs.

        Args:
            trial: The trial.
            epoch: Epochs in all.
            function_s: Seconds since its train function was called.
        """
        self._attempts[int(trial.id)][-1].hear(epoch, self._clock(), function_s)

    def end(self, trial: Trial) -> None:
        """Take note that the process of ``trial`` has ended."""
        self._first_has_ended |= int(trial.id) == _FIRST

    def save(self) -> None:
        """Write down the seconds.

        Raises:
            JournalError: They cannot be written.
        """
        record = {
            "used_s": self.used_s,
            "training_s": self.training_s,
            "first_has_ended": self._first_has_ended,
        }
        write_json(self._path, record)

    def _epoch_s(self, number: int) -> float | None:
        """Seconds of an epoch of a trial, by its latest process that tells; None if none does.

        What a function does before its first epoch is told apart by what it takes in the others.
        """
        attempts = self._attempts.get(number, [])
        exact = [s for a in attempts if (s := a.epoch_s) is not None]
        if exact:
            return exact[-1]
        rough = [s for a in attempts if (s := a.first_epoch_s) is not None]
        return rough[-1] * self._share_of_epochs() if rough else None

    def _share_of_epochs(self) -> float:
        """What of a function's seconds up to a report is training, where that is known; else 1."""
        known = [
            (epoch_s, first_s)
            for a in self._all_attempts()
            if (epoch_s := a.epoch_s) is not None and (first_s := a.first_epoch_s) is not None
        ]
        first_s = math.fsum(first_s for _, first_s in known)
        return min(1.0, math.fsum(epoch_s for epoch_s, _ in known) / first_s) if first_s else 1.0

    def _start_s(self) -> float:
        """Seconds that a process takes before it trains, the median known; 0 if none is."""
        known = [s for a in self._all_attempts() if (s := a.start_s) is not None]
        return statistics.median(known) if known else 0.0

    def _all_attempts(self) -> list[_Attempt]:
        return [attempt for attempts in self._attempts.values() for attempt in attempts]


def _read(path: Path) -> tuple[float, float | None, bool]:
    """Seconds used and of a training, whether the first trial has ended: what `save` wrote."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        training_s = record["training_s"]
        return (
            float(record["used_s"]),
            None if training_s is None else float(training_s),
            bool(record["first_has_ended"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path} cannot be read: {error}; leave out --resume") from error
