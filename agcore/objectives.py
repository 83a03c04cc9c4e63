"""Several objectives of one run: what they are called and which way each is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agcore.checks import one_of
from agcore.errors import SpecError

SCALARIZATION = "_SCALARIZATION"
"""Key, in reports, of the one number that is made of several objectives; it is maximised."""

_MODES = ("max", "min")


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of a run, at least two.

    Attributes:
        names: Keys in reports.
        modes: For each ``'max'`` or ``'min'``: which values are better.
    """

    names: tuple[str, ...]
    modes: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.names:
            if not isinstance(name, str) or not name or name == SCALARIZATION:
                raise SpecError(
                    f"objective {name!r} must be the name of a reported metric, and not "
                    f"{SCALARIZATION!r}, which is computed"
                )
        if len(set(self.names)) < len(self.names):
            raise SpecError(f"objectives={list(self.names)!r} names one twice; name each once")
        if len(self.names) < 2:
            raise SpecError(
                f"objectives={list(self.names)!r} must be at least two; for one pass its name, as "
                "reward_attr='accuracy'"
            )
        for name, mode in zip(self.names, self.modes, strict=True):
            one_of(f"mode of {name!r}", mode, _MODES)

    @classmethod
    def of(cls, reward_attr: Any, mode: Any) -> Objectives | None:
        """What the arguments ``reward_attr`` and ``mode`` say; None if there is one reward.

        Args:
            reward_attr: A name, or a list of names.
            mode: With a list of names: one word for all, a list of words, or a dict from names
                to words.

        Raises:
            SpecError: The modes do not match the names, or a name or word is none.
        """
        if isinstance(reward_attr, str) or not isinstance(reward_attr, Sequence):
            return None
        names = tuple(reward_attr)
        if isinstance(mode, str):
            modes = (mode,) * len(names)
        elif isinstance(mode, Mapping):
            if set(mode) != set(names):
                raise SpecError(f"mode={dict(mode)!r} must name each of {list(names)}, and no more")
            modes = tuple(mode[name] for name in names)
        else:
            modes = tuple(mode) if isinstance(mode, Sequence) else ()
            if len(modes) != len(names):
                raise SpecError(
                    f"mode={mode!r} must have a word for each of {list(names)}; pass 'max' or "
                    "'min' for each, in their order"
                )
        return cls(names, modes)

    @classmethod
    def parse(cls, objectives: Any) -> Objectives:
        """Those of a dict ``{name: 'MAX' or 'MIN'}``.

        Raises:
            SpecError: It is no such dict.
        """
        if not isinstance(objectives, Mapping):
            raise SpecError(
                f"objectives={objectives!r} must be a dict, as {{'accuracy': 'MAX', 'latency': "
                "'MIN'}"
            )
        return cls(tuple(objectives), tuple(str(mode).lower() for mode in objectives.values()))

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> Objectives | None:
        """Those that the settings of a recorded run hold, as `described`; None if it has one."""
        described = settings.get("objectives")
        if not described:
            return None
        names, modes = zip(*described, strict=True)
        return cls(names, modes)

    def described(self) -> list[list[str]]:
        """Names and modes as JSON values."""
        return [list(pair) for pair in zip(self.names, self.modes, strict=True)]

    def vector(self, metrics: Mapping[str, Any]) -> tuple[float, ...]:
        """The objectives in a report, all to be maximised; NaN or infinite where the user's are."""
        return tuple(
            float(metrics[name]) if mode == "max" else -float(metrics[name])
            for name, mode in zip(self.names, self.modes, strict=True)
        )

    def values(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """The objectives in a report by name, as the user reports them."""
        return {name: float(metrics[name]) for name in self.names}

    def said(self, metrics: Mapping[str, Any]) -> str:
        """The objectives in a report, in words."""
        return ", ".join(f"{name} {value:.6g}" for name, value in self.values(metrics).items())
