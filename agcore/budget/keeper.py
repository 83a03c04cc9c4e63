"""Keeps a run within its budget: what may start, what goes on, when the plan changes.

It is a fold over the events of the run: fed the same events it has the same plan and gives the same
answers, which is how a run that goes on takes the decisions of one that was never cut off. Its
rules:

* Nothing starts that is not expected to come to its next decision, or to its end, before the
  deadline. What is expected follows from the trial's own pace if it has one, else from the median.
* Unless the user has fixed them the plan chooses the epochs of a trial: with rungs, the highest
  rung; without, a number while the first trials are measured, which stays then. There, if the time
  left is too short for that many, the last trials get fewer, but at least a third.
* A trial that will not come to its next decision is stopped if another one would come as far in the
  time left, unless it is the best so far. Else it runs until the deadline; its reports count.
* A trial that has had its epochs goes on if nobody else could use its slot.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from agcore.budget.account import RunAccount
from agcore.budget.forecast import finish_quantiles
from agcore.budget.levers import Ladder, Levers, Setting, epoch_cost
from agcore.budget.pace import PaceBook
from agcore.budget.plan import DEFAULT_SPREAD, Plan, trial_lengths
from agcore.records import (
    Action,
    Decision,
    PlanChanged,
    Reported,
    ResumeTrial,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.budget.request import TimeBudget
    from agcore.policy.base import PolicyJob
    from agcore.policy.rungs import RungLevels
    from agcore.records import Event
    from agcore.space import SearchSpace

_MARGIN = 1.05
"""What is expected to take longer than the time left divided by this does not start."""

_HOPELESS = 1.1
"""A trial is not stopped before it is expected to need this many times the time left."""

_LEAST_PART = 3
"""A trial of less than one part in so many of the planned epochs is not worth starting."""

_FIRST_TRIALS = 4
"""So many trials, and one of each worker, have to be measured before a plan is settled."""

_MOVED_EARLY, _MOVED = 1.1, 1.25
"""Factor by which an estimate has moved when a new plan is made, before and after that."""

_GROWTH = 0.05
"""A plan that has too few trials gets at least so many more, as a share of those started."""

_MOST_FURTHER = 100_000
"""No plan has more trials to come: epochs may take no time that a clock sees."""

_MANY = 1000
"""Trials whose mean work is taken for that of one, where the better ones get further."""


class BudgetKeeper:
    """Says what a run with a time budget may do next.

    Args:
        events: Those of the run; somebody else adds to them.
        request: The budget.
        rungs: Those of the policy, None if it has none.
        epochs: Epochs of a full trial, None if nobody says.
        workers: Trials at once.
        space: What is searched.
        subset_ratio: Share of the data that trials train on.
        time_attr: The user's name of the resource, for reasons.

    Attributes:
        plan: The present one, None before the run has begun.
    """

    def __init__(
        self,
        events: Sequence[Event],
        request: TimeBudget,
        *,
        rungs: RungLevels | None = None,
        epochs: int | None = None,
        workers: int = 1,
        space: SearchSpace | None = None,
        subset_ratio: float = 1.0,
        time_attr: str = "epoch",
    ) -> None:
        self.plan: Plan | None = None
        self._events = events
        self._num_seen = 0
        self._request = request
        self._ladder = None if rungs is None else Ladder.of(rungs)
        self._epochs = epochs
        self._workers = workers
        self._num_parameters = 1 if space is None else max(1, len(space.names))
        self._most_trials = None if space is None else space.size
        self._subset_ratio = subset_ratio
        self._time_attr = time_attr
        expected_s = request.seconds_per_epoch
        if expected_s is not None:
            expected_s *= epoch_cost(subset_ratio, request.non_pure_train_ratio)
        self._paces = PaceBook(expected_s, DEFAULT_SPREAD)
        self._run = RunAccount(self._paces, epochs)
        self._planned_length: float | None = None
        self._due: list[tuple[str, Plan]] = []  # with what has moved

    # -- the fold --------------------------------------------------------------------------

    def look(self) -> None:
        """Take note of the events that have come in since the last time."""
        events, run = self._events, self._run
        while self._num_seen < len(events):
            event = events[self._num_seen]
            self._num_seen += 1
            limits = run.num_trials, run.deadline_s
            run.apply(event)
            if isinstance(event, (Reported, TrialEnded)):
                self._plan_if_moved()
            elif isinstance(event, TrialProposed):
                if self.plan is not None and run.num_started > self.plan.num_trials:
                    self._replan("there is time for more trials")
            elif isinstance(event, PlanChanged):
                self._plan_recorded(event)
            elif isinstance(event, RunStarted):
                self._replan("the run begins")
            elif isinstance(event, RunResumed) and limits != (run.num_trials, run.deadline_s):
                self._replan("the run goes on with other limits")

    def take_changes(self, time_s: float) -> list[PlanChanged]:
        """Plans that are in no record yet; whoever takes them records them now.

        Args:
            time_s: Now, in seconds since the epoch.
        """
        self.look()
        due, self._due = self._due, []
        return [PlanChanged(time_s, reason, plan.described()) for reason, plan in due]

    def _plan_recorded(self, event: PlanChanged) -> None:
        # The record counts, also where this version would plan otherwise.
        self._follow(Plan.of(event.plan))
        if self._due:
            self._due.pop(0)

    def _follow(self, plan: Plan) -> None:
        self.plan = plan
        self._run.last_epochs = plan.last_epochs

    # -- plans -----------------------------------------------------------------------------

    @property
    def _is_early(self) -> bool:
        """Whether too few trials are measured to settle a plan."""
        return self._paces.num_measured <= max(_FIRST_TRIALS, self._workers)

    @property
    def _moves_epochs(self) -> bool:
        """Whether the plan may choose the epochs of a trial at all."""
        return self._epochs is not None and self._request.epochs is None

    @property
    def _full_length(self) -> int | None:
        """Epochs of a trial that goes all the way, as planned."""
        return self._epochs if self.plan is None else self.plan.epochs

    def _plan_if_moved(self) -> None:
        """Make a new plan if estimates have moved from those of the present one."""
        pace = self._paces.seconds_per_epoch
        if self.plan is None or pace is None:
            return
        before = self.plan.seconds_per_epoch
        if before is None:
            self._replan("the first epoch has been measured")
            return
        limit = _MOVED_EARLY if self._is_early else _MOVED
        if not 1 / limit <= pace / before <= limit:
            text = f"the median {self._time_attr} takes {pace:.3g} s, not {before:.3g} s"
            self._replan(text)
            return
        length, known = self._run.length(self._full_length), self._planned_length
        if known and length and not 1 / _MOVED <= length / known <= _MOVED:
            text = f"trials end after {length:.3g} {self._time_attr}s, not {known:.3g}"
            self._replan(text)

    def _replan(self, reason: str) -> None:
        """Plan anew, and note that the plan is to be recorded."""
        plan = self._made()
        self._follow(plan)
        self._planned_length = self._run.length(self._full_length)
        self._due.append((reason, plan))

    def _made(self) -> Plan:
        """The plan that follows from what is known now."""
        run, epochs = self._run, self._planned_epochs()
        num_trials = run.num_trials
        if num_trials is None:
            num_trials = max(run.num_started + self._further(epochs), 1)
        ladder = self._ladder_to(epochs)
        finish = self._finish(ladder, max(num_trials - run.num_started, 0))
        fixed = {
            "num_trials": run.num_trials is not None,
            "epochs": epochs is not None and not self._moves_epochs,
            "subset_ratio": self._request.subset_ratio is not None,
            "rungs": self._ladder is not None,
        }
        return Plan(
            budget_s=run.deadline_s,
            budget_epochs=None,
            workers=self._workers,
            num_trials=num_trials,
            epochs=epochs,
            rungs=tuple(zip(ladder.levels, ladder.reached(num_trials), strict=True)),
            subset_ratio=self._subset_ratio,
            cost_epochs=None,
            seconds_per_epoch=self._paces.seconds_per_epoch,
            spread=self._paces.spread,
            finish_p50_s=finish[0],
            finish_p95_s=finish[1],
            fixed=tuple(name for name, is_fixed in fixed.items() if is_fixed),
        )

    def _planned_epochs(self) -> int | None:
        """Epochs of a trial that goes all the way."""
        pace, deadline_s = self._paces.seconds_per_epoch, self._run.deadline_s
        if self._epochs is None or not self._moves_epochs:
            return self._request.epochs or self._epochs
        if pace is None or deadline_s is None:
            return self._epochs
        # Trials that meet at rungs can be compared whatever the highest one is.
        is_settled = self._ladder is None and not self._is_early
        if is_settled and self.plan is not None and self.plan.epochs is not None:
            return self.plan.epochs
        return self._levers(self._epochs).best_within(deadline_s / pace).epochs

    def _levers(self, epochs: int) -> Levers:
        num_trials = self._run.num_trials
        choices = range(1, epochs + 1) if self._ladder is None else self._ladder.levels
        return Levers(
            workers=self._workers,
            num_parameters=self._num_parameters,
            full_epochs=epochs,
            epoch_choices=choices,
            ladder_for=self._ladder_to,
            has_rungs=self._ladder is not None,
            non_pure_train_ratio=0.0,
            first=Setting(num_trials or 1, choices[0], 1.0),
            fixed=frozenset(() if num_trials is None else ("num_trials",)),
            most_trials=self._most_trials,
        )

    def _ladder_to(self, epochs: int | None) -> Ladder:
        """The rungs of trials of a length."""
        if self._ladder is None or epochs is None:
            return Ladder((epochs or 1,))
        return self._ladder.up_to(epochs)

    def _further(self, epochs: int | None) -> int:
        """How many more trials the time left has room for."""
        run, pace = self._run, self._paces.seconds_per_epoch
        work = run.length(epochs)
        if run.deadline_s is None or work is None or pace is None:
            return max(self._workers - run.num_started, 0)
        if self._ladder is not None:
            work = self._ladder_to(epochs).work(_MANY) / _MANY
        left_s = run.deadline_s - run.alive_s
        loads_s = run.loads_s(self._workers, epochs)
        free_s = sum(max(left_s - busy_s, 0.0) for busy_s in loads_s)
        mean_s = pace * math.exp(self._paces.spread**2 / 2)  # of a log-normal
        further = min(int(free_s / (self._paces.startup_s + work * mean_s)), _MOST_FURTHER)
        if self.plan is not None and run.num_started > self.plan.num_trials:
            further = max(further, math.ceil(_GROWTH * run.num_started))
        if self._most_trials is not None:
            further = min(further, max(self._most_trials - run.num_started, 0))
        return further

    def _finish(self, ladder: Ladder, further: int) -> tuple[float | None, float | None]:
        """When so many more trials will be done, as p50 and p95."""
        pace, alive_s = self._paces.seconds_per_epoch, self._run.alive_s
        if pace is None:
            return None, None
        half_s, late_s = finish_quantiles(
            trial_lengths(tuple(zip(ladder.levels, ladder.reached(further), strict=True))),
            seconds_per_epoch=pace,
            spread=self._paces.spread,
            loads_s=self._run.loads_s(self._workers, ladder.levels[-1]),
            startup_s=self._paces.startup_s,
        )
        return alive_s + half_s, alive_s + late_s

    # -- questions -------------------------------------------------------------------------

    def may_start(self, job: PolicyJob, alive_s: float) -> bool:
        """Whether a job is expected to come to its next decision, or its end, in time.

        The plan may change for it: the last trials may get fewer epochs.

        Args:
            job: What the policy wants started.
            alive_s: Seconds that the run has been alive.
        """
        self.look()
        if self._run.deadline_s is None:
            return True
        left_s = self._run.deadline_s - round(alive_s, 6)  # as exact as the record
        if isinstance(job, ResumeTrial):
            return self._fits_again(job, left_s)
        if self._paces.seconds_per_epoch is None:
            return True
        if job.first_milestone is not None:
            return self._fits(job.first_milestone, left_s)
        full = self._full_length
        epochs = None if self._fits(full, left_s) else self._shorter(left_s)
        if epochs is None and not self._fits(full, left_s):
            return False
        self._give_last(epochs)
        return True

    def _fits_again(self, job: ResumeTrial, left_s: float) -> bool:
        pace = self._paces.pace_of(job.trial_id)
        if pace is None:
            return True
        epochs = job.milestone - job.resume_from + self._paces.repeats * job.resume_from
        return _MARGIN * (self._paces.startup_s + epochs * pace) <= left_s

    def _fits(self, epochs: int | None, left_s: float) -> bool:
        """Whether a new trial of so many epochs, or of the length of others, is done in time."""
        length, pace = self._run.length(epochs), self._paces.seconds_per_epoch
        if length is None or pace is None:
            return left_s > 0
        return _MARGIN * (self._paces.startup_s + length * pace) <= left_s

    def _shorter(self, left_s: float) -> int | None:
        """The epochs that the time left has room for; None if a trial is not worth that."""
        pace, full = self._paces.seconds_per_epoch, self._full_length
        if self._ladder is not None or not self._moves_epochs or pace is None or full is None:
            return None
        room = int((left_s / _MARGIN - self._paces.startup_s) / pace)
        return min(room, full) if room >= math.ceil(full / _LEAST_PART) else None

    def _give_last(self, epochs: int | None) -> None:
        """Let trials that start from now on have fewer epochs, or again all."""
        if self.plan is None or self.plan.last_epochs == epochs:
            return
        plan = replace(self.plan, last_epochs=epochs)
        self._follow(plan)
        reason = "the time left has room for trials of full length again"
        if epochs is not None:
            reason = f"the time left has room for trials of {epochs} {self._time_attr}s only"
        self._due.append((reason, plan))

    def _others_to_come(self) -> bool:
        """Whether there are trials that could use a slot."""
        limits = [n for n in (self._run.num_trials, self._most_trials) if n is not None]
        return all(self._run.num_started < limit for limit in limits)

    def verdict(
        self, trial_id: int, resource: int, milestone: int | None, decision: Decision
    ) -> Decision:
        """The policy's decision, unless the budget wants the trial to end.

        To be asked when its report is the last event.

        Args:
            trial_id: The trial that has reported.
            resource: Up to where it has come.
            milestone: Resource of its next decision, None without any.
            decision: The policy's.
        """
        self.look()
        run, pace, full = self._run, self._paces.pace_of(trial_id), self._full_length
        if decision.action is not Action.CONTINUE or run.deadline_s is None or pace is None:
            return decision
        left_s = run.deadline_s - run.alive_s
        goal = milestone or run.goal_of(trial_id) or full
        limit = goal if milestone is None else full
        if goal is None or limit is None:
            return decision
        if resource >= limit:
            return self._at_its_end(resource, left_s, decision)
        needed_s = (goal - resource) * pace
        if needed_s <= _HOPELESS * left_s or run.best_id == trial_id:
            return decision
        if not (self._others_to_come() and self._fits(goal, left_s)):
            return decision
        return _ended(
            decision,
            f"it would come to {self._time_attr}={goal} in {needed_s:.3g} s, but the time budget "
            f"ends in {left_s:.3g} s, and another trial would come as far",
        )

    def _at_its_end(self, resource: int, left_s: float, decision: Decision) -> Decision:
        """The decision on a trial that has had its epochs."""
        if self._epochs is not None and resource >= self._epochs:
            return decision
        if self._ladder is not None:
            may_use = decision.standing is not None and self._fits(self._ladder.levels[0], left_s)
        else:
            may_use = self._fits(self._full_length, left_s) or self._shorter(left_s) is not None
        if self._moves_epochs and not (self._others_to_come() and may_use):
            return decision
        reason = f"the time budget gives it {resource} {self._time_attr}s"
        return _ended(decision, reason, completed=True)


def _ended(decision: Decision, reason: str, *, completed: bool = False) -> Decision:
    """The end of a trial that its policy would have gone on with."""
    if decision.standing is not None:  # said after what the rung says
        reason = f"{decision.reason}; {reason}"
    return Decision(Action.STOP, reason, completed, decision.standing)
