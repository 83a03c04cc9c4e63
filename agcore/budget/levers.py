"""What a plan can move, and what that costs.

Three levers: the number of trials n, the epochs m of each, the share s of the data. One epoch on a
share costs c(s) = (1 - p) s + p full epochs, where p is the part that does not shrink. Costs are
wall time in full epochs on W workers. Without rungs n trials take ceil(n / W) rounds of m epochs.
With rungs the share of trials that goes on from each is fixed, and the work T of all of them takes
at most T / W + (1 - 1 / W) m, whoever takes which trial when (Graham 1966, bound for list
scheduling).

The levers begin at their least and are raised one after another, always the one that lags most: s,
3 m / E or n / (20 W H), for E full epochs and H hyperparameters. With rungs m goes to the next
level as soon as one trial would reach it. It ends before the first step that the budget has no
room for; so more budget never moves s or m down. What then is left goes to more trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agcore.policy.rungs import RungLevels, exact_factor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

LEAST_SAMPLES = 500
"""No plan trains on fewer samples, unless there are no more or the user said so."""

_FIRST_SHARE = 0.2
_SHARE_STEP = 1.05
_EPOCH_WEIGHT = 3
_TRIALS_PER_UNIT = 20
_MOST_TRIALS = 100_000


def epoch_cost(subset_ratio: float, non_pure_train_ratio: float) -> float:
    """c(s): what an epoch on a share of the data costs, in full epochs."""
    return (1 - non_pure_train_ratio) * subset_ratio + non_pure_train_ratio


def first_share(dataset_size: int | None) -> float:
    """The least share of the data that a plan may choose."""
    if not dataset_size:
        return 1.0
    return min(1.0, max(_FIRST_SHARE, LEAST_SAMPLES / dataset_size))


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs up to the full length of a trial; without any there is one level.

    Attributes:
        levels: Epochs at which trials are compared, ascending; the last is their length.
        quantiles: For each level but the last the share that goes on.
    """

    levels: tuple[int, ...]
    quantiles: tuple[Fraction, ...] = ()

    @classmethod
    def of(cls, rungs: RungLevels) -> Ladder:
        """That of one bracket."""
        return cls(rungs.milestones, rungs.quantiles)

    @classmethod
    def geometric(cls, epochs: int, grace_period: int, reduction_factor: float) -> Ladder:
        """Geometric rungs, or a single level where there is no room for two."""
        if round(exact_factor(reduction_factor) * grace_period) > epochs:
            return cls((epochs,))
        return cls.of(
            RungLevels.geometric(
                epochs, grace_period=grace_period, reduction_factor=reduction_factor
            )
        )

    def up_to(self, top: int) -> Ladder:
        """The ladder cut off at one of its levels."""
        count = self.levels.index(top) + 1
        return Ladder(self.levels[:count], self.quantiles[: count - 1])

    def reached(self, num_trials: int) -> tuple[int, ...]:
        """How many of so many trials reach each level."""
        counts = [num_trials]
        for quantile in self.quantiles:
            counts.append(int(counts[-1] * quantile))
        return tuple(counts)

    def work(self, num_trials: int) -> int:
        """Epochs that so many trials take together; those that go on repeat nothing."""
        steps = (high - low for low, high in zip((0, *self.levels), self.levels, strict=False))
        return sum(n * step for n, step in zip(self.reached(num_trials), steps, strict=True))

    def least_to_climb(self, level: int) -> int:
        """The fewest trials of which one reaches the level after ``level``."""
        needed = 1
        for quantile in reversed(self.quantiles[: self.levels.index(level) + 1]):
            needed = math.ceil(needed / quantile)
        return needed

    def wall(self, num_trials: int, workers: int) -> float:
        """Wall time of so many trials, in epochs; never less than it really takes."""
        if not self.quantiles:
            return -(-num_trials // workers) * self.levels[-1]
        top = self.levels[sum(count > 0 for count in self.reached(num_trials)) - 1]
        return self.work(num_trials) / workers + (1 - 1 / workers) * top


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the levers stand."""

    num_trials: int
    epochs: int
    subset_ratio: float


@dataclass(frozen=True, slots=True)
class Levers:
    """The levers of one plan, and which of them are fixed.

    Attributes:
        workers: Trials at once.
        num_parameters: Hyperparameters searched.
        full_epochs: E, epochs of a full training.
        epoch_choices: Lengths of a trial that may be chosen, ascending.
        ladder_for: The rungs of trials of a length.
        has_rungs: Whether there are any.
        non_pure_train_ratio: p.
        first: Where the levers begin; fixed ones stay there.
        fixed: Names of those that the user has fixed.
        most_trials: Size of the space, or None.
    """

    workers: int
    num_parameters: int
    full_epochs: int
    epoch_choices: Sequence[int]
    ladder_for: Callable[[int], Ladder]
    has_rungs: bool
    non_pure_train_ratio: float
    first: Setting
    fixed: frozenset[str]
    most_trials: int | None = None

    def cost(self, setting: Setting) -> float:
        """Wall time in full epochs."""
        wall = self.ladder_for(setting.epochs).wall(setting.num_trials, self.workers)
        return wall * epoch_cost(setting.subset_ratio, self.non_pure_train_ratio)

    def best_within(self, budget_epochs: float) -> Setting:
        """The setting to plan with; the first one if not even that fits."""
        setting = self.first
        if self.cost(setting) > budget_epochs:
            return setting
        while (raised := self._raised(setting)) is not None:
            if self.cost(raised) > budget_epochs:
                break
            setting = raised
        return self._filled(setting, budget_epochs)

    def _raised(self, at: Setting) -> Setting | None:
        """One lever a step up; None if all have come to their end."""
        lag: dict[str, float] = {}
        if "subset_ratio" not in self.fixed and at.subset_ratio < 1:
            lag["subset_ratio"] = at.subset_ratio
        if "epochs" not in self.fixed and at.epochs < self.epoch_choices[-1]:
            lag["epochs"] = self._lag_of_epochs(at)
        if "num_trials" not in self.fixed:
            most = _TRIALS_PER_UNIT * self.workers * self.num_parameters
            if "epochs" in lag and self.has_rungs:
                most = max(most, self._trials_to_climb(at.epochs))
            if self.most_trials is not None:
                most = min(most, self.most_trials)
            if at.num_trials < most:
                lag["num_trials"] = at.num_trials / most
        lever = min(lag, key=lag.__getitem__, default=None)
        if lever == "subset_ratio":
            return replace(at, subset_ratio=min(1.0, at.subset_ratio * _SHARE_STEP))
        if lever == "epochs":
            return replace(at, epochs=next(m for m in self.epoch_choices if m > at.epochs))
        return None if lever is None else replace(at, num_trials=at.num_trials + 1)

    def _trials_to_climb(self, epochs: int) -> int:
        following = next(m for m in self.epoch_choices if m > epochs)
        return self.ladder_for(following).least_to_climb(epochs)

    def _lag_of_epochs(self, at: Setting) -> float:
        if self.has_rungs and "num_trials" not in self.fixed:
            return -1.0 if at.num_trials >= self._trials_to_climb(at.epochs) else math.inf
        return _EPOCH_WEIGHT * at.epochs / self.full_epochs

    def _filled(self, setting: Setting, budget_epochs: float) -> Setting:
        """The setting with what is left given to more trials, or to longer ones."""
        if "num_trials" not in self.fixed:
            most = _MOST_TRIALS if self.most_trials is None else self.most_trials
            low, high = setting.num_trials, max(most, setting.num_trials)
            while low < high:
                middle = (low + high + 1) // 2
                fits = self.cost(replace(setting, num_trials=middle)) <= budget_epochs
                low, high = (middle, high) if fits else (low, middle - 1)
            return replace(setting, num_trials=low)
        if "epochs" not in self.fixed:
            for epochs in reversed(self.epoch_choices):
                longer = replace(setting, epochs=epochs)
                if epochs > setting.epochs and self.cost(longer) <= budget_epochs:
                    return longer
        return setting
