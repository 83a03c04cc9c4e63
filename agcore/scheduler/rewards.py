"""What a report is worth: one number to be maximised, and several objectives if the run has them.

With several objectives the reward is a scalarisation. Each objective is first scaled to [0, 1] by
the smallest and the largest value that the run has seen, this report included, so that units do
not matter. What was seen is a fold over the recorded reports: a resumed run has the same range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from agcore.objectives import SCALARIZATION
from agcore.pareto import scaled
from agcore.policy import RanksObjectives
from agcore.scheduler.scalarization import Scalarization

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from agcore.objectives import Objectives
    from agcore.policy import Policy
    from agcore.records import Decision, Reported
    from agcore.scheduler.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a report.

    Attributes:
        reward: To be maximised; NaN if something is not finite.
        objectives: All of them, to be maximised; empty in a run with one reward.
        computed: What the report is to hold besides what was reported.
    """

    reward: float
    objectives: tuple[float, ...] = ()
    computed: Mapping[str, float] | None = None


class Difference(NamedTuple):
    """How a repeated report differs from the recorded one, in the user's units."""

    name: str
    recorded: float
    repeated: float


class RewardReader(Protocol):
    """Reads reports; `accept` is called for each that is recorded, in their order."""

    def read(self, metrics: Mapping[str, Any]) -> Reading:
        """What a new report is worth."""
        ...

    def recall(self, event: Reported) -> Reading:
        """What a recorded report was found to be worth."""
        ...

    def accept(self, reading: Reading) -> None:
        """Take note of a report that is recorded."""
        ...

    def difference(self, event: Reported, metrics: Mapping[str, Any]) -> Difference | None:
        """The first difference between a recorded report and its repetition, if any."""
        ...


def reader_for(settings: RunSettings) -> RewardReader:
    """The reader of a run's reports."""
    if settings.objectives is None:
        return OneReward(settings.reward_attr, settings.sign)
    scalarization = settings.scalarization or Scalarization()
    return SeveralObjectives(settings.objectives, scalarization, settings.seed)


def decision_on(policy: Policy, trial_id: int, resource: int, reading: Reading) -> Decision:
    """The policy's answer to a report.

    Raises:
        ReportError: The resource breaks a rule.
    """
    if reading.objectives and isinstance(policy, RanksObjectives):
        policy.on_objectives(trial_id, reading.objectives)
    return policy.on_report(trial_id, resource, reading.reward)


class OneReward:
    """Reads a metric.

    Args:
        name: Its key.
        sign: 1 if it is maximised, -1 if it is minimised.
    """

    def __init__(self, name: str, sign: int) -> None:
        self._name = name
        self._sign = sign

    def read(self, metrics: Mapping[str, Any]) -> Reading:
        """The metric, to be maximised."""
        # A run keeps every report: this is the same number as in the metrics, not another one.
        value = float(metrics[self._name])
        reward = value if self._sign > 0 else -value
        return Reading(reward if math.isfinite(reward) else math.nan)

    def recall(self, event: Reported) -> Reading:
        """The recorded reward."""
        return Reading(event.reward)

    def accept(self, reading: Reading) -> None:
        """Nothing to note."""

    def difference(self, event: Reported, metrics: Mapping[str, Any]) -> Difference | None:
        """That of the reward."""
        recorded, repeated = event.reward, self.read(metrics).reward
        if _same(recorded, repeated):
            return None
        return Difference(self._name, self._sign * recorded, self._sign * repeated)


class SeveralObjectives:
    """Reads objectives and makes one number of them.

    Args:
        objectives: Their names and modes.
        scalarization: How they become one number.
        seed: Of the run.
    """

    def __init__(self, objectives: Objectives, scalarization: Scalarization, seed: int) -> None:
        self._objectives = objectives
        self._function = scalarization.function(len(objectives.names), seed)
        self._low: NDArray[np.float64] | None = None
        self._high: NDArray[np.float64] | None = None

    def read(self, metrics: Mapping[str, Any]) -> Reading:
        """The objectives, and their scalarisation on the range seen so far."""
        vector = self._objectives.vector(metrics)
        reward = math.nan
        if all(map(math.isfinite, vector)):
            low, high = self._range_with(vector)
            reward = self._function(scaled(np.asarray(vector), low, high))
        return Reading(reward, vector, {SCALARIZATION: reward})

    def recall(self, event: Reported) -> Reading:
        """The objectives in the recorded report, and the recorded reward."""
        return Reading(event.reward, self._objectives.vector(event.metrics))

    def accept(self, reading: Reading) -> None:
        """Widen the range to hold a report."""
        if not math.isnan(reading.reward):
            self._low, self._high = self._range_with(reading.objectives)

    def difference(self, event: Reported, metrics: Mapping[str, Any]) -> Difference | None:
        """That of the first objective that differs."""
        recorded, repeated = (
            self._objectives.values(event.metrics),
            self._objectives.values(metrics),
        )
        for name, value in recorded.items():
            if not _same(value, repeated[name]):
                return Difference(name, value, repeated[name])
        return None

    def _range_with(
        self, vector: tuple[float, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        point = np.asarray(vector)
        if self._low is None or self._high is None:
            return point, point
        return np.minimum(self._low, point), np.maximum(self._high, point)


def _same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))
