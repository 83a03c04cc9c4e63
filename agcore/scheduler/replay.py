"""Resuming is replaying: the recorded events put policy and searcher where they were.

Nothing of either is saved. Both are told again what they were told, in the same order; what
they decide now must be what was recorded.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError, ReportError, SpecError
from agcore.records import (
    Action,
    ConfigEnqueued,
    Decided,
    Decision,
    Event,
    NewTrial,
    Reported,
    ResumeTrial,
    Suggestion,
    SuggestRequest,
    TrialEnded,
    TrialProposed,
    TrialStarted,
)
from agcore.scheduler.brackets import bracket_lessons
from agcore.scheduler.outcomes import goes_on_later, state_after, stop_with_the_run
from agcore.scheduler.parts import LiveTrial, Parts
from agcore.scheduler.rewards import decision_on
from agcore.scheduler.starts import CUT_OFF, Launch, start_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agcore.history import Trial
    from agcore.scheduler.settings import RunSettings

logger = logging.getLogger("agcore")


class Replay:
    """Feeds recorded events to the parts of a new scheduler.

    Args:
        parts: Fresh ones, made with the arguments of the recorded run.
        settings: How the run goes on.

    After `apply_all`, ``launches`` holds the trials that ran when the record ends, ready to be
    started again, and ``missing`` the events that the record should have ended with.
    """

    def __init__(self, parts: Parts, settings: RunSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._is_stopping = False  # a trial has reached max_reward
        self._starts: dict[int, TrialStarted] = {}
        self._milestones: dict[int, int | None] = {}  # of each trial's next decision
        self._verdicts: dict[int, tuple[Reported, Decision]] = {}
        self._decided: set[tuple[int, int]] = set()
        self._has_warned = False
        self._tell_of_brackets = bracket_lessons(parts.policy, parts.searcher)
        self._handlers: dict[type, Callable[[Any], None]] = {
            ConfigEnqueued: self._enqueued,
            TrialProposed: self._proposed,
            TrialStarted: self._started,
            Reported: self._reported,
            Decided: self._was_decided,
            TrialEnded: self._ended,
        }
        self.launches: list[Launch] = []
        self.missing: list[Event] = []

    def apply_all(self, events: Iterable[Event]) -> None:
        """Apply the whole record.

        Raises:
            JournalError: An event does not follow from those before it.
        """
        for number, event in enumerate(events, start=1):
            handler = self._handlers.get(type(event))
            try:
                self._parts.history.apply(event)
                if handler is not None:
                    handler(event)
            except (KeyError, AttributeError, ReportError, SpecError) as error:
                raise JournalError(
                    f"event {number} of the journal does not follow from those before it: {event}"
                ) from error
        for trial_id in list(self._starts):  # in the order in which they were started last
            self._finish(self._parts.history.trials[trial_id])
        for trial in self._parts.history.trials.values():
            if not trial.attempts:
                self.launches.append(self._at_last(trial))

    # -- events ----------------------------------------------------------------------------

    def _enqueued(self, event: ConfigEnqueued) -> None:
        self._parts.proposals.restore(event.config)

    def _proposed(self, event: TrialProposed) -> None:
        searcher = self._parts.searcher
        self._tell_of_brackets()  # the bracket was drawn before the searcher learnt from this
        if event.origin == "queue":
            self._parts.proposals.skip()
            searcher.exclude(event.config)
            return
        if event.parent is not None:
            searcher.exclude(event.config)
            return
        if searcher.is_replayed_by_exclusion:
            searcher.recall(Suggestion(event.config, event.origin, event.why))
            return
        request = SuggestRequest(event.trial_id, (), event.bracket)
        suggestion = searcher.suggest(request)
        if suggestion is None or suggestion.config != event.config:
            self._warn(
                "the searcher proposes other configs than it did before; those of the journal "
                "are kept"
            )

    def _started(self, event: TrialStarted) -> None:
        trial = self._parts.history.trials[event.trial_id]
        self._starts.pop(event.trial_id, None)
        self._starts[event.trial_id] = event
        self._milestones[event.trial_id] = event.milestone
        self._verdicts.pop(event.trial_id, None)  # that of an earlier attempt is carried out
        if event.again:
            return  # the policy never knew that it was gone
        wish: NewTrial | ResumeTrial = NewTrial(
            trial.bracket, event.milestone, trial.parent, event.resume_from
        )
        if event.attempt and event.resume_from and event.milestone is not None:
            wish = ResumeTrial(
                event.trial_id, event.resume_from, event.milestone, trial.bracket, event.reason
            )
        self._parts.policy.on_start(event.trial_id, wish)

    def _reported(self, event: Reported) -> None:
        trial = self._parts.history.trials[event.trial_id]
        reading = self._parts.rewards.recall(event)
        self._parts.rewards.accept(reading)
        decision = decision_on(self._parts.policy, event.trial_id, event.resource, reading)
        self._parts.feed.on_report(trial, event, decision)
        self._is_stopping |= self._settings.is_enough(event.reward)
        if self._is_stopping and decision.action is not Action.STOP:
            decision = stop_with_the_run("max_reward")
        self._verdicts[event.trial_id] = (event, decision)
        if decision.next_milestone is not None:
            self._milestones[event.trial_id] = decision.next_milestone

    def _was_decided(self, event: Decided) -> None:
        report, decision = self._verdicts[event.trial_id]
        self._decided.add((event.trial_id, event.resource))
        self._verdicts[event.trial_id] = (report, event.decision)
        if decision.action is not event.decision.action and decision.standing is not None:
            self._warn("a decision comes out differently now; that of the journal is kept")

    def _ended(self, event: TrialEnded) -> None:
        trial = self._parts.history.trials[event.trial_id]
        if goes_on_later(trial, event.state, self._settings.max_retries):
            return
        self._starts.pop(event.trial_id, None)
        self._parts.policy.on_exit(event.trial_id, event.state)
        self._parts.feed.on_exit(trial)

    def _warn(self, message: str) -> None:
        if not self._has_warned:
            logger.warning("resuming: %s", message)
        self._has_warned = True

    # -- what was going on at the end ------------------------------------------------------

    def _finish(self, trial: Trial) -> None:
        """Bring to its end a trial whose end was decided; start any other again."""
        report, decision = self._verdicts.get(trial.trial_id, (None, None))
        if report is not None and decision is not None and trial.reports[-1] is report:
            is_known = (trial.trial_id, report.resource) in self._decided
            if not is_known and (decision.standing or decision.action is not Action.CONTINUE):
                self._add(Decided(trial.trial_id, report.time_s, report.resource, decision))
            if decision.action is not Action.CONTINUE:
                state = state_after(decision, report)
                self._add(TrialEnded(trial.trial_id, report.time_s, state))
                return
        event = self._starts[trial.trial_id]
        milestone = self._milestones[trial.trial_id]
        self.launches.append(start_again(trial, event.resume_from, milestone, CUT_OFF))

    def _add(self, event: Decided | TrialEnded) -> None:
        """Apply an event that the record lacks."""
        self._parts.history.apply(event)
        self._handlers[type(event)](event)
        self.missing.append(event)

    def _at_last(self, trial: Trial) -> Launch:
        """The first start of a trial that was proposed when the record ends."""
        # Asked in the same state the policy gives the answer that led to the proposal.
        wish = self._parts.policy.next_job(0.0)
        if not isinstance(wish, NewTrial) or wish.parent != trial.parent:
            wish = NewTrial(trial.bracket, parent=trial.parent)
        return Launch(LiveTrial(trial, milestone=wish.first_milestone), wish)
