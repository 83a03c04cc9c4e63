"""What a model expected of a config when it proposed it, in rewards.

The journal holds the criterion, which is minimised: ``1 - reward`` unless ``why`` says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.explanations.words import Words
    from agcore.history import RunHistory, Trial
    from agcore.records import Reported

_ALWAYS = ("observations", "mean", "sd", "acquisition", "evaluations")
"""By these numbers a proposal of agcore's own models is known."""
_FEWEST_DIGITS = 3
_MOST_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Expectation:
    """A prediction of a (maximised) reward.

    Attributes:
        resource: At which it was predicted; None for the value of the whole trial.
        mean: The mean of the prediction.
        low: One standard deviation below; minus infinity if there is no reward so low.
        high: One standard deviation above, or infinity.
        incumbent: What the best config known then was expected to have, or None.
        improvement: The expected improvement over it, or None where it cannot be told.
        is_linear: Whether rewards lie as their criterion does, so that deviations can be counted.
    """

    resource: int | None
    mean: float
    low: float
    high: float
    incumbent: float | None
    improvement: float | None
    is_linear: bool

    @classmethod
    def of(cls, trial: Trial) -> Expectation | None:
        """That of a trial; None if its proposal says nothing that can be read as a reward."""
        if not is_by_our_model(trial):
            return None
        why = trial.why
        resource = why["resource"] if isinstance(why.get("resource"), int) else None
        if why.get("map_reward") == "own":
            return cls._as_recorded(resource, why.get("rewards"))
        shift = 0.0 if why.get("map_reward") == "minus_x" else 1.0
        mean, incumbent = shift - why["mean"], why.get("incumbent")
        return cls(
            resource,
            mean,
            mean - why["sd"],
            mean + why["sd"],
            shift - incumbent if _is_number(incumbent) else None,
            why["improvement"] if _is_number(why.get("improvement")) else None,
            is_linear=True,
        )

    @classmethod
    def _as_recorded(cls, resource: Any, rewards: Mapping[str, Any] | None) -> Expectation | None:
        """That of a searcher with a map of rewards of its own."""
        if not rewards or "mean" not in rewards or not all(map(_is_number, rewards.values())):
            return None
        return cls(
            resource,
            rewards["mean"],
            rewards.get("low", -math.inf),
            rewards.get("high", math.inf),
            rewards.get("incumbent"),
            None,
            is_linear=False,
        )

    @property
    def sd(self) -> float:
        """The standard deviation, where rewards lie as their criterion does."""
        return (self.high - self.low) / 2.0

    def said(self, words: Words) -> str:
        """The prediction, in the user's rewards."""
        mean = self.number(self.mean, words)
        if self.is_linear:
            return f"{words.reward} {mean} with standard deviation {self.sd:.2g}"
        edges = [self.number(e, words) for e in (self.low, self.high) if math.isfinite(e)]
        if not edges:
            return f"{words.reward} {mean}"
        return f"{words.reward} {mean}, one standard deviation from {' and '.join(edges)}"

    def brief(self, words: Words) -> str:
        """The prediction in a few characters."""
        at = "" if self.resource is None else f" at {self.resource}"
        spread = f" +- {self.sd:.2g}" if self.is_linear else ""
        return f"{self.number(self.mean, words)}{spread}{at}"

    def number(self, reward: float, words: Words) -> str:
        """A (maximised) reward as precise as the prediction is."""
        digits = _FEWEST_DIGITS
        if 0.0 < self.sd < math.inf and reward:
            lost = math.log10(abs(reward)) - math.log10(self.sd)
            digits = min(max(digits, math.ceil(lost) + 2), _MOST_DIGITS)
        return words.value(reward, digits)

    def compared(self, reward: float) -> str:
        """How a (maximised) reward compares with the prediction."""
        if self.is_linear and self.sd > 0.0:
            deviations = (reward - self.mean) / self.sd
            if abs(deviations) < 0.05:
                return "as expected"
            way = "better" if deviations > 0.0 else "worse"
            return f"{abs(deviations):.1f} standard deviations {way} than expected"
        if self.low <= reward <= self.high:
            return "within one standard deviation of what was expected"
        way = "better" if reward > self.mean else "worse"
        return f"more than one standard deviation {way} than expected"

    def outcome(self, history: RunHistory, trial: Trial, words: Words) -> Reported | None:
        """The report that it is to be compared with, or None if there is none yet."""
        if self.resource is None or words.settings.get("searcher_data") == "trial":
            return history.value_of(trial)
        return trial.report_for(self.resource)


def is_by_our_model(trial: Trial) -> bool:
    """Whether a model of agcore has proposed a trial, as its numbers show."""
    return trial.origin == "model" and all(_is_number(trial.why.get(name)) for name in _ALWAYS)


def _is_number(value: object) -> bool:
    is_plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_plain and math.isfinite(value)  # type: ignore[arg-type]
