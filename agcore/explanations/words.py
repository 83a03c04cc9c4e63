"""How a run's numbers are said: in the user's names, with the user's sign."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from agcore.objectives import Objectives
from agcore.records import RunStarted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agcore.history import RunHistory
    from agcore.records import Reported

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|inf)"
_REWARD = re.compile(rf"\b(reward|cutoff|median) ({_NUMBER})")
_VALUE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Words:
    """The names and the sign of a run's rewards.

    Attributes:
        reward: Name of the reward.
        resource: Name of the resource.
        sign: 1 if the user's reward is maximised, -1 if it is minimised.
        settings: What else the run was asked to do.
        objectives: The objectives, if there are several; the reward is then made of them.
    """

    reward: str
    resource: str
    sign: int
    settings: Any
    objectives: Objectives | None = None

    @classmethod
    def of(cls, history: RunHistory) -> Words:
        """Those of a run; of one that has not begun the usual ones."""
        first = next(iter(history.events), None)
        settings = first.settings if isinstance(first, RunStarted) else {}
        sign = 1 if settings.get("mode", "max") == "max" else -1
        reward = str(settings.get("reward_attr", "accuracy"))
        objectives = Objectives.of_settings(settings)
        return cls(reward, str(settings.get("time_attr", "epoch")), sign, settings, objectives)

    def reported(self, report: Reported) -> str:
        """What counts in a report: the reward, the objectives, or both."""
        if self.objectives is None:
            return self.named(report.reward)
        said = self.objectives.said(report.metrics)
        is_for_one = bool(self.settings.get("scalarization"))
        return f"{said}, {self.named(report.reward)}" if is_for_one else said

    def value(self, reward: float, digits: int = 6) -> str:
        """A (maximised) reward as the user reports it."""
        return "not finite" if math.isnan(reward) else f"{self.sign * reward + 0.0:.{digits}g}"

    def named(self, reward: float) -> str:
        """A (maximised) reward and its name."""
        joint = " is " if math.isnan(reward) else " "
        return f"{self.reward}{joint}{self.value(reward)}"

    def at(self, resource: int) -> str:
        """A resource and its name."""
        return f"{self.resource} {resource}"

    def reason(self, text: str) -> str:
        """A reason of a policy, whose rewards are maximised, in the user's words."""

        def said(match: re.Match[str]) -> str:
            noun = self.reward if match[1] == "reward" else match[1]
            return f"{noun} {self.value(float(match[2]))}"

        text = text.replace("the best 0 may go", "none may yet go")
        text = re.sub(rf"\b{re.escape(self.resource)}=(?=\d)", f"{self.resource} ", text)
        said_text = _REWARD.sub(said, text)
        if self.sign < 0 and said_text != text:
            said_text = said_text.replace(" is below ", " is above ")
        return said_text


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def share(quantile: float) -> str:
    """A quantile as people write it: ``1/3``."""
    nearest = Fraction(quantile).limit_denominator(100)
    if nearest == 1 or abs(nearest - Fraction(quantile)) > 1e-6:
        return f"{100 * quantile:.3g}%"
    return str(nearest)


def values_of(mapping: Any) -> str:
    """``name=value`` for everything in a mapping, long values cut short."""
    return ", ".join(f"{name}={_short(value)}" for name, value in mapping.items())


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What makes one config of another: ``lr changed from 0.1 to 0.2 and depth=3 added``."""
    said = [
        f"{name} changed from {_short(before[name])} to {_short(value)}"
        for name, value in after.items()
        if name in before and repr(before[name]) != repr(value)  # 1 and True differ
    ]
    said += [f"{name}={_short(value)} added" for name, value in after.items() if name not in before]
    said += [f"{name} taken away" for name in before if name not in after]
    return joined(said) or "nothing changed"


def joined(parts: Sequence[str]) -> str:
    """A list as people write it: ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= _VALUE_CHARS else f"{text[: _VALUE_CHARS - 3]}..."


def ranked(history: RunHistory) -> Iterator[tuple[int, float]]:
    """The trials that may be called the best, each with the reward that stands for it."""
    for trial in history.trials.values():
        value = history.value_of(trial)
        if value is not None and trial.state.counts_for_best:
            yield trial.trial_id, value.reward
