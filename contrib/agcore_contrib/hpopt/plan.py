"""Auto Config: how many trials, for how many epochs, on which share of the data.

One epoch on a share s of the data costs c(s) = (1 - p) s + p full epochs, where p is the share of
an epoch that does not shrink, as validation. Costs are in units of the final training of E epochs.
The budget is R - 1: with ``expected_time_ratio`` R search and final training take R times as long
as the final training alone.

Bayesian optimisation begins with a cheap configuration and raises what is least developed: the
share of the data s, the epochs 3 m / E, or the trials n / (20 W H), for W workers and H
hyperparameters. ASHA takes as many trials as fit into four fifths of the budget. Neither moves what
the user has set, and the last configuration within the budget is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from agcore.errors import SpecError
from agcore.policy import HyperbandPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIN_SUBSET_SIZE = 500
"""Samples that a share of the data holds at least, if there are so many."""
EPOCH_WEIGHT = 3
"""How much sooner epochs count as developed than the share of the data."""
_START_RATIO, _START_EPOCHS, _START_TRIALS = 0.2, 2, 10
_MAX_TRIALS_PER_LEVER = 20
_GROWTH = 1.05
_ASHA_SHARE = 0.8
"""Of the budget that is planned; promotions that turn out wrong need the rest."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Task:
    """What is planned for.

    Attributes:
        num_samples: Size of the training data; 0 if unknown.
        num_epochs: Of the final training, E.
        num_parameters: Hyperparameters that are searched, H.
        time_ratio: R.
        fixed_ratio: p.
        num_workers: W.
    """

    num_samples: int
    num_epochs: int
    num_parameters: int
    time_ratio: float
    fixed_ratio: float = 0.2
    num_workers: int = 1

    @property
    def budget(self) -> float:
        """What the search may cost, in final trainings."""
        return self.time_ratio - 1

    def epoch_cost(self, subset_ratio: float) -> float:
        """c(s): the cost of an epoch on a share of the data, in full epochs."""
        return (1 - self.fixed_ratio) * subset_ratio + self.fixed_ratio

    def budget_epochs(self, subset_ratio: float, num_workers: int = 1) -> int:
        """Epochs on a share of the data that the budget holds."""
        epochs = self.budget * self.num_epochs * num_workers / self.epoch_cost(subset_ratio)
        return math.floor(epochs * (1 + _ROUNDING))

    def floored(self, subset_ratio: float) -> float:
        """A share raised so that it holds `MIN_SUBSET_SIZE` samples, if there are so many."""
        if self.num_samples <= MIN_SUBSET_SIZE:
            return 1.0
        if self.num_samples * subset_ratio >= MIN_SUBSET_SIZE:
            return subset_ratio
        least = MIN_SUBSET_SIZE / self.num_samples
        while int(least * self.num_samples) < MIN_SUBSET_SIZE:  # by rounding
            least = math.nextafter(least, 1.0)
        return least

    def check_budget(self) -> None:
        """Check that there is a budget.

        Raises:
            SpecError: R is at most 1.
        """
        if self.budget <= 0:
            raise SpecError(
                f"expected_time_ratio={self.time_ratio!r} must be above 1: it is the time of "
                "search and final training in units of the final training; pass 2 to search for as "
                "long as the training takes, or set num_trials, max_iterations and subset_ratio"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration of the search.

    Attributes:
        num_trials: n.
        max_iterations: Epochs of a trial, m.
        subset_ratio: Share of the data, s.
        num_epochs: Epochs that all trials together are expected to take.
    """

    num_trials: int
    max_iterations: int
    subset_ratio: float
    num_epochs: int = 0

    def cost(self, task: Task) -> float:
        """T = n (m / E) c(s), in final trainings."""
        share = self.max_iterations / task.num_epochs
        return self.num_trials * share * task.epoch_cost(self.subset_ratio)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user has set; None is to be planned.

    Attributes:
        num_trials: As for `Plan`, like the others.
    """

    num_trials: int | None = None
    max_iterations: int | None = None
    subset_ratio: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be planned."""
        return None not in (self.num_trials, self.max_iterations, self.subset_ratio)

    def ratio(self, task: Task) -> float:
        """The share of the data to begin with; none that was set holds too few samples either."""
        if self.subset_ratio is None:
            return task.floored(_START_RATIO) if task.num_samples else 1.0
        return task.floored(self.subset_ratio) if task.num_samples else self.subset_ratio

    def said(self) -> str:
        """What is set, in words."""
        names = ("num_trials", "max_iterations", "subset_ratio")
        given = [f"{name}={getattr(self, name)!r}" for name in names if getattr(self, name)]
        return ", ".join(given) or "one trial"


def smbo_plan(task: Task, wishes: Wishes) -> Plan:
    """The configuration for Bayesian optimisation, within the budget unless all of it is set.

    Raises:
        SpecError: There is no budget, or what is set exceeds it.
    """
    if wishes.is_complete:
        return _counted(beginning(task, wishes))
    task.check_budget()
    plan = _shrunk(beginning(task, wishes), task, wishes)
    if plan.cost(task) > task.budget * (1 + _ROUNDING):
        raise _too_much(wishes, plan.cost(task), task)
    for larger in growth(plan, task, wishes):
        if larger.cost(task) > task.budget * (1 + _ROUNDING):
            break
        plan = larger
    return _counted(plan)


def growth(
    plan: Plan, task: Task, wishes: Wishes, epoch_weight: float = EPOCH_WEIGHT
) -> Iterator[Plan]:
    """Ever larger configurations, until nothing that is not set can grow.

    Args:
        plan: Where to begin; not repeated.
        task: What is planned for.
        wishes: What stays.
        epoch_weight: How much sooner epochs count as developed than the share of the data.
    """
    most_trials = _MAX_TRIALS_PER_LEVER * task.num_workers * task.num_parameters
    while True:
        ratio = epochs = trials = math.inf  # what cannot grow is never the least developed
        if wishes.subset_ratio is None and plan.subset_ratio < 1:
            ratio = plan.subset_ratio
        if wishes.max_iterations is None and plan.max_iterations < task.num_epochs:
            epochs = epoch_weight * (plan.max_iterations / task.num_epochs)
        if wishes.num_trials is None and plan.num_trials < most_trials:
            trials = plan.num_trials / most_trials
        if ratio < math.inf and ratio <= epochs and ratio < trials:
            plan = replace(plan, subset_ratio=min(1.0, _GROWTH * plan.subset_ratio))
        elif epochs < math.inf and epochs <= ratio and epochs < trials:
            plan = replace(plan, max_iterations=plan.max_iterations + 1)
        elif trials < math.inf:
            plan = replace(plan, num_trials=plan.num_trials + 1)
        else:
            return
        yield plan


def beginning(task: Task, wishes: Wishes) -> Plan:
    """The cheap configuration that Bayesian optimisation begins with."""
    return Plan(
        wishes.num_trials or _START_TRIALS,
        wishes.max_iterations or min(_START_EPOCHS, task.num_epochs),
        wishes.ratio(task),
    )


def _shrunk(plan: Plan, task: Task, wishes: Wishes) -> Plan:
    """Fewer trials, then fewer epochs, where even the cheap beginning exceeds the budget."""
    epochs = task.budget_epochs(plan.subset_ratio)
    if wishes.num_trials is None:
        affordable = max(1, epochs // plan.max_iterations)
        plan = replace(plan, num_trials=min(plan.num_trials, affordable))
    if wishes.max_iterations is None:
        affordable = max(1, epochs // plan.num_trials)
        plan = replace(plan, max_iterations=min(plan.max_iterations, affordable))
    return plan


def _too_much(wishes: Wishes, cost: float, task: Task) -> SpecError:
    return SpecError(
        f"{wishes.said()} costs {cost:.3g} final trainings, and expected_time_ratio="
        f"{task.time_ratio!r} leaves {task.budget:.3g}; raise it, or set smaller values"
    )


def _counted(plan: Plan) -> Plan:
    return replace(plan, num_epochs=plan.num_trials * plan.max_iterations)


# -- ASHA ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tournament:
    """The rungs of ASHA.

    Attributes:
        min_iterations: Epochs of the first rung.
        reduction_factor: One in so many goes on at each rung.
        num_brackets: Sets of rungs; bracket s leaves out the s lowest.
    """

    min_iterations: int = 1
    reduction_factor: int = 2
    num_brackets: int = 1

    def brackets(self, max_iterations: int) -> list[tuple[int, ...]]:
        """Milestones of each bracket, ascending, ``max_iterations`` the last."""
        if self.min_iterations >= max_iterations:
            return [(max_iterations,)]
        policy = self._policy(max_iterations)
        firsts = policy.bracket_first_milestones
        return [tuple(t for t in policy.milestones if t >= first) for first in firsts]

    def shares(self, max_iterations: int) -> Sequence[float]:
        """Share of the trials that each bracket gets."""
        if self.min_iterations >= max_iterations:
            return (1.0,)
        return self._policy(max_iterations).bracket_shares

    def _policy(self, max_iterations: int) -> HyperbandPolicy:
        return HyperbandPolicy(
            max_iterations,
            type="promotion",
            grace_period=self.min_iterations,
            reduction_factor=self.reduction_factor,
            brackets=self.num_brackets,
        )

    def total_epochs(self, num_trials: int, max_iterations: int) -> int:
        """Epochs of all trials, if those that go on need not begin anew."""
        milestones = self.brackets(max_iterations)
        counts = [math.floor(num_trials * share) for share in self.shares(max_iterations)]
        counts[0] += num_trials - sum(counts)
        return sum(map(self._epochs_of, counts, milestones))

    def _epochs_of(self, count: int, milestones: tuple[int, ...]) -> int:
        epochs = count * milestones[0]
        for below, above in pairwise(milestones):
            count //= self.reduction_factor
            epochs += count * (above - below)
        return epochs


def asha_plan(task: Task, wishes: Wishes, tournament: Tournament) -> Plan:
    """The configuration for ASHA, within the budget unless all of it is set.

    Raises:
        SpecError: There is no budget, or what is set exceeds it.
    """
    ratio, most = wishes.ratio(task), wishes.max_iterations or task.num_epochs

    def plan_of(num_trials: int) -> Plan:
        return Plan(num_trials, most, ratio, tournament.total_epochs(num_trials, most))

    if wishes.is_complete:
        return plan_of(wishes.num_trials or 1)
    task.check_budget()
    if wishes.num_trials is not None:
        plan, budget = plan_of(wishes.num_trials), task.budget
    else:
        plan, budget = plan_of(1), _ASHA_SHARE * task.budget
        while (larger := plan_of(plan.num_trials + 1)) and asha_cost(larger, task) <= budget:
            plan = larger
    if asha_cost(plan, task) > task.budget * (1 + _ROUNDING):
        raise _too_much(wishes, asha_cost(plan, task), task)
    return plan


def asha_cost(plan: Plan, task: Task) -> float:
    """(total / E) / W c(s), in final trainings."""
    trainings = plan.num_epochs / task.num_epochs / task.num_workers
    return trainings * task.epoch_cost(plan.subset_ratio)
