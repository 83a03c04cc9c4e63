"""PASHA: asynchronous successive halving whose largest resource grows only if it has to.

There are rungs at r_0 < r_1 < ... as for one bracket of promotion (rungs.py), but no trial goes
beyond the *top* rung, which is r_1 at first. Each time a trial arrives at the top, the trials there
are ranked by their rewards at the top and by those at the rung below. If the rankings agree, a
larger resource would tell nothing new. If they do not, the next rung becomes the top, up to
``max_t``, and the best of the old top may go on to it.

Rankings are *soft*: at the rung below, trials whose rewards differ by no more than epsilon count as
equal. They agree if for every place i the trial that is i-th at the top is, at the rung below,
equal to the trial that is i-th there. Of equal rewards at the top, the one that was better below
ranks first. Trials that have diverged are not ranked.

epsilon is estimated from the noise of the learning curves: two trials at the top whose order has
changed at least twice (one better, then the other, then the first again) cannot be told apart, so
the difference of their rewards at the top is noise. epsilon is a percentile of these differences.
It is 0 before there are any; when the top moves up, the last estimate stays until there are some at
the new top.

Here is a bound that the paper has not: an arrival is compared with the 128 that came to the top
just before it, and once there are more than 128, rankings are compared not at every arrival, but
whenever there are 1/32 more. So many trials only wait a little for the top to move up, and the cost
of a decision does not grow with the trials that are at the top.

Source: Bohdal et al., "PASHA: Efficient HPO and NAS with Progressive Resource Allocation" (2023),
https://arxiv.org/abs/2207.06940.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from agcore.checks import finite_number
from agcore.errors import SpecError
from agcore.policy.milestones import MilestonePolicy, Track
from agcore.policy.rungs import PromotionRungs, RungLevels
from agcore.records import Action, Decision, NewTrial, ResumeTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore.policy.base import PolicyJob

_BRACKET = 0
_MOST_AT_ONCE = 128
"""Trials at the top up to which every arrival has everything compared with everything."""
_CHECKS_PER_DOUBLING = 32
"""Beyond that, rankings are compared when there are 1 / this more than the last time."""


class PASHAPolicy(MilestonePolicy):
    """Promotes the best trials of each rung, and adds a rung whenever rankings disagree.

    Args:
        max_t: Largest resource that a trial may ever get.
        grace_period: r_0.
        reduction_factor: Quotient of two rung levels, at least 2; 1 / ``reduction_factor`` of a
            rung goes on.
        epsilon: Rewards that differ by no more count as equal; None: it is estimated.
        epsilon_percentile: Percentile of the noise that is taken as the estimate.
        time_attr: The user's name of the resource, for messages.

    Raises:
        SpecError: An argument is out of range.
    """

    def __init__(
        self,
        max_t: int,
        *,
        grace_period: int = 1,
        reduction_factor: float = 3,
        epsilon: float | None = None,
        epsilon_percentile: float = 90,
        time_attr: str = "epoch",
    ) -> None:
        self._levels = RungLevels.geometric(
            max_t, grace_period=grace_period, reduction_factor=reduction_factor
        )
        super().__init__(self._levels.max_t, time_attr)
        self._rungs = PromotionRungs(self._levels, time_attr=time_attr)
        for level in self.milestones[1:-1]:
            self._rungs.close(level)
        self._top = 1
        self._ranked = _Ranked()
        self._curves: dict[int, dict[int, float]] = {}  # trial -> resource -> reward
        self._noise = _Noise(_checked_epsilon(epsilon), _checked_percentile(epsilon_percentile))

    # -- the plan ---------------------------------------------------------------------------

    @property
    def milestones(self) -> tuple[int, ...]:
        """All rung levels, and ``max_resource``, whether trials have got there or not."""
        return self._levels.milestones

    @property
    def top_level(self) -> int:
        """The largest resource that trials may get now."""
        return self.milestones[self._top]

    @property
    def epsilon(self) -> float:
        """By how much rewards that count as equal may differ now."""
        return self._noise.epsilon

    # -- jobs -------------------------------------------------------------------------------

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A promotion if one is due, else a new trial."""
        found = self._rungs.promotable()
        if found is not None:
            trial_id, level, milestone, reason = found
            return ResumeTrial(trial_id, level, milestone, _BRACKET, reason)
        return NewTrial(_BRACKET, self.milestones[0]) if allow_new else None

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note of a new trial, a promotion, or a lost trial that starts over."""
        if isinstance(job, ResumeTrial):
            self._track(trial_id).resume(job)
            self._rungs.promote(trial_id, job.resume_from)
        elif trial_id in self._tracks:
            self._tracks[trial_id].last = 0
        else:
            self._tracks[trial_id] = Track(_BRACKET, self.milestones[0])
            self._curves[trial_id] = {}

    # -- what happened ----------------------------------------------------------------------

    def _milestones_of(self, bracket: int) -> tuple[int, ...]:
        return self.milestones

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """The rung's decision at a milestone, else continue; stop at ``max_t`` or if diverged."""
        decision = super().on_report(trial_id, resource, reward)
        if isfinite(reward):
            self._curves[trial_id].setdefault(resource, reward)
        return decision

    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        level = track.milestone
        news = ""
        if level == self.top_level and isfinite(reward):
            self._curves[trial_id].setdefault(level, reward)
            news = self._rank(trial_id)
        # The top has moved up before the trial is judged: it may be among those that go on.
        decision = self._rungs.arrive(trial_id, level, reward)
        return replace(decision, reason=f"{decision.reason}; {news}") if news else decision

    def _rank(self, trial_id: int) -> str:
        """Move the top up if the rankings disagree now; what was found, or nothing."""
        level, below = self.top_level, self.milestones[self._top - 1]
        at = self._time_attr
        curve = self._curves[trial_id]
        for other in self._ranked.latest:
            self._noise.compare(curve, self._curves[other], level)
        self._ranked.add(trial_id, curve[level], curve[below])
        epsilon, count = self.epsilon, len(self._ranked.pairs)
        if not self._ranked.is_due() or rankings_agree(self._ranked.pairs, epsilon):
            return ""
        self._rungs.open(level)
        self._top += 1
        self._ranked = _Ranked()
        self._noise.forget()
        return (
            f"the ranking of {count} trials at {at}={level} disagrees with that at "
            f"{at}={below} (epsilon={epsilon:.6g}), so trials may go on to {self.top_level}"
        )

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Offer the trial for promotion if it is paused, else withdraw it."""
        track = self._track(trial_id)
        verdict = track.verdict
        if verdict is None or verdict.action is not Action.PAUSE:
            return
        if state is TrialState.PAUSED:
            self._rungs.release(trial_id, track.milestone)
        else:
            self._rungs.withdraw(trial_id, track.milestone)


def rankings_agree(rewards: Sequence[tuple[float, float]], epsilon: float) -> bool:
    """Whether the ranking at a rung is consistent with the soft ranking at the rung below.

    Args:
        rewards: For each trial its rewards at the rung and at the rung below.
        epsilon: Rewards at the rung below that differ by no more count as equal.
    """
    in_order_of_top = [below for _, below in sorted(rewards, reverse=True)]
    in_order_of_below = sorted(in_order_of_top, reverse=True)
    pairs = zip(in_order_of_top, in_order_of_below, strict=True)
    return all(abs(own - expected) <= epsilon for own, expected in pairs)


def order_has_changed_twice(
    curve: Mapping[int, float], other: Mapping[int, float], level: int
) -> bool:
    """Whether the order of two trials at ``level`` was the reverse before, and the same earlier.

    Only resources that both have reported are looked at; where they are equal, there is no order.
    """
    final, has_turned = 0, False
    for resource in sorted(curve, reverse=True):
        if resource > level or resource not in other:
            continue
        sign = _sign(curve[resource] - other[resource])
        if final == 0:
            final = sign
            if sign == 0:
                return False
        elif sign == -final:
            has_turned = True
        elif sign == final and has_turned:
            return True
    return False


class _Ranked:
    """The trials at the top.

    Attributes:
        latest: Those that came last, at most 128.
        pairs: For each its rewards at the top and at the rung below, ascending.
    """

    __slots__ = ("_due_at", "latest", "pairs")

    def __init__(self) -> None:
        self.latest: deque[int] = deque(maxlen=_MOST_AT_ONCE)
        self.pairs: list[tuple[float, float]] = []
        self._due_at = 0

    def add(self, trial_id: int, reward: float, reward_below: float) -> None:
        """Take note of a trial that has arrived."""
        self.latest.append(trial_id)
        insort(self.pairs, (reward, reward_below))

    def is_due(self) -> bool:
        """Whether the rankings are to be compared now."""
        count = len(self.pairs)
        if count < self._due_at:
            return False
        if count >= _MOST_AT_ONCE:
            self._due_at = count + count // _CHECKS_PER_DOUBLING
        return True


class _Noise:
    """The estimate of epsilon.

    Args:
        epsilon: The value if it is given, else None.
        percentile: Which percentile of the differences is the estimate.
    """

    def __init__(self, epsilon: float | None, percentile: float) -> None:
        self._last = 0.0 if epsilon is None else epsilon
        self._is_given = epsilon is not None
        self._share = percentile / 100
        self._differences: Any = SortedList()

    @property
    def epsilon(self) -> float:
        """The estimate, or the value that was given."""
        return _percentile(self._differences, self._share) if self._differences else self._last

    def compare(self, curve: Mapping[int, float], other: Mapping[int, float], level: int) -> None:
        """Take note of two trials at the top, the resource ``level``."""
        if not self._is_given and order_has_changed_twice(curve, other, level):
            self._differences.add(abs(curve[level] - other[level]))

    def forget(self) -> None:
        """Start anew at another top; the last estimate stays until there is another."""
        self._last = self.epsilon
        self._differences.clear()


def _percentile(ascending: Any, share: float) -> float:
    """The value at ``share`` of the way from the first to the last, linearly interpolated."""
    lower, rest = divmod(share * (len(ascending) - 1), 1)
    low: float = ascending[int(lower)]
    return low if rest == 0 else low + (ascending[int(lower) + 1] - low) * rest


def _sign(number: float) -> int:
    return int(number > 0) - int(number < 0)


def _checked_epsilon(epsilon: float | None) -> float | None:
    rule = "a number of at least 0, or None to have it estimated"
    if epsilon is None:
        return None
    if finite_number("epsilon", epsilon, rule) < 0:
        raise SpecError(f"epsilon={epsilon!r} must be {rule}")
    return float(epsilon)


def _checked_percentile(percentile: float) -> float:
    rule = "a number from 0 to 100"
    if not 0 <= finite_number("epsilon_percentile", percentile, rule) <= 100:
        raise SpecError(f"epsilon_percentile={percentile!r} must be {rule}")
    return float(percentile)
