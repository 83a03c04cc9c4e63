"""One scheduler, played on a record."""

from __future__ import annotations

import contextlib
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agcore.errors import AgcoreError, SpecError
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import Action, TrialStarted
from agcore.train_fn import TrainFunction
from agcore.tuning import arguments_of, make_scheduler
from agcore.whatif.record import CUT_SHORT, figures_of
from agcore.whatif.results import LateBloomer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agcore.curves.source import Step
    from agcore.history import Trial
    from agcore.jobs import Config
    from agcore.whatif.proposals import Proposals
    from agcore.whatif.record import Record
    from agcore.whatif.results import RunFigures


class Recording:
    """The record as a source of curves. ``unknown``: trials asked to go on behind their end."""

    def __init__(self, record: Record, number_of: Callable[[Config], int]) -> None:
        self._record = record
        self.number_of = number_of
        self.unknown: set[int] = set()

    def curve(self, config: Config, seed: int) -> Iterator[Step]:
        """What the recorded trial has reported; it ends where the record ends."""
        trial_id = self.number_of(config)
        curve = self._record.curves[trial_id]
        yield from zip(curve.reports, curve.seconds, strict=True)
        if curve.cut and self._record.trials[trial_id].state.is_failure:
            raise RecordedFailureError(curve.cut)
        if curve.cut:
            self.unknown.add(trial_id)


class RecordedFailureError(Exception):
    """The recorded trial has failed here."""


class Simulation:
    """One scheduler, played on a record."""

    def __init__(
        self, record: Record, proposals: Proposals, name: str, top: int, *, keeps_progress: bool
    ) -> None:
        self._record = record
        self._proposals = proposals
        self._name = name
        self._top = top
        self._keeps_progress = keeps_progress
        self._recording = Recording(record, proposals.number_of)

    def run(self, num_workers: int, seed: int, arguments: Mapping[str, Any]) -> RunFigures:
        """What the scheduler has found and spent."""
        record, proposals, settings = self._record, self._proposals, self._record.settings
        function = TrainFunction(_never_called, None, proposals.space)
        own = {"max_t": record.max_t, "random_seed": seed}
        known = arguments_of(self._name)
        scheduler = make_scheduler(
            function,
            self._name,
            searcher=proposals.searcher(function.cs),
            search_options={**proposals.options, "random_seed": seed},
            executor=SimulatedExecutor(
                self._recording, num_workers, keeps_progress=self._keeps_progress
            ),
            reward_attr=settings.get("reward_attr", "accuracy"),
            time_attr=record.time_attr,
            mode=settings.get("mode", "max"),
            trial_value=settings.get("trial_value", "best"),
            max_failures=None,
            progress=False,
            **{name: value for name, value in own.items() if name in known},
            **arguments,
        )
        with _unsaid():
            scheduler.run()
        self._history = scheduler.history
        self._check_failures()
        return self._figures()

    def _number(self, trial_id: int) -> int:
        """Number in the record of a simulated trial."""
        return self._recording.number_of(self._history.trials[trial_id].config)

    def _check_failures(self) -> None:
        """Refuse a simulation whose trials break rules of the scheduler.

        Raises:
            SpecError: A trial has failed that did not fail then.
        """
        for trial in self._history.trials.values():
            number = self._number(trial.trial_id)
            if trial.state.is_failure and not self._record.trials[number].state.is_failure:
                raise SpecError(
                    f"the reports of recorded trial {number} do not fit scheduler={self._name!r}: "
                    f"{trial.error}; pass rungs that it has reported (grace_period=, rung_levels=)"
                )

    def _figures(self) -> RunFigures:
        history = self._history
        again = [e.resume_from for e in history.events if isinstance(e, TrialStarted)]
        figures = figures_of(
            self._name, history, self._number, 0 if self._keeps_progress else sum(again)
        )
        return replace(
            figures,
            unknown=tuple(sorted(self._recording.unknown)),
            late_bloomers=tuple(sorted(self._late_bloomers(), key=lambda late: late.final_rank)),
            not_judged=sum(
                trial.state in CUT_SHORT and self._has_unknown_end(trial.trial_id)
                for trial in history.trials.values()
            ),
        )

    def _has_unknown_end(self, trial_id: int) -> bool:
        """Whether the record of a simulated trial breaks off, other than by a failure."""
        number = self._number(trial_id)
        has_failed = self._record.trials[number].state.is_failure
        return bool(self._record.curves[number].cut) and not has_failed

    def _late_bloomers(self) -> Iterator[LateBloomer]:
        record, best = self._record, self._history.best()
        sign = -1 if record.settings.get("mode") == "min" else 1
        found = sign * best.reward if best else -math.inf
        for trial in self._history.trials.values():
            number = self._number(trial.trial_id)
            if trial.state not in CUT_SHORT or number not in record.finals:
                continue
            rank, final = record.final_rank(number), record.finals[number]
            if rank <= self._top or final > found:
                there = self._standing(trial)
                yield LateBloomer(number, trial.resource, *there, rank, sign * final)

    def _standing(self, trial: Trial) -> tuple[int, int]:
        """The rank of a trial where it was stopped, and among how many of its bracket."""
        decision = trial.decision_at(trial.resource)
        if decision and decision.action is Action.STOP and decision.standing:
            return decision.standing.rank, decision.standing.size
        rewards = [
            report.reward
            for other in self._history.trials.values()
            if other.bracket == trial.bracket
            and (report := other.report_for(trial.resource)) is not None
        ]
        own = trial.reports[-1].reward
        return 1 + sum(reward > own for reward in rewards), len(rewards)


def _never_called(args: Any, reporter: Any) -> None:
    """Its trials play recorded curves."""
    raise AgcoreError("a simulated trial was run")


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """While in use, what happens to simulated trials is not logged: it happened long ago."""
    logger = logging.getLogger("agcore")

    def drop(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)
