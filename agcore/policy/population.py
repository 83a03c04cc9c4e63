"""Population-based training: bad members of a population become changed copies of good ones.

A population has N places. The trial in each of them trains on; at every multiple of the
perturbation interval it is compared with the others (``ready`` in the paper), and *truncation
selection* decides: a trial in the bottom quantile ends, and its place goes to a new trial, the
copy of one that is drawn evenly from the top quantile (``exploit``). The copy goes on from the
parent's checkpoint with a changed config (``explore``), which is not the policy's matter. A
population is over when all of its trials have come to ``max_t``.

A reward is compared with what the others had at the same resource; those that are not so far yet
count with the last they had, and a copy has its parent's. So a trial that is ahead, or one that
had to start over, compares fairly. A quantile has ``floor(quantile_fraction N)`` places, at least
one. Who has no reward yet counts as the worst, so nobody is replaced before most of the population
has one. Equal rewards share the better rank, so whoever is replaced is worse than its parent; and
the best reward that was seen at a resource is never replaced there. A trial that has reached
``max_t`` counts on, but is not copied.

A trial that fails, diverges or is lost leaves its place to a copy as well, of one of the best that
still train. While nobody has a reward the place stays empty.

If fewer trials run at a time than there are places, members take turns: a trial pauses at an
interval if somebody waits who is behind it. Who is furthest behind is next, of those at the same
resource the best: so the bad ones, which may be replaced, come last and are compared with all.

Source: Jaderberg et al., "Population Based Training of Neural Networks" (2017), algorithm 1 and
section 4.1.1, https://arxiv.org/abs/1711.09846.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from math import inf, isfinite
from typing import TYPE_CHECKING

from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError
from agcore.policy.base import diverged
from agcore.policy.milestones import MilestonePolicy, Track
from agcore.records import Action, Decision, NewTrial, ResumeTrial, RungStanding, TrialState

if TYPE_CHECKING:
    from agcore.policy.base import PolicyJob

PARENT_PURPOSE = 14
"""Second word of the seed of the generators that draw parents."""

_WAITING = ("unstarted", "vacant", "paused")

_Turn = tuple[int, float, int]
"""(resource, minus the reward, number of the place): ascending from whoever is next."""


class _Place:
    """A member of the population: the trial that has the place now, and its line of ancestors.

    Attributes:
        number: Of the place.
        trial_id: The trial; -1 before the first.
        state: ``unstarted``, ``running``, ``leaving`` (told to end), ``paused``, ``vacant`` (to be
            given to a copy) or ``done``.
        levels: Resources at which the trial, or the ancestors whose training it goes on with,
            were compared, ascending.
        rewards: What they had there.
        resource: Up to where the trial has come.
        parent: The place whose trial is to be copied, once that is drawn.
    """

    __slots__ = ("levels", "number", "parent", "resource", "rewards", "state", "trial_id")

    def __init__(self, number: int) -> None:
        self.number = number
        self.trial_id = -1
        self.state = "unstarted"
        self.levels: list[int] = []
        self.rewards: list[float] = []
        self.resource = 0
        self.parent: _Place | None = None

    @property
    def lives(self) -> bool:
        """Whether its trial trains on."""
        return self.state in ("running", "paused")

    @property
    def reward(self) -> float:
        """The last reward; minus infinity without any."""
        return self.rewards[-1] if self.rewards else -inf

    @property
    def turn(self) -> _Turn:
        """Who is next: smaller is sooner."""
        if self.state == "vacant":
            return -1, 0.0, self.number
        return self.resource, -self.reward, self.number

    def reward_at(self, resource: float) -> float | None:
        """The last reward up to ``resource``, or None."""
        count = bisect_right(self.levels, resource)
        return self.rewards[count - 1] if count else None

    def record(self, level: int, reward: float) -> None:
        """Note a reward; one from before the trial started over is replaced."""
        count = bisect_right(self.levels, level - 1)
        self.levels[count:] = [level]
        self.rewards[count:] = [reward]

    def promise_to(self, parent: _Place | None) -> None:
        """Have the place wait for a copy, which counts as its parent from now on."""
        self.parent = parent
        self.levels, self.rewards = [], []
        if parent is not None:
            self.levels, self.rewards = parent.levels[:], parent.rewards[:]

    def begin(self, trial_id: int, resource: int, parent: _Place | None) -> None:
        """Give the place to a trial, that goes on with the parent's training up to ``resource``."""
        levels, rewards = (parent.levels, parent.rewards) if parent is not None else ([], [])
        count = bisect_right(levels, resource)
        self.levels, self.rewards = levels[:count], rewards[:count]
        self.trial_id, self.resource, self.state, self.parent = trial_id, resource, "running", None


