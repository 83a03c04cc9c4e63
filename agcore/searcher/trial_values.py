"""What trials have achieved, for searchers that rank them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from agcore.jobs import Config

    Array = NDArray[np.float64]


class Fitness(NamedTuple):
    """How far a trial came and how well it did there; the greater, the better.

    Trials are compared by their largest resource first: whoever has passed more rungs was better
    at each of them than those who have not, and rewards at different resources say nothing about
    one another.

    Attributes:
        resource: Largest at which it was observed.
        reward: There.
    """

    resource: int
    reward: float


@dataclass(slots=True)
class TrialValue:
    """What is known of one trial.

    Attributes:
        trial_id: Its id; -1 without one.
        config: Its config.
        row: The config, encoded, shape (d,).
        rewards: By resource, without the provisional one.
        provisional: Resource and reward of a value that the trial's next one replaces, or None.
    """

    trial_id: int
    config: Config
    row: Array
    rewards: dict[int, float] = field(default_factory=dict)
    provisional: Fitness | None = None

    @property
    def fitness(self) -> Fitness:
        """The value at the largest resource; there is one."""
        latest = max(self.rewards, default=None)
        if latest is None or (self.provisional is not None and self.provisional[0] >= latest):
            if self.provisional is None:
                raise AssertionError("a trial without values is not kept")
            return self.provisional
        return Fitness(latest, self.rewards[latest])

    def all_rewards(self) -> dict[int, float]:
        """Rewards by resource, the provisional one included."""
        if self.provisional is None:
            return self.rewards
        return {**self.rewards, self.provisional.resource: self.provisional.reward}


class TrialValues:
    """Trials with values in the order of their first, and configs that are known to be infeasible.

    A trial whose reward is not a number, or that failed, has no values any more: it is infeasible,
    whatever it has reported before.

    Args:
        encode: The row of a config.
    """

    def __init__(self, encode: Callable[[Config], Array]) -> None:
        self._encode = encode
        self._trials: dict[tuple[int, str], TrialValue] = {}
        self._infeasible: dict[str, Array] = {}

    def __len__(self) -> int:
        return len(self._trials)

    def knows(self, trial_id: int, key: str) -> bool:
        """Whether a trial has a value."""
        return (trial_id, key) in self._trials

    @property
    def trials(self) -> list[TrialValue]:
        """Those with values, the oldest first."""
        return list(self._trials.values())

    @property
    def infeasible_rows(self) -> list[Array]:
        """Encoded configs that gave no number, in the order in which that became known."""
        return list(self._infeasible.values())

    def add(
        self,
        trial_id: int,
        key: str,
        config: Config,
        value: Fitness,
        *,
        provisional: bool,
    ) -> None:
        """Add a value; one of NaN makes the config infeasible.

        Args:
            trial_id: Whose it is; values without a trial, of -1, belong to their config.
            key: Of the config.
            config: Canonical.
            value: Resource and reward.
            provisional: Whether the trial's next value replaces it.
        """
        if math.isnan(value.reward):
            self.fail(key, config)
            return
        if key in self._infeasible:
            return
        trial = self._trials.get((trial_id, key))
        if trial is None:
            trial = TrialValue(trial_id, config, self._encode(config))
            self._trials[trial_id, key] = trial
        trial.provisional = value if provisional else None
        if not provisional:
            trial.rewards[value.resource] = value.reward

    def fail(self, key: str, config: Config) -> None:
        """Learn that a config gives no number."""
        for owner in [owner for owner in self._trials if owner[1] == key]:
            del self._trials[owner]
        self._infeasible.setdefault(key, self._encode(config))

    def remove(self, key: str, resource: int) -> None:
        """Take back what a config without a trial has achieved, if it has."""
        trial = self._trials.get((-1, key))
        if trial is not None:
            trial.rewards.pop(resource, None)
            if not trial.rewards:
                del self._trials[-1, key]
