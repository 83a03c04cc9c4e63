"""The run that is replayed: its trials' curves and ends, and its own figures."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.analysis import incumbents
from agcore.checks import whole_number
from agcore.curves.recording import curves_of_run, time_attr_of, trials_with_curves
from agcore.errors import JournalError, SpecError
from agcore.history import RunHistory
from agcore.journal import read_history, read_journal
from agcore.records import RunResumed, RunStarted, TrialEnded, TrialStarted, TrialState
from agcore.run_directory import RunDirectory
from agcore.running_time import RunningTime
from agcore.tuning import TuneResult
from agcore.whatif.results import RunFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agcore.curves.recording import RecordedCurve
    from agcore.history import Trial

CUT_SHORT = (TrialState.STOPPED, TrialState.PAUSED)


class Record:
    """A run that is to be replayed: the curves of its trials by number.

    Args:
        history: The run.
        max_t: Resource behind which nothing is looked at; by default the largest recorded.

    Raises:
        SpecError: The run holds no reports.
    """

    def __init__(self, history: RunHistory, max_t: int | None) -> None:
        self.time_attr = time_attr_of(history)
        self.history = history
        self.settings: Mapping[str, Any] = getattr(history.events[0], "settings", {})
        reported = [trial.resource for trial in history.trials.values() if trial.reports]
        if not reported:
            raise SpecError(
                f"no trial of the run has reported {self.settings.get('reward_attr')!r}, so there "
                "is nothing to replay; pass a run whose trials have reported"
            )
        self.max_t = max(reported) if max_t is None else whole_number("max_t", max_t)
        trials = trials_with_curves(history)
        self.trials = {trial.trial_id: trial for trial in trials}
        # Without a trial that ended there, the largest resource may be nobody's end.
        self._is_end = max_t is not None or any(
            trial.state is TrialState.COMPLETED and trial.resource == self.max_t
            for trial in history.trials.values()
        )
        names = (self.time_attr, str(self.settings.get("reward_attr", "accuracy")))
        self.curves = {
            trial.trial_id: self._trimmed(curve.only(names), trial)
            for trial, curve in zip(trials, curves_of_run(history, self.time_attr), strict=True)
        }
        self.num_left_out = len(history.trials) - len(self.curves)
        self.finals = dict(self._finals())
        self._ascending = sorted(self.finals.values())

    def _trimmed(self, curve: RecordedCurve, trial: Trial) -> RecordedCurve:
        """A curve up to ``max_t``; it is whole if it gets there, unless it fails right behind."""
        fails_behind = trial.state.is_failure and trial.resource <= self.max_t
        if fails_behind or not self._is_end:
            return curve
        return curve.up_to(self.max_t, self.time_attr)

    def _finals(self) -> Iterator[tuple[int, float]]:
        """The final reward, to be maximised, of each trial recorded to its end."""
        takes_last = self.settings.get("trial_value") == "last"
        for trial_id, curve in self.curves.items():
            rewards = [r.reward for r in self.trials[trial_id].reports[: len(curve.reports)]]
            if rewards and not curve.cut and all(map(math.isfinite, rewards)):
                yield trial_id, rewards[-1] if takes_last else max(rewards)

    def final_rank(self, trial_id: int) -> int:
        """Rank of a trial recorded to its end; equal rewards share the better one."""
        return 1 + len(self._ascending) - bisect_right(self._ascending, self.finals[trial_id])

    @property
    def largest_number_at_once(self) -> int:
        """Trials that ran at once."""
        running: set[int] = set()
        most = 1
        for event in self.history.events:
            if isinstance(event, TrialStarted):
                running.add(event.trial_id)
            elif isinstance(event, TrialEnded):
                running.discard(event.trial_id)
            elif isinstance(event, RunResumed):  # what ran when a run was killed has no end
                running.clear()
            most = max(most, len(running))
        return most

    def figures(self) -> RunFigures:
        """What the run itself has found and spent."""
        return figures_of("recorded", self.history, lambda trial_id: trial_id)


def figures_of(
    name: str, history: RunHistory, number_of: Callable[[int], int], repeated: int = 0
) -> RunFigures:
    """The figures of a run; ``number_of`` turns its trials into those of the record."""
    best, found = history.best(), incumbents(history)
    trials = [trial for trial in history.trials.values() if trial.attempts]
    return RunFigures(
        scheduler=name,
        best_reward=best.reward if best else None,
        best_trial=number_of(best.trial_id) if best else None,
        found_s=found[-1].elapsed_s if best and found else None,
        total_s=RunningTime(history.events).total_s,
        resource=sum(trial.resource for trial in trials) + repeated,
        started=len(trials),
        stopped=sum(trial.state in CUT_SHORT for trial in trials),
    )


def history_of(run: Any) -> RunHistory:
    """The history of a directory, a scheduler or a result."""
    if isinstance(run, TuneResult):
        run = run.scheduler
    history = getattr(run, "history", None)
    if isinstance(history, RunHistory):
        return history
    if not isinstance(run, (str, os.PathLike)):
        raise SpecError(
            f"run={run!r} must be the directory of a run, a scheduler that has run, or what "
            "ag.tune returned"
        )
    directory = RunDirectory(Path(run))
    if not directory.holds_a_run:
        raise JournalError(
            f"there is no run in {os.fspath(run)!r}; pass the directory that was its checkpoint="
        )
    first = next(read_journal(directory.journal))
    settings = first.settings if isinstance(first, RunStarted) else {}
    sign = -1 if settings.get("mode") == "min" else 1
    empty = RunHistory(sign, settings.get("trial_value", "best"))
    return read_history(directory.journal, empty)
