"""Rung levels, and the two rules by which a rung decides.

A rung stands at a resource level r and keeps the rewards of the trials that reached it. q is the
share of them that may go on. There is no rung at ``max_t``: a trial that gets there has ended.

Stopping: an arriving trial goes on if its reward is at least the (1 - q) quantile of the rewards
recorded earlier (linear interpolation, own reward excluded), or if it is the first. Then it is
recorded.

Promotion: an arriving trial is recorded. A rung with n entries has the best floor(n q) as its
candidates, none while n < round(1 / q); of equal rewards the earlier ranks first. An arriving
candidate goes on; any other trial is paused until it has become a candidate.

Delayed promotion (D-ASHA): besides, one more trial goes on only while n / (m + 1) >= 1 / q, where m
have gone on already, those on their way to the next level included. So no more than floor(n q)
ever do; without the delay also those do that were among the best only as long as few had arrived.
The places that are left belong to the best candidates: an arriving one is paused if those better
than it that wait here need them all.

A trial that diverged is recorded below all finite rewards: it counts in n but its reward never
enters an interpolation. Only a paused trial is ever promoted: one that failed, was lost or returned
by itself keeps its place in the rung.

Counts and quantiles are exact (``fractions.Fraction``). The cutoff is what ``numpy.percentile``
gives, to the last bit, while no trial has diverged, and exact from then on. A decision costs
O(log n).

Sources: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020),
https://arxiv.org/abs/1810.05934 (promotion); Klein et al., "Model-based Asynchronous
Hyperparameter and Neural Architecture Search" (2020), https://arxiv.org/abs/2003.10865 (stopping);
Li et al., "Hyper-Tune" (2022), https://arxiv.org/abs/2201.06834 (delayed promotion).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sortedcontainers import SortedList

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.policy.base import diverged
from agcore.records import Action, Decision, RungStanding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# -- levels --------------------------------------------------------------------------------


def exact_factor(reduction_factor: float) -> Fraction:
    """``reduction_factor`` as the decimal number the user wrote: 2.5 is 5/2, 3.3 is 33/10.

    Raises:
        SpecError: It is no finite number of at least 2.
    """
    try:
        factor = Fraction(repr(float(reduction_factor)))
    except (TypeError, ValueError):
        factor = Fraction(0)
    if factor < 2:
        raise SpecError(
            f"reduction_factor={reduction_factor!r} must be a number of at least 2; "
            "2, 3 and 4 are common"
        )
    return factor


def geometric_levels(grace_period: int, reduction_factor: float, max_t: int) -> tuple[int, ...]:
    """Levels ``grace_period * reduction_factor**k`` up to ``max_t``, by exact multiplication.

    Levels of a fractional factor are rounded to the nearest int.

    Raises:
        SpecError: There would be fewer than two levels, or an argument is out of range.
    """
    max_t = whole_number("max_t", max_t)
    grace_period = whole_number("grace_period", grace_period)
    factor = exact_factor(reduction_factor)
    if grace_period >= max_t:
        raise SpecError(
            f"grace_period={grace_period} must be below max_t={max_t}; pass a smaller "
            "grace_period, or max_t if it was inferred from the train function's arguments"
        )
    levels = []
    exact = Fraction(grace_period)
    while round(exact) <= max_t:
        levels.append(round(exact))
        exact *= factor
    if len(levels) < 2:
        raise SpecError(
            f"grace_period={grace_period}, reduction_factor={reduction_factor} and max_t={max_t} "
            f"give one rung level, but at least two are needed; pass max_t={round(exact)} or "
            "more, or a smaller grace_period or reduction_factor"
        )
    return tuple(levels)


def explicit_levels(rung_levels: Sequence[int], max_t: int) -> tuple[int, ...]:
    """``rung_levels`` as a tuple of ints.

    Raises:
        SpecError: They are not at least two increasing whole numbers from 1 to ``max_t``.
    """
    max_t = whole_number("max_t", max_t)
    if not hasattr(rung_levels, "__len__") or len(rung_levels) < 2:
        raise SpecError(
            f"rung_levels={rung_levels!r} must hold at least two levels; pass for example "
            "[1, 3, 9], or leave it out and pass grace_period and reduction_factor"
        )
    levels = tuple(whole_number("a level of rung_levels", level) for level in rung_levels)
    if any(low >= high for low, high in pairwise(levels)):
        raise SpecError(f"rung_levels={list(levels)} must increase; pass {sorted(set(levels))}")
    if levels[-1] > max_t:
        raise SpecError(
            f"rung_levels={list(levels)} must not exceed max_t={max_t}; drop the levels above "
            f"{max_t} or pass max_t={levels[-1]}"
        )
    return levels


@dataclass(frozen=True, slots=True)
class RungLevels:
    """Where the rungs of a bracket stand, and which share of each may go on.

    Attributes:
        levels: Ascending; the last may be ``max_t``, where no decision falls.
        max_t: Resource at which a trial has ended.
        quantiles: One for each level below ``max_t``.
    """

    levels: tuple[int, ...]
    max_t: int
    quantiles: tuple[Fraction, ...]

    @classmethod
    def geometric(
        cls, max_t: int, *, grace_period: int = 1, reduction_factor: float = 3
    ) -> RungLevels:
        """Geometric levels; 1 / ``reduction_factor`` of each rung may go on."""
        levels = geometric_levels(grace_period, reduction_factor, max_t)
        below = sum(level < max_t for level in levels)
        return cls(levels, int(max_t), (1 / exact_factor(reduction_factor),) * below)

    @classmethod
    def explicit(cls, max_t: int, rung_levels: Sequence[int]) -> RungLevels:
        """The given levels; r_j / r_(j+1) of a rung may go on, ``max_t`` succeeding the last."""
        levels = explicit_levels(rung_levels, max_t)
        pairs = pairwise((*levels, int(max_t)))
        return cls(levels, int(max_t), tuple(Fraction(a, b) for a, b in pairs if a < b))

    @property
    def milestones(self) -> tuple[int, ...]:
        """The levels, and ``max_t``."""
        return self.levels if self.levels[-1] == self.max_t else (*self.levels, self.max_t)

    def rungs(self) -> Iterator[tuple[int, int, Fraction]]:
        """Each rung as (level, next milestone, quantile); there is none at ``max_t``."""
        below = self.milestones[:-1]
        return zip(below, self.milestones[1:], self.quantiles, strict=True)

    def without_lowest(self, count: int) -> RungLevels:
        """These levels less the ``count`` lowest."""
        return RungLevels(self.levels[count:], self.max_t, self.quantiles[count:])


# -- what a policy needs of them -----------------------------------------------------------


class StoppingSystem(Protocol):
    """Rungs of one bracket that decide when a trial arrives."""

    def arrive(self, trial_id: int, level: int, reward: float) -> Decision:
        """What a trial that has reached the rung at ``level`` is to do."""
        ...


class PromotionSystem(StoppingSystem, Protocol):
    """Rungs of one bracket at which trials are paused; see `PromotionRungs`."""

    def release(self, trial_id: int, level: int) -> None:
        """Take note that a trial paused at ``level`` can be resumed."""
        ...

    def promote(self, trial_id: int, level: int) -> None:
        """Take note that a paused trial goes on from ``level``."""
        ...

    def withdraw(self, trial_id: int, level: int) -> None:
        """Take note that a trial cannot be promoted from ``level``."""
        ...

    def promotable(
        self, lowest_level: int = 1, accepts: Callable[[Promotable], bool] | None = None
    ) -> Promotable | None:
        """The trial to promote, if there is one."""
        ...


# -- stopping ------------------------------------------------------------------------------


class _StoppingRung:
    """One rung of the stopping rule."""

    __slots__ = (
        "_at",
        "_diverged",
        "_finite",
        "_level",
        "_lower_share",
        "_next_level",
        "_position",
        "_quantile",
        "_time_attr",
    )

    def __init__(self, level: int, next_level: int, quantile: Fraction, time_attr: str) -> None:
        self._level = level
        self._next_level = next_level
        self._quantile = float(quantile)
        self._lower_share = 1 - quantile
        # numpy.percentile is defined for percents and divides them by 100: so do we, to agree
        # with it in the last bit.
        self._position = float(100 * (1 - quantile)) / 100
        self._finite: Any = SortedList()  # ascending
        self._diverged = 0
        self._time_attr = time_attr
        self._at = f"at {time_attr}={level}"

    def cutoff(self) -> float | None:
        """The reward that the next trial needs, or None if any will do because it is the first."""
        n = len(self._finite) + self._diverged
        if n == 0:
            return None
        if self._diverged:
            share = self._lower_share
            lower, rest = divmod((n - 1) * share.numerator, share.denominator)
            return _interpolated(self._finite, lower - self._diverged, rest / share.denominator)
        virtual_index = (n - 1) * self._position
        lower = int(virtual_index)
        return _interpolated(self._finite, lower, virtual_index - lower)

    def arrive(self, trial_id: int, reward: float) -> Decision:
        """The decision on a trial that has reached this rung, which then records it."""
        cutoff = self.cutoff()
        finite = self._finite
        size = len(finite) + self._diverged + 1
        if not isfinite(reward):
            self._diverged += 1
            standing = RungStanding(self._level, size, size, self._quantile, cutoff)
            reason = diverged(trial_id, self._level, self._time_attr).reason
            return Decision(Action.STOP, reason, False, standing)
        rank = len(finite) - finite.bisect_left(reward) + 1
        finite.add(reward)
        standing = RungStanding(self._level, rank, size, self._quantile, cutoff)
        if cutoff is None:
            reason = f"reward {reward:.6g} is the first {self._at}"
        elif reward < cutoff:
            reason = (
                f"reward {reward:.6g} is below the cutoff {cutoff:.6g} "
                f"of {size - 1} earlier trials {self._at}"
            )
            return Decision(Action.STOP, reason, False, standing)
        else:
            reason = (
                f"reward {reward:.6g} reaches the cutoff {cutoff:.6g} "
                f"of {size - 1} earlier trials {self._at}"
            )
        return Decision(Action.CONTINUE, reason, False, standing, self._next_level)


def _interpolated(ascending: Any, lower: int, gamma: float) -> float:
    """The value ``gamma`` of the way from index ``lower`` to the next, as NumPy computes it.

    A negative index is that of a diverged trial: -inf, unless its upper neighbour is finite
    and ``gamma`` is positive, which gives that neighbour.
    """
    if lower < 0:
        has_upper = lower == -1 and gamma > 0 and len(ascending) > 0
        return float(ascending[0]) if has_upper else -inf
    low: float = ascending[lower]
    if gamma == 0:
        return low
    high: float = ascending[lower + 1]
    step = high - low
    value = high - step * (1 - gamma) if gamma >= 0.5 else low + step * gamma
    return min(value, high)  # the step overflows where rewards span more than 1.8e308


class StoppingRungs:
    """The rungs of one bracket under the stopping rule.

    Args:
        levels: Where they stand.
        time_attr: The user's name of the resource, for the reasons.
    """

    def __init__(self, levels: RungLevels, *, time_attr: str = "epoch") -> None:
        self._rungs = {
            level: _StoppingRung(level, following, quantile, time_attr)
            for level, following, quantile in levels.rungs()
        }

    def arrive(self, trial_id: int, level: int, reward: float) -> Decision:
        """Whether a trial that has reached the rung at ``level`` continues or stops."""
        return self._rungs[level].arrive(trial_id, reward)

    def cutoff(self, level: int) -> float | None:
        """The reward that the next trial needs at ``level``, or None if it is the first there."""
        return self._rungs[level].cutoff()


# -- promotion -----------------------------------------------------------------------------

_Key = tuple[float, int, int]
"""(minus the reward, number of the entry, trial): ascending from the best of a rung."""


class Promotable(NamedTuple):
    """A paused trial that may go on, from ``level`` to ``milestone``, and why."""

    trial_id: int
    level: int
    milestone: int
    reason: str


class _PromotionRung:
    """One rung of the promotion rule."""

    __slots__ = (
        "_at",
        "_delays",
        "_entries",
        "_keys",
        "_least_size",
        "_level",
        "_next_level",
        "_num_gone",
        "_quantile",
        "_share",
        "_time_attr",
        "_waiting",
        "is_open",
    )

    def __init__(
        self, level: int, next_level: int, quantile: Fraction, time_attr: str, delays: bool
    ) -> None:
        self._level = level
        self._next_level = next_level
        self._delays = delays
        self._num_gone = 0
        self._quantile = float(quantile)
        self._share = (quantile.numerator, quantile.denominator)
        self._least_size = round(1 / quantile)
        self._entries: Any = SortedList()  # keys of all trials, the best first
        self._waiting: Any = SortedList()  # keys of those that are paused here
        self._keys: dict[int, _Key] = {}
        self._time_attr = time_attr
        self._at = f"at {time_attr}={level}"
        self.is_open = True

    def _num_candidates(self) -> int:
        """How many of the best may have gone on by now."""
        if not self.is_open:
            return 0
        n = len(self._entries)
        return n * self._share[0] // self._share[1] if n >= self._least_size else 0

    def _has_place(self, key: _Key, candidates: int) -> bool:
        """Whether a candidate need not wait for the rung to grow."""
        return not self._delays or self._num_gone + self._waiting.bisect_left(key) < candidates

    def arrive(self, trial_id: int, reward: float) -> Decision:
        """The decision on a trial that has reached this rung and is recorded."""
        entries = self._entries
        size = len(entries) + 1
        finite = isfinite(reward)
        key = (-reward if finite else inf, size, trial_id)
        rank = entries.bisect_left(key) + 1
        entries.add(key)
        self._keys[trial_id] = key
        standing = RungStanding(self._level, rank, size, self._quantile)
        if not finite:
            reason = diverged(trial_id, self._level, self._time_attr).reason
            return Decision(Action.STOP, reason, False, standing)
        candidates = self._num_candidates()
        may_go_on = f"the best {candidates} may" if self.is_open else "none may yet"
        reason = (
            f"reward {reward:.6g} ranks {rank} of {size} {self._at}; "
            f"{may_go_on} go on to {self._next_level}"
        )
        if rank > candidates:
            return Decision(Action.PAUSE, reason, False, standing)
        if not self._has_place(key, candidates):
            better = self._waiting.bisect_left(key)
            waiting = f" and {better} better ones wait" if better else ""
            reason = f"{reason}, but {self._num_gone} have gone on already{waiting}"
            return Decision(Action.PAUSE, reason, False, standing)
        self._num_gone += 1
        return Decision(Action.CONTINUE, reason, False, standing, self._next_level)

    def release(self, trial_id: int) -> None:
        key = self._keys[trial_id]
        if key not in self._waiting:
            self._waiting.add(key)

    def promote(self, trial_id: int) -> None:
        self.withdraw(trial_id)
        self._num_gone += 1

    def withdraw(self, trial_id: int) -> None:
        key = self._keys.get(trial_id)
        if key is not None:
            self._waiting.discard(key)

    def promotable(self) -> Promotable | None:
        """The best of the waiting trials if it is a candidate; if it is not, none is."""
        if not self._waiting:
            return None
        candidates = self._num_candidates()
        key: _Key = self._waiting[0]
        rank = self._entries.bisect_left(key) + 1
        if rank > candidates or not self._has_place(key, candidates):
            return None
        reason = (
            f"reward {-key[0]:.6g} now ranks {rank} of {len(self._entries)} {self._at}; "
            f"the best {candidates} may go on to {self._next_level}"
        )
        return Promotable(key[2], self._level, self._next_level, reason)


class PromotionRungs:
    """The rungs of one bracket under the promotion rule.

    Args:
        levels: Where they stand.
        time_attr: The user's name of the resource, for the reasons.
        delays: Whether promotion is delayed, as in D-ASHA.
    """

    def __init__(
        self, levels: RungLevels, *, time_attr: str = "epoch", delays: bool = False
    ) -> None:
        rungs = [
            (level, _PromotionRung(level, following, quantile, time_attr, delays))
            for level, following, quantile in levels.rungs()
        ]
        self._rungs = dict(rungs)
        self._from_highest = tuple(reversed(rungs))

    def arrive(self, trial_id: int, level: int, reward: float) -> Decision:
        """Whether a trial that has reached the rung at ``level`` continues or is paused."""
        return self._rungs[level].arrive(trial_id, reward)

    def release(self, trial_id: int, level: int) -> None:
        """Take note that a trial paused at ``level`` has left its worker and can be resumed."""
        self._rungs[level].release(trial_id)

    def promote(self, trial_id: int, level: int) -> None:
        """Take note that a paused trial goes on from ``level``; it stays recorded."""
        self._rungs[level].promote(trial_id)

    def withdraw(self, trial_id: int, level: int) -> None:
        """Take note that a trial cannot be promoted from ``level``; it stays recorded."""
        self._rungs[level].withdraw(trial_id)

    def close(self, level: int) -> None:
        """Let nobody go on from ``level`` until it is opened."""
        self._rungs[level].is_open = False

    def open(self, level: int) -> None:
        """Let the best go on from ``level``, also of those that have arrived before."""
        self._rungs[level].is_open = True

    def promotable(
        self, lowest_level: int = 1, accepts: Callable[[Promotable], bool] | None = None
    ) -> Promotable | None:
        """The trial to promote: from the highest rung that has one, the best one there.

        Args:
            lowest_level: Rungs below it are not looked at.
            accepts: Whether a trial may go on now; if not, the rungs below are looked at.
        """
        for level, rung in self._from_highest:
            if level < lowest_level:
                return None
            found = rung.promotable()
            if found is not None and (accepts is None or accepts(found)):
                return found
        return None
