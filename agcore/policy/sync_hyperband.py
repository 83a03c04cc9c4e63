"""Synchronous Hyperband: brackets of successive halving, each rung a barrier.

With full resource R and factor eta, s_max = floor(log_eta(R / grace_period)). Bracket s, from s_max
down to 0, starts n = ceil((s_max + 1) / (s + 1) * eta^s) trials with r = R eta^-s each. Its rounds
i = 0 .. s have n_i = floor(n eta^-i) trials with r_i = R eta^(i - s) each; when all of them have
arrived, the best n_(i+1) go on and the others stay paused for ever. After bracket 0 comes bracket
s_max again. Levels that are no whole numbers are rounded.

These are the numbers of algorithm 1. Table 1 of the same paper (R = 81, eta = 3) takes eta^s times
the whole part of (s_max + 1) / (s + 1) for n, and so has 27, 9, 6 where algorithm 1 has 34, 15, 8.

A free worker takes a trial that may go on, of the oldest bracket that has one; else it starts a new
trial, for which the next bracket is begun as soon as the last one has all of its own. So several
brackets may be under way, and no worker waits at a barrier.

A trial that fails, diverges, is lost or returns by itself has arrived, worse than all others: no
barrier waits for it, and if too few others are left, fewer go on.

When no more trials may start, the bracket begun last may lack some. Once those that it has are at
its first rung, it goes on with these: n is their number, and at least one goes on in each round.
The first trial that is resumed so closes the bracket: trials that are allowed later go to the next.

Here brackets count from the longest, as elsewhere in agcore: bracket b is s = s_max - b.

Source: Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization" (2018),
https://jmlr.org/papers/v18/16-558.html, algorithm 1.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf, isfinite
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.policy.base import diverged
from agcore.policy.milestones import MilestonePolicy, Track
from agcore.policy.rungs import exact_factor
from agcore.records import Action, Decision, NewTrial, ResumeTrial, RungStanding, TrialState

if TYPE_CHECKING:
    from agcore.policy.base import PolicyJob

_Key = tuple[float, int, int]
"""(minus the reward, number of the arrival, trial): ascending from the best of a round."""


class _Halving:
    """One bracket under way.

    Args:
        bracket: Its number.
        levels: r_i of its rounds, the last of them ``max_t``.
        size: n, the number of trials it starts.
        factor: eta.

    Attributes:
        round: i, the present one.
        size: How many trials it starts in all.
        started: How many it has started.
        total: How many trials the present round has.
        queue: Those that may go on and have not been resumed, the best first.
        running: Those that are on their way to the level of the present round.
        paused: Those that have arrived there.
    """

    __slots__ = (
        "_arrived",
        "_factor",
        "_keys",
        "bracket",
        "levels",
        "paused",
        "queue",
        "round",
        "running",
        "size",
        "started",
        "total",
    )

    def __init__(self, bracket: int, levels: tuple[int, ...], size: int, factor: Fraction) -> None:
        self._factor = factor
        self._arrived: Any = SortedList()  # keys of all that have reported at the level
        self._keys: dict[int, _Key] = {}  # those of the present round
        self.bracket = bracket
        self.levels = levels
        self.size = self.total = size
        self.started = 0
        self.round = 0
        self.queue: list[_Key] = []
        self.running: set[int] = set()
        self.paused: Any = SortedList()

    @property
    def wants_new(self) -> bool:
        """Whether it has yet to start trials."""
        return self.started < self.size

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in it."""
        return not (self.wants_new or self.queue or self.running or self.paused)

    @property
    def level(self) -> int:
        """The level of the present round."""
        return self.levels[self.round]

    @property
    def num_next(self) -> int:
        """How many of the present round are to go on."""
        return _num_left(self.size, self.round + 1, self._factor)

    @property
    def may_be_cut(self) -> bool:
        """Whether it lacks trials, but those that it has started have all arrived."""
        return self.wants_new and not self.running and bool(self.paused)

    def cut(self) -> None:
        """Start no more trials, and let the best of those that have arrived go on."""
        self.size = self.total = self.started
        self.advance()

    def if_cut(self) -> tuple[_Key, int]:
        """The best that has arrived, and how many would go on if it started no more trials."""
        return self.paused[0], _num_left(self.started, 1, self._factor)

    def arrive(self, trial_id: int, reward: float) -> tuple[int, int]:
        """Record a reward; its rank among those that have arrived, and their number."""
        number = len(self._arrived) + 1
        key = (-reward if isfinite(reward) else inf, number, trial_id)
        self._keys[trial_id] = key
        self._arrived.add(key)
        return self._arrived.index(key) + 1, number

    def leave(self, trial_id: int, *, is_paused: bool) -> None:
        """Take note that an attempt has ended, or that a paused trial was given up."""
        if trial_id in self.running:
            self.running.remove(trial_id)
            if is_paused:
                self.paused.add(self._keys[trial_id])
        elif not is_paused:
            key = self._keys.get(trial_id)
            if key is not None:
                self.paused.discard(key)
            if self._take_from_queue(trial_id):
                self.total -= 1
        self.advance()

    def advance(self) -> None:
        """Begin the next round if all trials of the present one have arrived."""
        if self.wants_new or self.queue or self.running or not self.paused:
            return
        self.queue = list(self.paused[: self.num_next])
        self.total = len(self.queue)
        self.round += 1
        self.paused.clear()
        self._arrived.clear()
        self._keys.clear()

    def resume(self, trial_id: int) -> None:
        """Take note that a trial of the queue goes on."""
        self._take_from_queue(trial_id)
        self.running.add(trial_id)

    def _take_from_queue(self, trial_id: int) -> bool:
        """Whether the trial was in the queue, where it is no longer."""
        before = len(self.queue)
        self.queue = [key for key in self.queue if key[2] != trial_id]
        return len(self.queue) < before


