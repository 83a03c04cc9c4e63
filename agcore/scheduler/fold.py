"""Recorded events put policy and searcher where they were, one event after another.

Both are told again what they were told, in the same order; what they decide now must be what was
recorded. A run that is continued folds its whole record at once (`agcore.scheduler.replay`), one
that several processes share folds what the others have recorded since (`agcore.ask_tell`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError, ReportError, SpecError
from agcore.policy.base import OffersFittingJobs
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
from agcore.scheduler.outcomes import by_time, goes_on_later, state_after, stop_with_the_run
from agcore.scheduler.parts import LiveTrial, Parts
from agcore.scheduler.rewards import decision_on
from agcore.scheduler.starts import Launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.history import Trial
    from agcore.scheduler.settings import RunSettings

logger = logging.getLogger("agcore")


class Fold:
    """Applies events to the parts of a scheduler, and knows what is under way.

    Args:
        parts: Fresh ones, made with the arguments of the recorded run.
        settings: How the run goes on.

    Attributes:
        live: Trials that run or were cut off, in the order in which they were started last.
        cut_off: Those of them that were cut off and are to start again, in that order.
        unstarted: Trials that were proposed and have not started yet.
        unsettled: Trials that got a verdict which is not yet recorded and carried out.
        is_stopping: Whether a trial has reached ``max_reward``, so that all others end at their
            next report.
    """

    def __init__(self, parts: Parts, settings: RunSettings) -> None:
        self.live: dict[int, LiveTrial] = {}
        self.cut_off: dict[int, LiveTrial] = {}
        self.unstarted: dict[int, Trial] = {}
        self.unsettled: dict[int, Trial] = {}
        self.is_stopping = False
        self._parts = parts
        self._settings = settings
        self._verdicts: dict[int, tuple[Reported, Decision]] = {}
        self._decided: set[tuple[int, int]] = set()
        self._has_warned = False
        self._tell_of_brackets = bracket_lessons(parts.policy, parts.searcher)
        self._handlers: dict[type, Callable[[Any], None]] = {
            ConfigEnqueued: self._enqueued,
            TrialProposed: self._proposed,
            TrialStarted: self._started,
            Decided: self._was_decided,
            TrialEnded: self._ended,
        }

    def apply(self, event: Event) -> None:
        """Apply the next event.

        Raises:
            JournalError: It does not follow from those before it.
        """
        history = self._parts.history
        number = len(history.events) + 1
        try:
            if type(event) is Reported:
                self.report(event)
                return
            history.apply(event)
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)
        except (KeyError, AttributeError, ReportError, SpecError) as error:
            raise JournalError(
                f"event {number} of the journal does not follow from those before it: {event}"
            ) from error

    def report(self, event: Reported) -> Decision:
        """What is to happen to a trial that reports; `carry_out` does it.

        Raises:
            ReportError: The policy refuses the report; then nothing has changed.
        """
        parts, trial_id = self._parts, event.trial_id
        trial = parts.history.trials[trial_id]
        reading = parts.rewards.recall(event)
        decision = decision_on(parts.policy, trial_id, event.resource, reading)
        parts.rewards.accept(reading)
        parts.history.apply(event)
        parts.feed.on_report(trial, event, decision)
        self.is_stopping |= self._settings.is_enough(event.reward)
        if self.is_stopping and decision.action is not Action.STOP:
            decision = stop_with_the_run("max_reward")
        live = self.live.get(trial_id)
        if not self.is_stopping:
            milestone = None if live is None else live.milestone
            decision = by_time(parts.budget, event, milestone, decision)
        self._verdicts[trial_id] = (event, decision)
        if decision.action is not Action.CONTINUE or decision.standing is not None:
            self.unsettled[trial_id] = trial
        if live is not None and decision.next_milestone is not None:
            live.milestone = decision.next_milestone
        return decision

    def carry_out(self, trial: Trial) -> list[Event]:
        """What follows from a trial's last report and is not recorded yet; it is applied."""
        report, decision = self._verdicts.get(trial.trial_id, (None, None))
        if report is None or decision is None or trial.reports[-1] is not report:
            return []
        missing: list[Event] = []
        is_known = (trial.trial_id, report.resource) in self._decided
        if not is_known and (decision.standing or decision.action is not Action.CONTINUE):
            missing.append(Decided(trial.trial_id, report.time_s, report.resource, decision))
        if decision.action is not Action.CONTINUE:
            state = state_after(decision, report)
            missing.append(TrialEnded(trial.trial_id, report.time_s, state))
        for event in missing:
            self.apply(event)
        return missing

    def first_start(self, trial: Trial) -> Launch:
        """The first start of a trial that was proposed when the record ends."""
        # Asked in the same state the policy gives the answer that led to the proposal.
        policy = self._parts.policy
        wish = policy.next_job(0.0)
        if self._parts.budget is not None and isinstance(policy, OffersFittingJobs):
            # It may have been made because there was no time for a promotion.
            wish = policy.next_fitting_job(lambda job: isinstance(job, NewTrial))
        if not isinstance(wish, NewTrial) or wish.parent != trial.parent:
            wish = NewTrial(trial.bracket, parent=trial.parent)
        return Launch(LiveTrial(trial, milestone=wish.first_milestone), wish)

    # -- events ----------------------------------------------------------------------------

    def _enqueued(self, event: ConfigEnqueued) -> None:
        self._parts.proposals.restore(event.config)

    def _proposed(self, event: TrialProposed) -> None:
        searcher = self._parts.searcher
        self.unstarted[event.trial_id] = self._parts.history.trials[event.trial_id]
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
        trial_id = event.trial_id
        trial = self._parts.history.trials[trial_id]
        known = max(trial.resource, event.resume_from) if event.again else event.resume_from
        self.live.pop(trial_id, None)  # it comes last now
        self.cut_off.pop(trial_id, None)
        self.unstarted.pop(trial_id, None)
        self.unsettled.pop(trial_id, None)
        self.live[trial_id] = LiveTrial(trial, event.resume_from, known, event.milestone)
        self._verdicts.pop(trial_id, None)  # that of an earlier attempt is carried out
        if event.again:
            return  # the policy never knew that it was gone
        wish: NewTrial | ResumeTrial = NewTrial(
            trial.bracket, event.milestone, trial.parent, event.resume_from
        )
        if event.attempt and event.resume_from and event.milestone is not None:
            wish = ResumeTrial(
                trial_id, event.resume_from, event.milestone, trial.bracket, event.reason
            )
        self._parts.policy.on_start(trial_id, wish)

    def _was_decided(self, event: Decided) -> None:
        report, decision = self._verdicts[event.trial_id]
        self._decided.add((event.trial_id, event.resource))
        self._verdicts[event.trial_id] = (report, event.decision)
        if event.decision.action is Action.CONTINUE:
            self.unsettled.pop(event.trial_id, None)
        else:
            self.unsettled[event.trial_id] = self._parts.history.trials[event.trial_id]
        if decision.action is not event.decision.action and decision.standing is not None:
            self._warn("a decision comes out differently now; that of the journal is kept")

    def _ended(self, event: TrialEnded) -> None:
        trial_id = event.trial_id
        trial = self._parts.history.trials[trial_id]
        self.unsettled.pop(trial_id, None)
        if goes_on_later(trial, event.state, self._settings.max_retries):
            self.cut_off[trial_id] = self.live[trial_id]
            return
        for known in (self.live, self.cut_off, self._verdicts):
            known.pop(trial_id, None)
        self._parts.policy.on_exit(trial_id, event.state)
        self._parts.feed.on_exit(trial)

    def _warn(self, message: str) -> None:
        if not self._has_warned:
            logger.warning("resuming: %s", message)
        self._has_warned = True
