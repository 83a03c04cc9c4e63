"""The median stopping rule: a trial that is worse than the average of half the others ends.

When trial i reports at resource t, let b be its best reward up to t, and let a_j be the mean of
all rewards that trial j has reported up to t, for each other trial j that has reached t, running
or not. The trial is stopped if b is strictly below the median of the a_j. No decision falls below
``grace_period`` or while fewer than ``min_samples`` other trials have reached t.

The paper takes completed trials only; with trials that run at the same time there would be none
for a long while. A trial counts up to its last finite reward, whatever became of it then. Trials
need not report at the same resources: one that has jumped over t counts there with its mean so
far. No resource is the last: every trial that is not stopped runs to its own end. The first
``num_spared`` trials that have not failed are never stopped, but others are compared with them.

The means at each t are a sorted list, so a decision costs O(log n). A resource that nobody has
reported before costs one pass over the trials.

Source: Golovin et al., "Google Vizier: A Service for Black-Box Optimization" (2017), section 3.2.2,
https://doi.org/10.1145/3097983.3098043.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf, isclose, isfinite
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.policy.base import CONTINUE, diverged, resource_error
from agcore.records import Action, Decision, NewTrial, TrialState

if TYPE_CHECKING:
    from agcore.policy.base import PolicyJob

_NEW_TRIAL = NewTrial()
_ROUNDING = 1e-12
"""A reward that is below the median by this share of it only is equal but for rounded means."""


class _Curve:
    """What a trial has reported.

    Attributes:
        last: Resource of the latest report of the present attempt.
        resources: Of all finite rewards, ascending.
        means: Of the rewards up to each of them.
        best: The largest reward.
        verdict: The stop it was given, if no report may follow.
    """

    __slots__ = ("best", "last", "means", "resources", "verdict")

    def __init__(self) -> None:
        self.last = 0
        self.resources: list[int] = []
        self.means: list[float] = []
        self.best = -inf
        self.verdict: Decision | None = None

    @property
    def reached(self) -> int:
        """The largest resource of a finite reward; 0 if there is none."""
        return self.resources[-1] if self.resources else 0

    def add(self, resource: int, reward: float) -> None:
        count = len(self.means) + 1
        mean = self.means[-1] if self.means else reward
        # In this form equal rewards have exactly their own value as mean, and nothing overflows.
        self.means.append(mean + (reward / count - mean / count))
        self.resources.append(resource)

    def mean_up_to(self, resource: int) -> float | None:
        """The mean of what was reported up to ``resource``, or None if that was nothing."""
        count = bisect_right(self.resources, resource)
        return self.means[count - 1] if count else None


class MedianStoppingPolicy:
    """Starts new trials for ever and stops those that fall below the median of the others.

    Args:
        grace_period: Smallest resource at which a trial may be stopped.
        min_samples: How many other trials must have reached a resource before trials are
            stopped there.
        num_spared: How many of the first trials are never stopped; failed ones do not count.
        time_attr: The user's name of the resource, for messages.

    Raises:
        SpecError: An argument is out of range.
    """

    max_resource: int | None = None
    milestones: tuple[int, ...] = ()

    def __init__(
        self,
        *,
        grace_period: int = 1,
        min_samples: int = 5,
        num_spared: int = 0,
        time_attr: str = "epoch",
    ) -> None:
        self._grace_period = whole_number("grace_period", grace_period)
        self._min_samples = whole_number("min_samples", min_samples)
        self._num_spared = whole_number("num_spared", num_spared, 0)
        self._failed: Any = SortedList()
        self._time_attr = time_attr
        self._curves: dict[int, _Curve] = {}
        self._means: dict[int, Any] = {}  # resource -> sorted means of the trials that reached it
        self._resources: Any = SortedList()  # the keys

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A new trial whenever one is allowed."""
        return _NEW_TRIAL if allow_new else None

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note of a new trial, or of one that starts over and is not counted twice."""
        self._curves.setdefault(trial_id, _Curve()).last = 0

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """Stop if the reward is not finite or the trial is below the median, else continue."""
        curve = self._curve(trial_id)
        if type(resource) is not int or resource <= curve.last:
            raise resource_error(
                trial_id, resource, curve.last, time_attr=self._time_attr, milestones=()
            )
        if curve.verdict is not None:
            return curve.verdict
        curve.last = resource
        if not isfinite(reward):
            curve.verdict = diverged(trial_id, resource, self._time_attr)
            return curve.verdict
        if resource <= curve.reached:
            return CONTINUE  # it starts over; this was decided then
        curve.best = max(curve.best, reward)
        decision = self._decide(trial_id, curve.best, resource)
        self._record(curve, resource, reward)
        if decision.action is Action.STOP:
            curve.verdict = decision
        return decision

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Note a failure, with which the next trial is spared; what it has reported counts on."""
        self._curve(trial_id)
        if state.is_failure and trial_id not in self._failed:
            self._failed.add(trial_id)

    def median(self, resource: int) -> float | None:
        """The best reward that a trial needs at ``resource``, or None if any will do."""
        means = self._means.get(resource)
        if resource < self._grace_period or means is None or len(means) < self._min_samples:
            return None
        return _median(means)

    def _is_spared(self, trial_id: int) -> bool:
        num_failed: int = self._failed.bisect_left(trial_id)
        return trial_id - num_failed < self._num_spared

    def _decide(self, trial_id: int, best: float, resource: int) -> Decision:
        means = self._means_at(resource)
        if self._is_spared(trial_id):
            return CONTINUE
        at = f"{self._time_attr}={resource}"
        cutoff = self.median(resource)
        if cutoff is None:
            if resource < self._grace_period:
                return CONTINUE
            reason = (
                f"{len(means)} of the {self._min_samples} other trials needed have reached {at}"
            )
            return Decision(Action.CONTINUE, reason)
        others = f"the median {cutoff:.6g} of {len(means)} other trials up to {at}"
        if best < cutoff and not isclose(best, cutoff, rel_tol=_ROUNDING):
            return Decision(Action.STOP, f"best reward {best:.6g} is below {others}")
        return Decision(Action.CONTINUE, f"best reward {best:.6g} reaches {others}")

    def _means_at(self, resource: int) -> Any:
        """The means of all trials that have reached ``resource``; kept up to date from now on."""
        means = self._means.get(resource)
        if means is None:
            reached = (c for c in self._curves.values() if c.reached > resource)
            found = (curve.mean_up_to(resource) for curve in reached)
            means = self._means[resource] = SortedList(mean for mean in found if mean is not None)
            self._resources.add(resource)
        return means

    def _record(self, curve: _Curve, resource: int, reward: float) -> None:
        before = curve.reached
        curve.add(resource, reward)
        passed = self._resources.irange(before, resource, inclusive=(False, True))
        for level in passed:
            mean = curve.mean_up_to(level)
            if mean is not None:
                self._means[level].add(mean)

    def _curve(self, trial_id: int) -> _Curve:
        try:
            return self._curves[trial_id]
        except KeyError:
            raise SpecError(
                f"trial {trial_id} is unknown to the policy; call on_start before anything else"
            ) from None


def _median(ascending: Any) -> float:
    """The middle value, or the mean of the two middle ones."""
    middle, is_odd = divmod(len(ascending), 2)
    high: float = ascending[middle]
    if is_odd:
        return high
    low: float = ascending[middle - 1]
    return low + (high / 2 - low / 2)  # exact for equal values, and nothing overflows
