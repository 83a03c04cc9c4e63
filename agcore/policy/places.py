"""The places of a population, and how its members compare with one another.

Two members are compared at the largest interval that both have come to, never at different
resources. A member that has just come to an interval is *met* there by all whose place has been
there, with what the place had there last, though that trial may have ended; and by those that are
behind it at the last interval they have come to. The training of a copy up to where it began is
its parent's, so its rewards up to there are as well.

That ended trials count at the interval where they ended is what makes a quantile mean something:
without them those that were replaced first would leave their rank to the next worst, and a whole
population could go in one interval, or hardly any of it, by the order of the reports alone.

Whom to copy is found by comparing all pairs, at each replacement; all else looks at each member
once. That is meant for populations of up to a few hundred.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import Enum
from itertools import combinations
from math import inf
from typing import NamedTuple

WAITING = ("unstarted", "vacant", "paused")
"""States of places that wait for a slot, unless they are held."""

Turn = tuple[int, float, int]
"""(resource, minus the reward, number of the place): ascending from whoever is next."""


class Fate(Enum):
    """What truncation selection does with a member at an interval."""

    GOES_ON = "it is not in the bottom quantile"
    LEAVES = "its place goes to a copy"
    HELD = "one who was better is behind it"
    HAS_NO_PARENT = "none of the best that still train is better"
    IS_UNBEATEN = "nobody was better there"


class Place:
    """A member of the population: the trial that has the place now, and its line of ancestors.

    Attributes:
        number: Of the place.
        trial_id: The trial; -1 before the first.
        state: ``unstarted``, ``running``, ``leaving`` (told to end), ``paused``, ``vacant`` (to be
            given to a copy) or ``done``.
        levels: Intervals to which the trial has come, or the ancestors whose training it goes on
            with: all up to the last, ascending.
        rewards: What they had there.
        latest: By interval, the reward that a trial of this place reported there last.
        resource: Up to where the trial has come.
        is_held: Whether it may not go on before it is judged again.
        loss: If it was replaced while it was held: why, for the copy that takes its place.
        parent: The place whose trial is to be copied, once that is drawn.
    """

    __slots__ = (
        "is_held",
        "latest",
        "levels",
        "loss",
        "number",
        "parent",
        "resource",
        "rewards",
        "state",
        "trial_id",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.trial_id = -1
        self.state = "unstarted"
        self.levels: list[int] = []
        self.rewards: list[float] = []
        self.latest: dict[int, float] = {}
        self.resource = 0
        self.is_held = False
        self.loss = ""
        self.parent: Place | None = None

    @property
    def lives(self) -> bool:
        """Whether its trial trains on."""
        return self.state in ("running", "paused")

    @property
    def waits(self) -> bool:
        """Whether it waits for a slot."""
        return self.state in WAITING and not self.is_held

    @property
    def level(self) -> int:
        """The last interval it has come to; 0 before the first."""
        return self.levels[-1] if self.levels else 0

    @property
    def reward(self) -> float:
        """The last reward; minus infinity without any."""
        return self.rewards[-1] if self.rewards else -inf

    @property
    def turn(self) -> Turn:
        """Who is next: smaller is sooner."""
        if self.state == "vacant":
            return -1, 0.0, self.number
        return self.resource, -self.reward, self.number

    def reward_at(self, level: int) -> float | None:
        """The reward at an interval, or None."""
        index = bisect_left(self.levels, level)
        found = index < len(self.levels) and self.levels[index] == level
        return self.rewards[index] if found else None

    def lead_over(self, other: Place) -> float:
        """By how much it was better at the largest interval that both have come to; 0 if none."""
        level = min(self.level, other.level)
        own, others = self.reward_at(level), other.reward_at(level)
        return 0.0 if own is None or others is None else own - others

    def record(self, level: int, reward: float) -> None:
        """Note a reward; one from before the trial started over is replaced."""
        count = bisect_left(self.levels, level)
        self.levels[count:] = [level]
        self.rewards[count:] = [reward]
        self.latest[level] = reward

    def promise_to(self, parent: Place | None) -> None:
        """Have the place wait for a copy, which counts as its parent from the next interval on."""
        self.parent, self.is_held = parent, False
        self.levels, self.rewards = [], []
        if parent is not None:
            self.levels, self.rewards = parent.levels[:], parent.rewards[:]

    def begin(self, trial_id: int, resource: int, parent: Place | None) -> None:
        """Give the place to a trial, that goes on with the parent's training up to ``resource``."""
        levels, rewards = (parent.levels, parent.rewards) if parent is not None else ([], [])
        count = bisect_right(levels, resource)
        self.levels, self.rewards = levels[:count], rewards[:count]
        self.trial_id, self.resource, self.state = trial_id, resource, "running"
        self.parent, self.loss = None, ""


