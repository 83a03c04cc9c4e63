"""Population-based training: bad members of a population become changed copies of good ones.

A population has N places. The trial in each of them trains on; at every multiple of the
perturbation interval it is compared with the others (``ready`` in the paper), and *truncation
selection* decides: a trial in the bottom quantile ends, and its place goes to a new trial, the
copy of one that is drawn evenly from the top quantile (``exploit``). The copy goes on from the
parent's checkpoint with a changed config (``explore``), which is not the policy's matter. A
population is over when all of its trials have come to ``max_t``.

A member at interval r is ranked among all members, each of whom it is compared with at the largest
interval that both have come to: at r with those that have been there, at their last interval with
those that are behind (`agcore.policy.places`). So nobody gains by being ahead, or loses by having
started over. A quantile has ``floor(quantile_fraction N)`` places, at least one, and whoever ranks
behind the N minus so many best is in the bottom one. Who cannot be compared yet counts as worse, so
nobody is replaced before most of the population has a reward. Equal rewards share the better rank,
so whoever is replaced is worse than its parent. Parents are drawn from those of the top quantile
that have come to r, or that are behind if none has. A trial that has reached ``max_t`` counts on,
but is not copied.

Who has passed on cannot be replaced before its next interval, where the comparisons with those that
came later are made up for. The best reward that was seen at r is never replaced there, for it may
stay the best. But whoever always comes first would then never be replaced, however bad (often what
is quick is bad). So the first at r, if in the bottom quantile by what is known, is *held*: it
pauses until one who was better comes to r, or no such is left behind it. Then it is judged again:
either its place goes to a copy and it stays paused for good, or it goes on. Members that are not in
the bottom quantile are never held.

A trial that fails, diverges or is lost leaves its place to a copy as well, of one of the best that
still train. While nobody has a reward the place stays empty.

If fewer trials run at a time than there are places, members take turns: a trial pauses at an
interval if somebody waits who is behind it. Who is furthest behind is next, of those at the same
resource the best: so the bad ones, which may be replaced, come last and are compared with all.

Source: Jaderberg et al., "Population Based Training of Neural Networks" (2017), algorithm 1 and
section 4.1.1, https://arxiv.org/abs/1711.09846.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING

from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError
from agcore.policy.base import CONTINUE, diverged
from agcore.policy.milestones import MilestonePolicy, Track
from agcore.policy.places import Fate, Place, Population
from agcore.records import Action, Decision, NewTrial, ResumeTrial, RungStanding, TrialState

if TYPE_CHECKING:
    from agcore.policy.base import PolicyJob
    from agcore.policy.places import Comparison

PARENT_PURPOSE = 14
"""Second word of the seed of the generators that draw parents."""


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
        self._place_of: dict[int, Place] = {}
        self._num_running = self._most_running = 0

    def _new_population(self) -> Population:
        return Population(self._size, self._quantile)

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
        paused = [p for p in population.places if p.state == "paused" and not p.is_held]
        if paused:
            return self._resume_job(min(paused, key=lambda place: place.turn))
        if allow_new and population.is_over and self._may_begin_another:
            return NewTrial(0, self.next_milestone(0))
        return None

    @property
    def _may_begin_another(self) -> bool:
        return self._populations is None or self._num_begun < self._populations

    def _copy_job(self, place: Place) -> NewTrial | None:
        """A copy for a vacant place; None while there is nobody to copy."""
        parent = place.parent
        if parent is None or not parent.lives:
            candidates = self._population.best_that_train()
            if not candidates:
                return None
            parent = candidates[self._draw(len(candidates), 1, self._num_new)]
        reason = (
            f"in the place of trial {place.trial_id}{place.loss}: "
            f"a copy of {self._named(parent, parent.level)}"
        )
        return NewTrial(
            0, self.next_milestone(parent.resource), parent.trial_id, parent.resource, reason
        )

    def _resume_job(self, place: Place) -> ResumeTrial:
        resource, milestone = place.resource, self.next_milestone(place.resource)
        reason = (
            f"reward {place.reward:.6g}: no trial that waits its turn is further behind than "
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

    def _place_for(self, job: NewTrial) -> tuple[Place, Place | None]:
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
                self._population.record(place, self._max_t, reward)
                place.state = "done"
            elif decision.action is Action.STOP:
                place.state = "leaving"
                if not isfinite(reward):
                    place.promise_to(None)
            if decision is not CONTINUE:
                self._judge_held()
        return decision

    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        level, place = track.milestone, self._place_of[trial_id]
        if not isfinite(reward):
            return diverged(trial_id, level, self._time_attr)
        population = self._population
        population.record(place, level, reward)
        comparison = population.compare(place)
        stands = self._stands(place, comparison)
        quantile = 1 - self._quantile / self._size
        standing = RungStanding(level, comparison.rank, comparison.size, quantile)
        fate, parents = population.fate(place, comparison)
        if fate is Fate.LEAVES:
            parent = self._replace(place, parents)
            reason = f"{stands}: its place goes to a copy of {parent}"
            return Decision(Action.STOP, reason, False, standing)
        if fate is Fate.HELD:
            place.is_held = True
            reason = (
                f"{stands}: it waits for those that were better and are behind, and goes on "
                "only if it does not leave its place to a copy when one of them is here"
            )
            return Decision(Action.PAUSE, reason, False, standing)
        if fate is not Fate.GOES_ON:
            stands += f"; {fate.value}"
        return self._go_on(place, stands, standing)

    def _stands(self, place: Place, comparison: Comparison) -> str:
        """Reward and rank of a member, and at which intervals it was compared with whom."""
        at = self._time_attr
        text = (
            f"reward {place.reward:.6g} at {at}={place.level} "
            f"ranks {comparison.rank} of {comparison.size}"
        )
        behind = sorted((i for i in comparison.met.items() if i[0] < place.level), reverse=True)
        if not behind:
            return text
        with_whom = ", ".join(f"with {count} of them at {at}={level}" for level, count in behind)
        return f"{text}; compared {with_whom}"

    def _named(self, parent: Place, level: int) -> str:
        """A trial with the reward that it had at an interval."""
        reward = parent.reward_at(level)
        return f"trial {parent.trial_id} (reward {reward:.6g} at {self._time_attr}={level})"

    def _replace(self, place: Place, parents: list[Place]) -> str:
        """Draw the parent whose copy gets the place of a bad member; how the parent is named."""
        parent = parents[self._draw(len(parents), 0, self._num_decided)]
        self._num_decided += 1
        named = self._named(parent, min(parent.level, place.level))
        place.promise_to(parent)
        return named

    def _judge_held(self) -> None:
        """Judge those again that are held, until nobody's fate changes any more."""
        held = [place for place in self._population.places if place.is_held]
        while any(self._is_settled(place) for place in held if place.is_held):
            pass

    def _is_settled(self, place: Place) -> bool:
        """Whether it is held no longer: it may go on, or its place goes to a copy."""
        comparison = self._population.compare(place)
        fate, parents = self._population.fate(place, comparison)
        if fate is Fate.HELD:
            return False
        place.is_held = False
        if fate is Fate.LEAVES:
            place.loss = f", whose {self._stands(place, comparison)}"
            self._replace(place, parents)
            if place.state == "paused":
                self._vacate(place)
            else:  # its attempt has not ended yet
                place.state = "leaving"
        return True

    def _vacate(self, place: Place) -> None:
        place.state = "vacant"
        self._population.vacant.append(place)

    def _go_on(self, place: Place, stands: str, standing: RungStanding) -> Decision:
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
        if state is TrialState.PAUSED and place.state != "leaving":
            place.state = "paused"
        elif state is TrialState.COMPLETED or place.state == "done":
            place.state, place.is_held = "done", False
        else:
            if place.parent is None or not place.parent.lives:
                place.promise_to(None)
            self._vacate(place)
        self._judge_held()
