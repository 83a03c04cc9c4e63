"""Which attempt starts next: the policy's wish, with a config where it wants a new trial."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

from agcore.jobs import Job, Resume, Start
from agcore.policy.base import OffersFittingJobs
from agcore.records import (
    ConfigEnqueued,
    Event,
    NewTrial,
    Pending,
    ResumeTrial,
    SuggestRequest,
    TrialProposed,
    TrialStarted,
)
from agcore.scheduler.brackets import bracket_lessons
from agcore.scheduler.copies import COPY_ORIGIN, Copies
from agcore.scheduler.parts import LiveTrial, Parts
from agcore.scheduler.seeds import trial_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agcore.history import Trial
    from agcore.policy.base import PolicyJob
    from agcore.scheduler.settings import Limits, RunSettings


logger = logging.getLogger("agcore")


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt that is ready to start.

    Attributes:
        live: The trial.
        wish: What the policy asked for; None if it knows the trial to run already.
        reason: Why a trial goes on; empty for a new one.
    """

    live: LiveTrial
    wish: NewTrial | ResumeTrial | None
    reason: str = ""

    def started(self, time_s: float) -> TrialStarted:
        """The event that the attempt has started."""
        trial, live, wish = self.live.trial, self.live, self.wish
        parent = wish.parent if isinstance(wish, NewTrial) and live.resume_from else None
        return TrialStarted(
            trial.trial_id,
            time_s,
            trial.attempts,
            live.resume_from,
            live.milestone,
            self.reason,
            again=wish is None,
            parent=parent,
        )

    def announcement(self) -> str:
        """One line for the log."""
        trial, live = self.live.trial, self.live
        until = f" up to {live.milestone}" if live.milestone is not None else ""
        if self.reason:
            verb = "starts again" if self.wish is None else f"resumes from {live.resume_from}"
            if isinstance(self.wish, NewTrial):
                verb = f"starts from {live.resume_from}"
            return f"trial {trial.trial_id} {verb}{until}: {self.reason}"
        values = ", ".join(f"{key}={value!r}" for key, value in trial.config.items())
        return f"trial {trial.trial_id} starts{until} ({trial.origin}): {values}"


CUT_OFF = "it was running when the run was cut off"


def start_again(trial: Trial, resume_from: int, milestone: int | None, reason: str) -> Launch:
    """Another attempt in the place of one that was cut off.

    Args:
        trial: The trial.
        resume_from: As in the attempt that was cut off.
        milestone: Resource of its next decision.
        reason: Why it is cut off no more.
    """
    known = max(trial.resource, resume_from)
    return Launch(LiveTrial(trial, resume_from, known, milestone), None, reason)


class PendingTrials(Sequence[Pending]):
    """What running trials will bring next, found out when it is read for the first time.

    With a thousand workers it would else be most of what a random proposal costs.

    Args:
        find: Finds it out.
    """

    def __init__(self, find: Callable[[], tuple[Pending, ...]]) -> None:
        self._find = find

    @cached_property
    def _found(self) -> tuple[Pending, ...]:
        return self._find()

    @overload
    def __getitem__(self, index: int) -> Pending: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Pending, ...]: ...

    def __getitem__(self, index: int | slice) -> Pending | tuple[Pending, ...]:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(self._found)


