"""What a run has done so far: its events folded into trials, best values and tables.

`RunHistory.apply` is the one place that knows how an event changes a trial. The scheduler's
loop applies events as they happen; a reader of a finished run applies the same events later.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.records import (
    Action,
    ConfigEnqueued,
    Decided,
    Decision,
    Event,
    PlanChanged,
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agcore.jobs import Config, Metrics


@dataclass(slots=True, eq=False)
class Trial:
    """One trial as far as it has come. `RunHistory` writes it; everyone else reads.

    Attributes:
        trial_id: Its number, from 0.
        config: What it evaluates.
        origin: Who chose the config: ``default``, ``user`` (points to evaluate),
            ``queue``, ``random``, ``grid``, ``model``.
        why: Numbers behind the choice.
        bracket: Its bracket (0 without brackets).
        state: Where it is now.
        reports: Its accepted reports, oldest first.
        decisions: Decisions at its rungs, and the one that ended it.
        best: The report with the highest reward, the earliest on ties; None without any.
        attempts: Number of times it was started.
        losses: Number of attempts whose process vanished.
        started_s: Seconds since the epoch of the last start.
        busy_s: Seconds spent in attempts that are over.
        error: Last line of what went wrong, or empty.
        traceback_text: The child's traceback, or empty.
        exit_code: Of the process, if it vanished; negative for a signal.
        evidence: Why memory is thought to have run out, or empty.
        was_tried: Whether an attempt has come to an end.
        parent: The trial whose config was changed into this one's; None if there is none.
        begin: Resource of the parent whose training it goes on with; 0 if it began anew.
    """

    trial_id: int
    config: Config
    origin: str
    why: Any
    bracket: int
    state: TrialState = TrialState.RUNNING
    reports: list[Reported] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    best: Reported | None = None
    attempts: int = 0
    losses: int = 0
    started_s: float = 0.0
    busy_s: float = 0.0
    error: str = ""
    traceback_text: str = ""
    exit_code: int | None = None
    evidence: str = ""
    was_tried: bool = False
    parent: int | None = None
    begin: int = 0

    @property
    def resource(self) -> int:
        """Resource of the last report; 0 without any."""
        return self.reports[-1].resource if self.reports else 0

    def decision_at(self, resource: int) -> Decision | None:
        """The decision taken at ``resource``, if one was recorded."""
        return next((d.decision for d in self.decisions if d.resource == resource), None)

    def report_for(self, at: str | int) -> Reported | None:
        """The report that stands for the trial.

        Args:
            at: ``'any'``: its best report; ``'last'``: its last; a number: the one at that
                resource.
        """
        if at == "any":
            return self.best
        if at == "last":
            report = self.reports[-1] if self.reports else None
        else:
            report = next((r for r in self.reports if r.resource == at), None)
        return None if report is None or math.isnan(report.reward) else report


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The best trial and the report that makes it so.

    Attributes:
        trial_id: Its number.
        config: Its config.
        reward: Its reward with the user's own sign.
        resource: Where that reward was reported.
        metrics: The whole report.
        state: Where the trial is.
    """

    trial_id: int
    config: Config
    reward: float
    resource: int
    metrics: Metrics
    state: TrialState


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A trial as a part of the line that leads to another one.

    Attributes:
        trial_id: Its number.
        config: With which it trained.
        begin: Resource behind which its part begins.
        end: Resource at which the next of the line took over, or up to where the last has come; 0
            if the next has taken over the config only.
    """

    trial_id: int
    config: Config
    begin: int
    end: int


_NOT_ENDED = (TrialState.RUNNING, TrialState.PAUSED)


class RunHistory:
    """The events of a run and what follows from them.

    Args:
        sign: 1 if the user's reward is maximised, -1 if it is minimised.
        trial_value: ``'best'`` or ``'last'``: which report stands for a trial.
        marks_brackets: Whether table rows name bracket and termination, as under Hyperband.
    """

    def __init__(
        self, sign: int = 1, trial_value: str = "best", *, marks_brackets: bool = False
    ) -> None:
        self.events: list[Event] = []
        self.trials: dict[int, Trial] = {}
        self.start_s: float | None = None
        self.num_running = 0
        self.num_tried = 0  # trials whose first attempt is over, paused ones among them
        self.num_ended = 0  # trials in a final state
        self.num_failures = 0
        self.num_timed = 0  # trials that have been busy
        self.busy_s = 0.0  # of all of them together, in attempts that are over
        self._sign = sign
        self._at = "any" if trial_value == "best" else "last"
        self._marks_brackets = marks_brackets
        self._leader: Trial | None = None
        self._fold: dict[type, Callable[[Any], None]] = {
            RunStarted: self._run_started,
            RunResumed: _nothing,
            PlanChanged: _nothing,
            ConfigEnqueued: _nothing,
            TrialProposed: self._trial_proposed,
            TrialStarted: self._trial_started,
            Reported: self._reported,
            Decided: self._decided,
            TrialEnded: self._trial_ended,
            RunEnded: _nothing,
        }

    def apply(self, event: Event) -> None:
        """Add one event."""
        self.events.append(event)
        self._fold[type(event)](event)

    # -- folding ---------------------------------------------------------------------------

    def _run_started(self, event: RunStarted) -> None:
        self.start_s = event.time_s

    def _trial_proposed(self, event: TrialProposed) -> None:
        self.trials[event.trial_id] = Trial(
            event.trial_id,
            event.config,
            event.origin,
            event.why,
            event.bracket,
            parent=event.parent,
        )

    def _trial_started(self, event: TrialStarted) -> None:
        trial = self.trials[event.trial_id]
        state = trial.state
        if state is not TrialState.RUNNING or not trial.attempts:  # else it was cut off
            self.num_running += 1
        trial.attempts += 1
        if event.parent is not None:
            trial.begin = event.resume_from
        trial.started_s = event.time_s
        trial.state = TrialState.RUNNING
        if state not in _NOT_ENDED:
            self.num_ended -= 1
            self.num_failures -= state.is_failure
            if not state.counts_for_best:
                self._leader = self._find_leader("any")  # what it has reported counts again

    def _reported(self, event: Reported) -> None:
        trial = self.trials[event.trial_id]
        trial.reports.append(event)
        best = trial.best
        if math.isnan(event.reward) or (best is not None and event.reward <= best.reward):
            return
        trial.best = event
        leader = self._leader
        if leader is None or leader.best is None or event.reward > leader.best.reward:
            self._leader = trial

    def _decided(self, event: Decided) -> None:
        self.trials[event.trial_id].decisions.append(event)

    def _trial_ended(self, event: TrialEnded) -> None:
        trial = self.trials[event.trial_id]
        self.num_running -= 1
        if not trial.was_tried:
            trial.was_tried = True
            self.num_tried += 1
        trial.losses += event.state is TrialState.LOST
        trial.state = event.state
        busy_s = event.time_s - trial.started_s
        self.num_timed += trial.busy_s == 0.0 and busy_s != 0.0
        self.busy_s += busy_s
        trial.busy_s += busy_s
        trial.error = event.error
        trial.traceback_text = event.traceback_text
        trial.exit_code = event.exit_code
        trial.evidence = event.evidence
        if event.state in _NOT_ENDED:
            return
        self.num_ended += 1
        self.num_failures += event.state.is_failure
        if trial is self._leader and not event.state.counts_for_best:
            self._leader = self._find_leader("any")

    def _find_leader(self, at: str | int) -> Trial | None:
        found, highest = None, -math.inf
        for trial in self.trials.values():
            report = trial.report_for(at) if trial.state.counts_for_best else None
            if report is not None and (found is None or report.reward > highest):
                found, highest = trial, report.reward
        return found

    # -- reading ---------------------------------------------------------------------------

    def value_of(self, trial: Trial) -> Reported | None:
        """The report that stands for a trial, or None if there is no finite one."""
        return trial.report_for(self._at)

    def best(self, at: str | int | None = None) -> BestTrial | None:
        """The best trial, or None while there is none.

        Args:
            at: ``'any'`` report of a trial may make it the best, only its ``'last'``, or
                only the one at a given resource (a rung). By default as ``trial_value`` says.

        Raises:
            SpecError: ``at`` is none of these.
        """
        where = self._at if at is None else at
        if where not in ("any", "last") and (isinstance(where, (bool, str)) or where < 1):
            raise SpecError(f"at={at!r} must be 'any', 'last' or a resource, as at=9")
        trial = self._leader if where == "any" else self._find_leader(where)
        report = trial.report_for(where) if trial else None
        if trial is None or report is None:
            return None
        return BestTrial(
            trial.trial_id,
            trial.config,
            self.to_users_sign(report.reward),
            report.resource,
            report.metrics,
            trial.state,
        )

    def lineage(self, trial_id: int) -> list[Ancestor]:
        """The line that leads to a trial, the trial itself last: configs by resource.

        Only population-based training has lines of more than one trial.

        Raises:
            SpecError: There is no such trial.
        """
        trial = self.trials.get(trial_id)
        if trial is None:
            raise SpecError(f"there is no trial {trial_id!r}; there are {len(self.trials)} trials")
        end = max(trial.resource, trial.begin)
        line = [Ancestor(trial.trial_id, dict(trial.config), trial.begin, end)]
        while trial.parent is not None:
            end, trial = trial.begin, self.trials[trial.parent]
            line.append(Ancestor(trial.trial_id, dict(trial.config), min(trial.begin, end), end))
        return line[::-1]

    def to_users_sign(self, reward: float) -> float:
        """A reward as the user reports it."""
        return reward if self._sign > 0 else -reward

    def rows(self, trial: Trial) -> Iterator[dict[str, Any]]:
        """The reports of a trial as ``training_history`` holds them."""
        endings = {d.resource for d in trial.decisions if d.decision.action is not Action.CONTINUE}
        for report in trial.reports:
            row = dict(report.metrics)
            if self._marks_brackets:
                row["bracket"] = trial.bracket
                if report.resource in endings:
                    row["terminated"] = True
            yield row

    def training_history(self) -> OrderedDict[str, list[dict[str, Any]]]:
        """Reports of every trial that has any, keyed by the trial id as a string."""
        return OrderedDict(
            (str(trial.trial_id), list(self.rows(trial)))
            for trial in self.trials.values()
            if trial.reports
        )

    def config_history(self) -> OrderedDict[str, Config]:
        """Configs of the trials that have reported, keyed by the trial id as a string."""
        return OrderedDict(
            (str(trial.trial_id), dict(trial.config))
            for trial in self.trials.values()
            if trial.reports
        )


def _nothing(_: Event) -> None:
    """Some events change no trial."""
