"""What happened to a trial: its attempts, reports and decisions, and how it ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from agcore.explanations.words import share
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RunEnded,
    RungStanding,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialStarted,
    TrialState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agcore.explanations.words import Words
    from agcore.history import RunHistory, Trial
    from agcore.records import Event
    from agcore.running_time import RunningTime


class Moment(NamedTuple):
    """Something that happened.

    Attributes:
        elapsed_s: Seconds the run had been alive.
        text: What it was.
    """

    elapsed_s: float
    text: str


class Course:
    """The course of one trial.

    Args:
        history: The run.
        trial: The trial.
        words: Those of the run.
        clock: For moments of the run.
    """

    def __init__(self, history: RunHistory, trial: Trial, words: Words, clock: RunningTime) -> None:
        self._history = history
        self._trial = trial
        self._words = words
        self._clock = clock
        self._unsaid: list[Reported] = []  # reports since the last moment
        self._verdict: Decision | None = None  # the last one, of this attempt

    def moments(self) -> Iterator[Moment]:
        """What happened, oldest first; reports between two other moments are taken together."""
        if not self._trial.attempts:
            yield Moment(self._clock.total_s, "proposed, but not started yet")
        for event in self._own_events():
            if isinstance(event, Reported):
                self._unsaid.append(event)
                continue
            report = self._report_of(event) if isinstance(event, Decided) else None
            yield from self._reports()
            text = self._said(event, report)
            if text:
                yield Moment(self._clock.at(event.time_s), text)
        yield from self._reports()
        yield from self._still_open()

    def _own_events(self) -> Iterator[Event]:
        kinds = (TrialStarted, Reported, Decided, TrialEnded)
        for event in self._history.events:
            if isinstance(event, kinds) and event.trial_id == self._trial.trial_id:
                yield event

    def _report_of(self, event: Decided) -> Reported | None:
        """The report that a decision answers, which need not be said by itself."""
        if self._unsaid and self._unsaid[-1].resource == event.resource:
            return self._unsaid.pop()
        return None

    def _reports(self) -> Iterator[Moment]:
        reports, self._unsaid = self._unsaid, []
        if reports:
            yield Moment(self._clock.at(reports[-1].time_s), self._reported(reports))

    def _reported(self, reports: list[Reported]) -> str:
        words, last = self._words, reports[-1]
        if len(reports) == 1:
            return f"reported {words.reported(last)} at {words.at(last.resource)}"
        best = max(reports, key=lambda r: -math.inf if math.isnan(r.reward) else r.reward)
        text = (
            f"reported {len(reports)} times, from {words.at(reports[0].resource)} to "
            f"{last.resource}: {words.reported(last)}"
        )
        if best.resource == last.resource or math.isnan(best.reward) or words.objectives:
            return text
        return f"{text}, the best {words.value(best.reward)} at {words.at(best.resource)}"

    def _said(self, event: Event, report: Reported | None) -> str:
        if isinstance(event, TrialStarted):
            self._verdict = None
            return self._started(event)
        if isinstance(event, Decided):
            self._verdict = event.decision
            return self._decided(event, report)
        return self._ended(event) if isinstance(event, TrialEnded) else ""

    # -- starts ----------------------------------------------------------------------------

    def _started(self, event: TrialStarted) -> str:
        words = self._words
        reason = f": {words.reason(event.reason)}" if event.reason else ""
        until = "" if event.milestone is None else f", up to {words.at(event.milestone)}"
        if event.again:
            return f"started again{reason}{until}"
        if event.parent is not None:
            begin = f"{words.at(event.resume_from)} of trial {event.parent}"
            return f"started behind {begin}{until}{reason}"
        if event.resume_from:
            until = "" if event.milestone is None else f" to {event.milestone}"
            return f"promoted from {words.at(event.resume_from)}{until}{reason}"
        bracket = f" in bracket {self._trial.bracket}" if self._trial.bracket else ""
        return f"started{bracket}{until}"

    # -- decisions -------------------------------------------------------------------------

    def _decided(self, event: Decided, report: Reported | None) -> str:
        decision, words = event.decision, self._words
        standing = decision.standing
        if report is not None and math.isnan(report.reward):
            return f"diverged at {words.at(event.resource)}, where {words.reported(report)}"
        if standing is None or report is None:
            return self._by_reason(event, report)
        text = f"{words.reported(report)} at {words.at(standing.level)} {self._rank(standing)}"
        # What a rung knows besides the standing follows the first semicolon of its reason.
        _, _, rest = decision.reason.partition("; ")
        more = f"; {words.reason(rest)}" if rest else ""
        return f"{text}{more}: {self._consequence(decision)}"

    def _by_reason(self, event: Decided, report: Reported | None) -> str:
        """A decision of which no more is known than its reason."""
        decision, words = event.decision, self._words
        verb = "completed" if decision.completed else _VERBS[decision.action]
        reason, value = decision.reason, ""
        if report is not None:
            value = f", {words.reported(report)}"
            said_already = f"reward {report.reward:.6g} at {words.resource}={report.resource}: "
            reason = reason.removeprefix(said_already)
        return f"{verb} at {words.at(event.resource)}{value}: {words.reason(reason)}"

    def _rank(self, standing: RungStanding) -> str:
        rank = f"ranks {standing.rank} of {standing.size}"
        if standing.front is not None:
            rank = f"is in front {standing.front} and {rank}"
        quantile = f"best {share(standing.quantile)}"
        if standing.cutoff is None:
            return f"{rank} ({quantile})"
        return f"{rank}, cutoff {self._words.value(standing.cutoff)} ({quantile})"

    def _consequence(self, decision: Decision) -> str:
        if decision.action is Action.CONTINUE and decision.next_milestone is not None:
            return f"went on to {self._words.at(decision.next_milestone)}"
        return _VERBS[decision.action]

    # -- ends ------------------------------------------------------------------------------

    def _ended(self, event: TrialEnded) -> str:
        if event.state is TrialState.INTERRUPTED:
            return self._cut_off(event)
        if event.state is TrialState.TIMED_OUT:
            return f"ended by its own time limit, trial_time_out{self._trial_time_out()}"
        if event.state.is_failure:
            return self._failed(event)
        if self._verdict is not None and self._verdict.action is not Action.CONTINUE:
            return ""  # the decision was said, and this is what came of it
        if event.state is TrialState.COMPLETED:
            silent = "" if self._trial.reports else " without a report"
            return f"completed: its function returned{silent}"
        return str(event.state.value).replace("_", " ")

    def _trial_time_out(self) -> str:
        """The limit, unless a later call may have had another, which is in no event."""
        limit = self._words.settings.get("trial_time_out")
        may_differ = any(isinstance(event, RunResumed) for event in self._history.events)
        return "" if limit is None or may_differ else f"={limit:g} seconds"

    def _failed(self, event: TrialEnded) -> str:
        text = _FAILURES[event.state]
        last_line = event.error.strip().splitlines()[-1:]
        text += "".join(f": {line}" for line in last_line)
        is_said = "signal" in event.error or "exit code" in event.error
        if event.exit_code is not None and not is_said:
            text += f" (exit code {event.exit_code})"
        if event.evidence and event.evidence not in event.error:
            text += f"; evidence: {event.evidence}"
        return text

    def _cut_off(self, event: TrialEnded) -> str:
        """How a trial ended with its run, and which limit ended that."""
        limit: float | None = None
        events = iter(self._history.events)
        for other in events:
            if isinstance(other, RunStarted):
                limit = other.settings.get("time_out")
            elif isinstance(other, RunResumed):
                limit = other.time_out
            if other is event:
                break
        reason = _end_of_session(events)
        if reason is None:
            return f"cut off: {event.error}" if event.error else "cut off with the run"
        seconds = (
            f", {limit:g} seconds"
            if reason.startswith(("time_out", "time_budget")) and limit
            else ""
        )
        return f"cut off when the run ended ({reason}{seconds})"

    def _still_open(self) -> Iterator[Moment]:
        state = self._trial.state
        if state is TrialState.RUNNING and self._trial.attempts:
            last = self._history.events[-1]
            how = "was running when the record ends" if isinstance(last, RunEnded) else "is running"
            yield Moment(self._clock.total_s, how)


def _end_of_session(events: Iterable[Event]) -> str | None:
    """Why the present session of a run ended, or None if it did not say."""
    for event in events:
        if isinstance(event, RunEnded):
            return event.reason
        if isinstance(event, RunResumed):
            return None
    return None


_VERBS = {Action.CONTINUE: "went on", Action.STOP: "stopped", Action.PAUSE: "paused"}
_FAILURES = {
    TrialState.FAILED: "failed",
    TrialState.OUT_OF_MEMORY: "ran out of memory",
    TrialState.LOST: "lost",
}