class SynchronousHyperbandPolicy(MilestonePolicy):
    """Runs brackets of successive halving one after another, for ever.

    Args:
        max_t: R, the resource at which a trial ends.
        grace_period: The smallest resource that a rung may stand at.
        reduction_factor: eta, at least 2.
        brackets: How many of the brackets are run, from the one with the most rungs on; 1 is
            successive halving. By default all s_max + 1.
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
        brackets: int | None = None,
        time_attr: str = "epoch",
    ) -> None:
        super().__init__(whole_number("max_t", max_t), time_attr)
        self._factor = exact_factor(reduction_factor)
        levels = _levels_from_the_top(self._max_t, grace_period, self._factor)
        num_brackets = len(levels)
        if brackets is not None:
            num_brackets = min(whole_number("brackets", brackets), num_brackets)
        self._levels = tuple(levels[b:] for b in range(num_brackets))
        s_max = len(levels) - 1
        self._sizes = tuple(
            ceil(Fraction(s_max + 1, s_max - b + 1) * self._factor ** (s_max - b))
            for b in range(num_brackets)
        )
        self._under_way: list[_Halving] = []  # the oldest first
        self._halving_of: dict[int, _Halving] = {}
        self._num_begun = 0

    # -- the plan ---------------------------------------------------------------------------

    @property
    def milestones(self) -> tuple[int, ...]:
        """All levels; the last is ``max_resource``."""
        return self._levels[0]

    @property
    def bracket_rounds(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each bracket its rounds as (n_i, r_i)."""
        return tuple(
            tuple((_num_left(size, i, self._factor), level) for i, level in enumerate(levels))
            for size, levels in zip(self._sizes, self._levels, strict=True)
        )

    def explain_plan(self) -> str:
        """One line per bracket: how many trials it takes how far."""
        lines = []
        for number, rounds in enumerate(self.bracket_rounds):
            (size, first), *later = rounds
            steps = [f"{size} trials to {self._time_attr} {first}"]
            steps += [f"the best {count} to {level}" for count, level in later]
            lines.append(f"bracket {number}: {', '.join(steps)}")
        return "\n".join(lines)

    # -- jobs -------------------------------------------------------------------------------

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A trial that may go on, of the oldest bracket that has one, else a new one."""
        for halving in self._under_way:
            if halving.queue:
                return self._resume_job(halving)
        last = self._under_way[-1] if self._under_way else None
        if allow_new:
            is_begun = last is not None and last.wants_new
            bracket = last.bracket if last is not None and is_begun else self._next_bracket
            return NewTrial(bracket, self._levels[bracket][0])
        if last is not None and last.may_be_cut:
            return self._resume_if_cut(last)
        return None

    @property
    def _next_bracket(self) -> int:
        return self._num_begun % len(self._levels)

    def _resume_job(self, halving: _Halving) -> ResumeTrial:
        key = halving.queue[0]
        before, level = halving.levels[halving.round - 1], halving.level
        rank = halving.total - len(halving.queue) + 1
        reason = (
            f"reward {-key[0]:.6g} ranks {rank} at {self._time_attr}={before}, where all of its "
            f"bracket have arrived; the best {halving.total} go on to {level}"
        )
        return ResumeTrial(key[2], before, level, halving.bracket, reason)

    def _resume_if_cut(self, halving: _Halving) -> ResumeTrial:
        key, count = halving.if_cut()
        level = halving.levels[1]
        reason = (
            f"reward {-key[0]:.6g} ranks 1 of {halving.started} at "
            f"{self._time_attr}={halving.level} and there will be no more; the best {count} go on "
            f"to {level}"
        )
        return ResumeTrial(key[2], halving.level, level, halving.bracket, reason)

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note of a new trial, a promotion, or a lost trial that starts over."""
        if isinstance(job, ResumeTrial):
            self._track(trial_id).resume(job)
            halving = self._halving_of[trial_id]
            if halving.wants_new:
                halving.cut()
            halving.resume(trial_id)
        elif trial_id in self._tracks:
            self._tracks[trial_id].last = 0
        else:
            halving = self._open_halving()
            halving.started += 1
            halving.running.add(trial_id)
            self._halving_of[trial_id] = halving
            self._tracks[trial_id] = Track(halving.bracket, halving.level)

    def _open_halving(self) -> _Halving:
        """The bracket that the next new trial belongs to."""
        if not self._under_way or not self._under_way[-1].wants_new:
            bracket = self._next_bracket
            self._num_begun += 1
            self._under_way.append(
                _Halving(bracket, self._levels[bracket], self._sizes[bracket], self._factor)
            )
        return self._under_way[-1]

    # -- what happened ----------------------------------------------------------------------

    def _milestones_of(self, bracket: int) -> tuple[int, ...]:
        return self._levels[bracket]

    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        """Pause at the rung, whatever the reward: others are still to come."""
        halving = self._halving_of[trial_id]
        level = track.milestone
        following = halving.levels[halving.levels.index(level) + 1]
        rank, size = halving.arrive(trial_id, reward)
        total, num_next = halving.total, min(halving.num_next, halving.total)
        standing = RungStanding(level, rank, size, num_next / total)
        if not isfinite(reward):
            reason = diverged(trial_id, level, self._time_attr).reason
            return Decision(Action.STOP, reason, False, standing)
        reason = (
            f"reward {reward:.6g} ranks {rank} of {size} at {self._time_attr}={level}; when all "
            f"{total} have arrived, the best {num_next} go on to {following}"
        )
        return Decision(Action.PAUSE, reason, False, standing)

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Count the trial as arrived; with the last of its round, the next one begins."""
        self._track(trial_id)
        halving = self._halving_of[trial_id]
        halving.leave(trial_id, is_paused=state is TrialState.PAUSED)
        if halving.is_over and halving in self._under_way:
            self._under_way.remove(halving)


def _num_left(size: int, rounds: int, factor: Fraction) -> int:
    """How many of ``size`` trials are left after so many rounds: floor(n eta^-i), at least 1."""
    return max(int(size / factor**rounds), 1)


def _levels_from_the_top(max_t: int, grace_period: int, factor: Fraction) -> tuple[int, ...]:
    """Levels ``max_t / factor**k`` down to ``grace_period``, rounded, ascending.

    Raises:
        SpecError: There would be fewer than two levels, or an argument is out of range.
    """
    grace_period = whole_number("grace_period", grace_period)
    levels, exact = [], Fraction(max_t)
    while exact >= grace_period:
        levels.append(round(exact))
        exact /= factor
    if len(levels) < 2:
        raise SpecError(
            f"grace_period={grace_period} and max_t={max_t} with reduction_factor="
            f"{float(factor):g} leave no room for a rung; pass max_t="
            f"{ceil(grace_period * factor)} or more, or a smaller grace_period or reduction_factor"
        )
    return tuple(reversed(levels))