class Comparison(NamedTuple):
    """How a member stands among the others at the interval it has come to.

    Attributes:
        better: The places that were better than it.
        met: By interval, with how many others it was compared there.
    """

    better: list[Place]
    met: dict[int, int]

    @property
    def rank(self) -> int:
        """1 for the best; equals share the better rank."""
        return len(self.better) + 1

    @property
    def size(self) -> int:
        """Number of members that were compared, this one included."""
        return sum(self.met.values()) + 1


class Population:
    """N places, and who waits for one.

    Args:
        size: N.
        quantile: Places in the bottom quantile, and in the top one.

    Attributes:
        places: All of them.
        vacant: Those to be given to copies, the longest vacant first.
        best_at: The best reward that was seen at each interval.
    """

    def __init__(self, size: int, quantile: int) -> None:
        self.quantile = quantile
        self.places = [Place(number) for number in range(size)]
        self.vacant: list[Place] = []
        self.best_at: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in it."""
        return all(place.state in ("vacant", "done") for place in self.places)

    def unstarted(self) -> Place | None:
        """The first place that no trial has had."""
        return next((place for place in self.places if place.state == "unstarted"), None)

    def first_waiting(self, free: int) -> Place | None:
        """Whose turn it is when the ``free`` slots are taken, or None."""
        waiting = [place for place in self.places if place.waits]
        waiting.sort(key=lambda place: place.turn)
        return waiting[free] if len(waiting) > free else None

    def place_of(self, trial_id: int) -> Place | None:
        """The place that a trial has now."""
        return next((place for place in self.places if place.trial_id == trial_id), None)

    def record(self, place: Place, level: int, reward: float) -> None:
        """Note that a member has come to an interval."""
        place.resource = level
        place.record(level, reward)
        self.best_at[level] = max(self.best_at.get(level, -inf), reward)

    # -- selection --------------------------------------------------------------------------

    def compare(self, place: Place) -> Comparison:
        """How a member stands that has come to an interval and not further."""
        better: list[Place] = []
        met: dict[int, int] = {}
        for other in self.places:
            level = place.level
            own: float | None = place.reward
            others = other.latest.get(level)
            if others is None:
                level = min(level, other.level)
                own, others = place.reward_at(level), other.reward_at(level)
            if other is not place and own is not None and others is not None:
                met[level] = met.get(level, 0) + 1
                if others > own:
                    better.append(other)
        return Comparison(better, met)

    def fate(self, place: Place, comparison: Comparison) -> tuple[Fate, list[Place]]:
        """What is to happen to a member of which ``comparison`` is true, and whom to copy.

        One of the bottom quantile is not replaced before somebody was better at the very interval
        it has come to. It is held meanwhile if anybody can: if one who was better before is behind.
        """
        is_bad = len(comparison.better) >= len(self.places) - self.quantile
        if not is_bad:
            return Fate.GOES_ON, []
        parents = self.parents(place)
        if not parents:
            return Fate.HAS_NO_PARENT, []
        if place.reward < self.best_at[place.level]:
            return Fate.LEAVES, parents
        can_be_beaten = any(
            other.lives and other.resource < place.level for other in comparison.better
        )
        return (Fate.HELD if can_be_beaten else Fate.IS_UNBEATEN), []

    def parents(self, place: Place) -> list[Place]:
        """Whom to copy in the place of a bad member.

        Those of the top quantile that train on and are better; only those who have come as far as
        it, if there are any, so that no training is thrown away without need.
        """
        members = [other for other in self.places if other.lives or other.state == "done"]
        top = self._best_first(members)[: self.quantile]
        parents = [other for other in top if other.lives and other.lead_over(place) > 0]
        return [other for other in parents if other.resource >= place.level] or parents

    def best_that_train(self) -> list[Place]:
        """Whom to copy in the place of a trial that has failed; empty if nobody has a reward."""
        return self._best_first([place for place in self.places if place.lives])[: self.quantile]

    def _best_first(self, members: list[Place]) -> list[Place]:
        """Those of ``members`` with a reward, by how many of them are better, less how many worse.

        Not by how many are better alone: whoever was compared with few would come first.
        """
        members = [member for member in members if member.levels]
        losses = {member.number: 0 for member in members}
        for first, second in combinations(members, 2):
            lead = first.lead_over(second)
            if lead:
                won = 1 if lead > 0 else -1
                losses[first.number] -= won
                losses[second.number] += won
        return [self.places[number] for number in sorted(losses, key=lambda n: (losses[n], n))]
