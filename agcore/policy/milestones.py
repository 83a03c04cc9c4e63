"""What policies with rungs share: where each trial is on its way to its next milestone.

A trial's next decision falls at its *milestone*: the next rung of its bracket or ``max_t``. Below
it reports are only counted; beyond it they are errors, because the rung was jumped over. Only
``max_t`` itself may be exceeded. A trial that diverges between two rungs is stopped there and is
recorded in none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import isfinite

from agcore.errors import SpecError
from agcore.policy.base import CONTINUE, diverged, resource_error
from agcore.records import Action, Decision, ResumeTrial


class Track:
    """Where a trial is. ``verdict``: the stop or pause it was given, if no report may follow."""

    __slots__ = ("bracket", "last", "milestone", "verdict")

    def __init__(self, bracket: int, milestone: int) -> None:
        self.bracket = bracket
        self.last = 0
        self.milestone = milestone
        self.verdict: Decision | None = None

    def resume(self, job: ResumeTrial) -> None:
        """Take note that the trial goes on from where it was paused."""
        self.last = job.resume_from
        self.milestone = job.milestone
        self.verdict = None


class MilestonePolicy(ABC):
    """Answers reports; at a milestone below ``max_t`` the subclass decides.

    Args:
        max_t: Resource at which a trial ends.
        time_attr: The user's name of the resource, for messages.
    """

    def __init__(self, max_t: int, time_attr: str) -> None:
        self._max_t = max_t
        self._time_attr = time_attr
        self._tracks: dict[int, Track] = {}

    @property
    def max_resource(self) -> int:
        """Resource at which a trial ends."""
        return self._max_t

    @abstractmethod
    def _milestones_of(self, bracket: int) -> tuple[int, ...]:
        """Resources at which trials of the bracket meet decisions, ``max_t`` included."""

    @abstractmethod
    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        """The decision on a trial that has reached its milestone, a rung; it may have diverged."""

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """The rung's decision at a milestone, else continue; stop at ``max_t`` or if diverged."""
        track = self._tracks.get(trial_id) or self._track(trial_id)
        # "type is": a bool is not a count.
        if type(resource) is not int or not track.last < resource <= track.milestone:
            return self._irregular(trial_id, track, resource, reward)
        if resource < track.milestone:
            track.last = resource
            return CONTINUE if isfinite(reward) else self._stop_diverged(trial_id, track, resource)
        if track.verdict is not None or resource >= self._max_t:
            return self._irregular(trial_id, track, resource, reward)
        decision = self._arrive(trial_id, track, reward)
        track.last = resource
        if decision.action is Action.CONTINUE:
            track.milestone = decision.next_milestone or self._max_t
        else:
            track.verdict = decision
        return decision

    def _irregular(self, trial_id: int, track: Track, resource: int, reward: float) -> Decision:
        """The answer to a report that ends the trial, follows its end, or breaks a rule."""
        if type(resource) is int and resource > track.last and resource >= track.milestone:
            if track.verdict is not None:
                return track.verdict
            # A function that reports once, at its end, has no results at the rungs below.
            reports_once = track.last == 0 and resource >= self._max_t
            if track.milestone == self._max_t or reports_once:
                return self._finish(trial_id, track, resource, reward)
        raise resource_error(
            trial_id,
            resource,
            track.last,
            time_attr=self._time_attr,
            milestones=self._milestones_of(track.bracket),
        )

    def _finish(self, trial_id: int, track: Track, resource: int, reward: float) -> Decision:
        if not isfinite(reward):
            return self._stop_diverged(trial_id, track, resource)
        reason = f"reward {reward:.6g} at {self._time_attr}={resource}: max_t={self._max_t} is used"
        track.last = resource
        track.verdict = Decision(Action.STOP, reason, completed=True)
        return track.verdict

    def _stop_diverged(self, trial_id: int, track: Track, resource: int) -> Decision:
        track.last = track.milestone = resource
        track.verdict = diverged(trial_id, resource, self._time_attr)
        return track.verdict

    def _track(self, trial_id: int) -> Track:
        try:
            return self._tracks[trial_id]
        except KeyError:
            raise SpecError(
                f"trial {trial_id} is unknown to the policy; call on_start before anything else"
            ) from None