class Starts:
    """Makes the next attempt on demand.

    Args:
        parts: Policy, proposals and history.
        settings: For the seed.
        limits: For the number of trials.
        record: Takes the events of new trials.
        again: Trials that ran when an earlier session was cut off; they start first.

    Attributes:
        refusal: Why something did not start though there was a slot; empty if nothing was refused.
    """

    def __init__(
        self,
        parts: Parts,
        settings: RunSettings,
        limits: Limits,
        record: Callable[[Event], None],
        again: Iterable[Launch],
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._limits = limits
        self._record = record
        self._again = deque(again)
        self.refusal = ""
        self._copies = Copies(parts, settings.time_attr)
        self._tell_of_brackets = bracket_lessons(parts.policy, parts.searcher)

    def next(self, running: Iterable[LiveTrial], elapsed_s: float) -> Launch | None:
        """What to start in a free slot, or None to leave it free."""
        if self._again:
            return self._again.popleft()
        policy = self._parts.policy
        wish = self._wish(elapsed_s)
        if isinstance(wish, NewTrial) and wish.parent is not None:
            return self._copy(wish, wish.parent)
        if isinstance(wish, NewTrial):
            launch = self._new_trial(wish, running, elapsed_s)
            if launch is not None:
                return launch
            # There is no config left to try, but a paused trial may still be promoted.
            wish = self._affordable(policy.next_job(elapsed_s, allow_new=False), False, elapsed_s)
        return self._resumed_trial(wish) if isinstance(wish, ResumeTrial) else None

    def _wish(self, elapsed_s: float) -> NewTrial | ResumeTrial | None:
        policy = self._parts.policy
        self._tell_of_brackets()
        if self._is_below_limit and self._parts.proposals.exhausted:
            wish = policy.next_job(elapsed_s)
            if isinstance(wish, NewTrial) and wish.parent is not None:
                return wish  # its config is nobody's proposal
        allow_new = self._may_start_new()
        return self._affordable(
            policy.next_job(elapsed_s, allow_new=allow_new), allow_new, elapsed_s
        )

    def _affordable(
        self, wish: PolicyJob | None, allow_new: bool, elapsed_s: float
    ) -> PolicyJob | None:
        """The wish if the time budget has room for it, else another one that it has room for."""
        budget, policy = self._parts.budget, self._parts.policy
        if budget is None or wish is None:
            return wish

        def fits(job: PolicyJob) -> bool:
            return budget.may_start(job, elapsed_s)

        job: PolicyJob | None = wish
        if isinstance(policy, OffersFittingJobs):
            job = policy.next_fitting_job(fits, allow_new=allow_new)
        elif not fits(wish):
            job = None
        refused = "time_budget: nothing that would end in time is left to start"
        self.refusal = refused if job is None else ""
        self.note_plans()
        return job

    def note_plans(self) -> None:
        """Record what the time budget has planned since the last time."""
        if self._parts.budget is None:
            return
        for change in self._parts.budget.take_changes(self._parts.clock.now_s()):
            self._record(change)
            logger.info("the plan changes: %s\n%s", change.reason, self._parts.budget.plan)

    def retry(self, launch: Launch) -> None:
        """Have an attempt start in the next free slot."""
        self._again.append(launch)

    def is_behind(self, is_stopping: bool) -> bool:
        """Whether trials have to start again only to be stopped at their next report.

        Without the crash that has cut them off they would have gone so far.
        """
        return is_stopping and bool(self._again)

    def take_rest(self) -> list[Launch]:
        """What was to start again and did not, because the run has come to its end."""
        rest = list(self._again)
        self._again.clear()
        return rest

    def job(self, live: LiveTrial) -> Job:
        """What the executor gets: where the trial goes on, and from which of its files."""
        trial = live.trial
        seed = trial_seed(self._settings.seed, trial.trial_id)
        first = trial.trial_id, trial.config, seed, trial.attempts
        checkpoint = self._parts.checkpoints.latest(trial)
        if checkpoint is not None:
            return Resume(*first, checkpoint.resource, live.milestone, str(checkpoint.path))
        # Its checkpoints were deleted or have gone with their temporary folder: it starts over.
        has_lost_files = any(report.checkpoint_bytes is not None for report in trial.reports) or (
            trial.begin > 0 and not self._copies.need_no_files
        )
        if live.resume_from and not has_lost_files:
            return Resume(*first, live.resume_from, live.milestone)
        return Start(*first)

    def prepare_ahead(self, running: Iterable[LiveTrial], elapsed_s: float) -> None:
        """Find the config of the next new trial while all slots are taken."""
        wish = self._wish(elapsed_s)
        if isinstance(wish, NewTrial) and wish.parent is None:
            self._parts.proposals.prepare(self._request(wish, running, elapsed_s))

    def _may_start_new(self) -> bool:
        return self._is_below_limit and not self._parts.proposals.exhausted

    @property
    def _is_below_limit(self) -> bool:
        limit = self._limits.num_trials
        return limit is None or len(self._parts.history.trials) < limit

    def _request(
        self, wish: NewTrial, running: Iterable[LiveTrial], elapsed_s: float
    ) -> SuggestRequest:
        look_ahead = self._parts.feed.pending
        pending = PendingTrials(
            lambda: tuple(look_ahead(live.trial, live.milestone) for live in running)
        )
        draw = len(self._parts.history.trials)
        return SuggestRequest(draw, pending, wish.bracket, wish.first_milestone, elapsed_s)

    def _new_trial(
        self, wish: NewTrial, running: Iterable[LiveTrial], elapsed_s: float
    ) -> Launch | None:
        """A trial with a new config; None if there is no config left."""
        clock, history = self._parts.clock, self._parts.history
        self.note_enqueued()
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
                round(clock.monotonic_s() - began_s, 6),
            )
        )
        return Launch(LiveTrial(history.trials[trial_id], milestone=wish.first_milestone), wish)

    def _copy(self, wish: NewTrial, parent_id: int) -> Launch:
        """A trial whose config is made of its parent's; `ready` says where it begins."""
        clock, history = self._parts.clock, self._parts.history
        trial_id = len(history.trials)
        began_s = clock.monotonic_s()
        config = self._copies.config(history.trials[parent_id], trial_id)
        self._record(
            TrialProposed(
                trial_id,
                clock.now_s(),
                config,
                COPY_ORIGIN,
                wish.bracket,
                suggest_s=round(clock.monotonic_s() - began_s, 6),
                parent=parent_id,
            )
        )
        self._parts.searcher.exclude(config)
        return Launch(LiveTrial(history.trials[trial_id]), wish)

    def ready(self, launch: Launch) -> Launch:
        """The launch, that of a copy with the place from which its training goes on."""
        wish = launch.wish
        if not isinstance(wish, NewTrial) or wish.parent is None:
            return launch
        trial = launch.live.trial
        wish, reason = self._copies.ready(wish, trial, self._parts.history.trials[wish.parent])
        begin = wish.resume_from
        return Launch(LiveTrial(trial, begin, begin, wish.first_milestone), wish, reason)

    def note_enqueued(self) -> None:
        """Record configs that the user has enqueued since the last time."""
        for config in self._parts.proposals.take_unrecorded():
            self._record(ConfigEnqueued(self._parts.clock.now_s(), config))

    def _resumed_trial(self, wish: ResumeTrial) -> Launch:
        trial = self._parts.history.trials[wish.trial_id]
        live = LiveTrial(trial, wish.resume_from, wish.resume_from, wish.milestone)
        return Launch(live, wish, wish.reason)
