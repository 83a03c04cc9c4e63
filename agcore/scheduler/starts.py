"""Which attempt starts next: the policy's wish, with a config where it wants a new trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agcore.jobs import Job, Resume, Start
from agcore.records import Event, NewTrial, ResumeTrial, SuggestRequest, TrialProposed
from agcore.scheduler.parts import LiveTrial, Parts
from agcore.scheduler.seeds import trial_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agcore.scheduler.settings import Limits, RunSettings


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt that is ready to start.

    Attributes:
        job: For the executor.
        live: For the loop.
        wish: What the policy asked for; None if it knows the trial to run already.
        reason: Why a trial goes on; empty for a new one.
    """

    job: Job
    live: LiveTrial
    wish: NewTrial | ResumeTrial | None
    reason: str = ""

    def announcement(self) -> str:
        """One line for the log."""
        trial, live = self.live.trial, self.live
        until = f" up to {live.milestone}" if live.milestone is not None else ""
        if self.reason:
            return f"trial {trial.trial_id} resumes from {live.resume_from}{until}: {self.reason}"
        values = ", ".join(f"{key}={value!r}" for key, value in trial.config.items())
        return f"trial {trial.trial_id} starts{until} ({trial.origin}): {values}"


class Starts:
    """Makes the next attempt on demand.

    Args:
        parts: Policy, proposals and history.
        settings: For the seed.
        limits: For the number of trials.
        record: Takes the events of new trials.
        again: Trials that ran when an earlier session was cut off; they start first.
    """

    def __init__(
        self,
        parts: Parts,
        settings: RunSettings,
        limits: Limits,
        record: Callable[[Event], None],
        again: list[Launch],
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._limits = limits
        self._record = record
        self._again = again

    def next(self, running: Iterable[LiveTrial], elapsed_s: float) -> Launch | None:
        """What to start in a free slot, or None to leave it free."""
        if self._again:
            return self._again.pop(0)
        policy = self._parts.policy
        wish = policy.next_job(elapsed_s, allow_new=self._may_start_new())
        if isinstance(wish, NewTrial):
            launch = self._new_trial(wish, running, elapsed_s)
            if launch is not None:
                return launch
            # There is no config left to try, but a paused trial may still be promoted.
            wish = policy.next_job(elapsed_s, allow_new=False)
        return self._resumed_trial(wish) if isinstance(wish, ResumeTrial) else None

    def prepare_ahead(self, running: Iterable[LiveTrial], elapsed_s: float) -> None:
        """Find the config of the next new trial while all slots are taken."""
        wish = self._parts.policy.next_job(elapsed_s, allow_new=self._may_start_new())
        if isinstance(wish, NewTrial):
            self._parts.proposals.prepare(self._request(wish, running, elapsed_s))

    def _may_start_new(self) -> bool:
        limit = self._limits.num_trials
        within = limit is None or len(self._parts.history.trials) < limit
        return within and not self._parts.proposals.exhausted

    def _request(
        self, wish: NewTrial, running: Iterable[LiveTrial], elapsed_s: float
    ) -> SuggestRequest:
        pending = tuple(self._parts.feed.pending(live.trial, live.milestone) for live in running)
        draw = len(self._parts.history.trials)
        return SuggestRequest(draw, pending, wish.bracket, wish.first_milestone, elapsed_s)

    def _new_trial(
        self, wish: NewTrial, running: Iterable[LiveTrial], elapsed_s: float
    ) -> Launch | None:
        """A trial with a new config; None if there is no config left."""
        clock, history = self._parts.clock, self._parts.history
        trial_id = len(history.trials)
        began_s = clock.monotonic_s()
        suggestion = self._parts.proposals.next(self._request(wish, running, elapsed_s))
        if suggestion is None:
            return None
        self._record(
            TrialProposed(
                trial_id,
                clock.now_s(),
                suggestion.config,
                suggestion.origin,
                wish.bracket,
                suggestion.why,
                clock.monotonic_s() - began_s,
            )
        )
        job = Start(trial_id, suggestion.config, trial_seed(self._settings.seed, trial_id))
        live = LiveTrial(history.trials[trial_id], milestone=wish.first_milestone)
        return Launch(job, live, wish)

    def _resumed_trial(self, wish: ResumeTrial) -> Launch:
        trial = self._parts.history.trials[wish.trial_id]
        seed = trial_seed(self._settings.seed, wish.trial_id)
        job = Resume(
            wish.trial_id, trial.config, seed, trial.attempts, wish.resume_from, wish.milestone
        )
        live = LiveTrial(trial, wish.resume_from, wish.milestone)
        return Launch(job, live, wish, wish.reason)