class _Population:
    """N places, and who waits for one.

    Args:
        size: N.
        quantile: Places in the bottom quantile, and in the top one.

    Attributes:
        places: All of them.
        vacant: Those to be given to copies, the longest vacant first.
        best_at: The best reward that was seen at each level.
    """

    def __init__(self, size: int, quantile: int) -> None:
        self.quantile = quantile
        self.places = [_Place(number) for number in range(size)]
        self.vacant: list[_Place] = []
        self.best_at: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in it."""
        return all(place.state in ("vacant", "done") for place in self.places)

    def unstarted(self) -> _Place | None:
        """The first place that no trial has had."""
        return next((place for place in self.places if place.state == "unstarted"), None)

    def first_waiting(self, free: int) -> _Place | None:
        """Whose turn it is when the ``free`` slots are taken, or None."""
        waiting = [place for place in self.places if place.state in _WAITING]
        waiting.sort(key=lambda place: place.turn)
        return waiting[free] if len(waiting) > free else None

    def place_of(self, trial_id: int) -> _Place | None:
        """The place that a trial has now."""
        return next((place for place in self.places if place.trial_id == trial_id), None)

    def ranking(self, resource: float) -> list[_Place]:
        """All that have a reward up to ``resource``, the best first."""
        found = [
            (-reward, place.number)
            for place in self.places
            if (reward := place.reward_at(resource)) is not None
        ]
        return [self.places[number] for _, number in sorted(found)]

    def best_that_train(self) -> list[_Place]:
        """Whom to copy in the place of a trial that has failed; empty if nobody has a reward."""
        return [place for place in self.ranking(inf) if place.lives][: self.quantile]


class PopulationPolicy(MilestonePolicy):
    """Trains populations whose bad members are replaced by copies of good ones.

    Args:
        max_t: Resource at which a trial ends.
        population_size: N, at least 2.
        perturbation_interval: Resource between two comparisons, below ``max_t``.
        quantile_fraction: Share of the population that is replaced, and share that is copied, at
            most 1/2.
        populations: How many populations are trained, one after another; None is without end.
        seed: Of the choice of parents.
        time_attr: The user's name of the resource, for messages.

    Raises:
        SpecError: An argument is out of range.
    """

    def __init__(
        self,
        max_t: int,
        *,
        population_size: int = 8,
        perturbation_interval: int = 1,
        quantile_fraction: float = 0.2,
        populations: int | None = None,
        seed: int = 31415927,
        time_attr: str = "epoch",
    ) -> None:
        super().__init__(whole_number("max_t", max_t), time_attr)
        self._size = whole_number("population_size", population_size, 2)
        self._interval = whole_number("perturbation_interval", perturbation_interval)
        if self._interval >= self._max_t:
            raise SpecError(
                f"perturbation_interval={self._interval} must be below max_t={self._max_t}, or "
                "no trial is ever compared with another; pass a smaller one"
            )
        rule = "a number above 0 and at most 0.5"
        if not 0 < finite_number("quantile_fraction", quantile_fraction, rule) <= 0.5:
            raise SpecError(f"quantile_fraction={quantile_fraction!r} must be {rule}")
        share = Fraction(str(float(quantile_fraction)))  # 0.3 of 10 is exactly 3
        self._quantile = max(int(share * self._size), 1)
        self._populations = populations
        if populations is not None:
            whole_number("populations", populations)
        self._seed = whole_number("seed", seed, 0)
        self._num_begun = 1
        self._num_decided = 0  # selections, whose parents are drawn by their number
        self._num_new = 0
        self._population = self._new_population()
        self._place_of: dict[int, _Place] = {}
        self._num_running = self._most_running = 0

    def _new_population(self) -> _Population:
        return _Population(self._size, self._quantile)

    @property
    def milestones(self) -> tuple[int, ...]:
        """All multiples of the interval below ``max_resource``, and that."""
        return (*range(self._interval, self._max_t, self._interval), self._max_t)

    def _milestones_of(self, bracket: int) -> tuple[int, ...]:
        return self.milestones

    def next_milestone(self, resource: int) -> int:
        """The first milestone behind ``resource``."""
        return min((resource // self._interval + 1) * self._interval, self._max_t)

    # -- jobs -------------------------------------------------------------------------------

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A copy for a vacant place, else whoever is furthest behind."""
        population = self._population
        if allow_new and population.vacant:
            job = self._copy_job(population.vacant[0])
            if job is not None:
                return job
        if allow_new and population.unstarted() is not None:
            return NewTrial(0, self.next_milestone(0))
        paused = [place for place in population.places if place.state == "paused"]
        if paused:
            return self._resume_job(min(paused, key=lambda place: place.turn))
        if allow_new and population.is_over and self._may_begin_another:
            return NewTrial(0, self.next_milestone(0))
        return None

    @property
    def _may_begin_another(self) -> bool:
        return self._populations is None or self._num_begun < self._populations

    def _copy_job(self, place: _Place) -> NewTrial | None:
        """A copy for a vacant place; None while there is nobody to copy."""
        parent = place.parent
        if parent is None or not parent.lives:
            candidates = self._population.best_that_train()
            if not candidates:
                return None
            parent = candidates[self._draw(len(candidates), 1, self._num_new)]
        reason = (
            f"in the place of trial {place.trial_id}: a copy of trial {parent.trial_id} "
            f"(reward {parent.reward:.6g})"
        )
        return NewTrial(
            0, self.next_milestone(parent.resource), parent.trial_id, parent.resource, reason
        )

    def _resume_job(self, place: _Place) -> ResumeTrial:
        resource, milestone = place.resource, self.next_milestone(place.resource)
        reason = (
            f"reward {place.reward:.6g}: no trial that waits is further behind than "
            f"{self._time_attr}={resource}"
        )
        return ResumeTrial(place.trial_id, resource, milestone, 0, reason)

    def _draw(self, count: int, kind: int, number: int) -> int:
        """An index below ``count``: a function of the seed and of the number of the draw."""
        if count == 1:
            return 0
        import numpy as np  # not needed, so not loaded, before there is a choice

        rng = np.random.default_rng([self._seed, PARENT_PURPOSE, kind, number])
        return int(rng.integers(count))

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note of a new member, of a turn, or of a lost trial that starts over."""
        known = self._tracks.get(trial_id)
        if isinstance(job, NewTrial) and known is not None:
            known.last = job.resume_from
            return
        self._num_running += 1
        self._most_running = max(self._most_running, self._num_running)
        if isinstance(job, ResumeTrial):
            self._track(trial_id).resume(job)
            self._place_of[trial_id].state = "running"
            return
        self._num_new += 1
        place, parent = self._place_for(job)
        place.begin(trial_id, job.resume_from, parent)
        self._place_of[trial_id] = place
        track = self._tracks[trial_id] = Track(0, self.next_milestone(job.resume_from))
        track.last = job.resume_from

    def _place_for(self, job: NewTrial) -> tuple[_Place, _Place | None]:
        """The place of a new trial, and that of its parent."""
        population = self._population
        if job.parent is not None and population.vacant:
            return population.vacant.pop(0), population.place_of(job.parent)
        place = population.unstarted()
        if place is None:
            self._num_begun += 1
            self._population = self._new_population()
            place = self._population.places[0]
        return place, None

    # -- what happened ----------------------------------------------------------------------

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """Compare at an interval; stop at ``max_t`` or if diverged; else continue."""
        decision = super().on_report(trial_id, resource, reward)
        place = self._place_of[trial_id]
        if place.state == "running":
            place.resource = min(resource, self._max_t)
            if decision.completed:
                place.record(self._max_t, reward)
                place.state = "done"
            elif decision.action is Action.STOP:
                place.state = "leaving"
                if not isfinite(reward):
                    place.promise_to(None)
        return decision

    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        level, place = track.milestone, self._place_of[trial_id]
        if not isfinite(reward):
            return diverged(trial_id, level, self._time_attr)
        population = self._population
        place.resource = level
        place.record(level, reward)
        best = population.best_at.get(level, -inf)
        population.best_at[level] = max(best, reward)
        ranking = population.ranking(level)
        rewards = [member.reward_at(level) for member in ranking]
        rank, size = rewards.index(reward) + 1, len(ranking)
        quantile = self._quantile
        standing = RungStanding(level, rank, size, 1 - quantile / self._size)
        stands = f"reward {reward:.6g} at {self._time_attr}={level} ranks {rank} of {size}"
        if rank > self._size - quantile and reward < best:
            parents = self._parents(ranking, level, reward)
            if parents:
                parent = parents[self._draw(len(parents), 0, self._num_decided)]
                self._num_decided += 1
                place.promise_to(parent)
                copied = f"trial {parent.trial_id} (reward {parent.reward:.6g})"
                reason = f"{stands}: its place goes to a copy of {copied}"
                return Decision(Action.STOP, reason, False, standing)
            stands += ", but the best have come to their end"
        return self._go_on(place, stands, standing)

    def _parents(self, ranking: list[_Place], level: int, reward: float) -> list[_Place]:
        """Those of the top quantile that train on; places promised to copies are not in it."""
        top = [member for member in ranking if member.lives or member.state == "done"]
        return [
            member
            for member in top[: self._quantile]
            if member.lives and (at := member.reward_at(level)) is not None and at > reward
        ]

    def _go_on(self, place: _Place, stands: str, standing: RungStanding) -> Decision:
        """Continue, or pause if it is somebody else's turn."""
        first = self._population.first_waiting(self._most_running - self._num_running)
        if first is not None and first.turn < place.turn:
            reason = f"{stands}: it waits for its next turn"
            return Decision(Action.PAUSE, reason, False, standing)
        following = self.next_milestone(standing.level)
        reason = f"{stands}: it goes on to {following}"
        return Decision(Action.CONTINUE, reason, False, standing, following)

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Give up the place of a trial that has ended before ``max_t``, unless it has returned."""
        self._track(trial_id)
        place = self._place_of[trial_id]
        self._num_running -= 1
        if state is TrialState.PAUSED:
            place.state = "paused"
        elif state is TrialState.COMPLETED or place.state == "done":
            place.state = "done"
        else:
            if place.parent is None or not place.parent.lives:
                place.promise_to(None)
            place.state = "vacant"
            self._population.vacant.append(place)
