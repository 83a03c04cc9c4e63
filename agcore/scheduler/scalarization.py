"""How several objectives become the one number that a searcher, or a rung, works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError, did_you_mean
from agcore.pareto import augmented_tchebycheff, simplex_weights, weighted_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS_PURPOSE = 17
"""Second word of the seed of the generator that draws weights."""

_ALGORITHMS = ("mean", "random_weights", "parego")
_OPTIONS = ("algorithm", "num_weights", "rho")


@dataclass(frozen=True, slots=True)
class Scalarization:
    """A function of objectives that are scaled to [0, 1] and maximised.

    It never falls when an objective rises.

    Attributes:
        algorithm: ``'mean'`` of the objectives; ``'random_weights'``: the largest of
            ``num_weights`` weighted sums; ``'parego'``: the largest of as many augmented
            Tchebycheff values.
        num_weights: Number of weight vectors.
        rho: Weight of the sum in an augmented Tchebycheff value.
    """

    algorithm: str = "mean"
    num_weights: int = 100
    rho: float = 0.05

    def __post_init__(self) -> None:
        one_of("algorithm", self.algorithm, _ALGORITHMS)
        whole_number("num_weights", self.num_weights)
        if finite_number("rho", self.rho) < 0:
            raise SpecError(f"rho={self.rho!r} must be at least 0; 0.05 is common")

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> Scalarization:
        """That of ``scalarization_options``; by default ``'random_weights'``.

        Raises:
            SpecError: An option is unknown or breaks its rule.
        """
        if options is not None and not isinstance(options, Mapping):
            raise SpecError(f"scalarization_options={options!r} must be a dict")
        given = dict(options or {})
        for name in given:
            if name not in _OPTIONS:
                raise SpecError(
                    f"scalarization_options has no {name!r}{did_you_mean(str(name), _OPTIONS)}; "
                    f"there are: {', '.join(_OPTIONS)}"
                )
        given.setdefault("algorithm", "random_weights")
        one_of("algorithm", given["algorithm"], _ALGORITHMS)
        if "rho" in given and given["algorithm"] != "parego":
            raise SpecError(
                f"rho={given['rho']!r} has no effect with algorithm={given['algorithm']!r}; leave "
                "it out, or pass algorithm='parego'"
            )
        return cls(**given)

    def described(self) -> dict[str, Any]:
        """What fixes the function, as JSON values."""
        described: dict[str, Any] = {"algorithm": self.algorithm}
        if self.algorithm != "mean":
            described["num_weights"] = int(self.num_weights)
        if self.algorithm == "parego":
            described["rho"] = float(self.rho)
        return described

    def function(self, num_objectives: int, seed: int) -> ScaledReward:
        """The function, with its weights drawn.

        Args:
            num_objectives: m.
            seed: Of the weights.
        """
        if self.algorithm == "mean":
            weights = np.full((1, num_objectives), 1.0 / num_objectives)
            return ScaledReward(weights, None)
        rng = np.random.default_rng([seed, WEIGHTS_PURPOSE])
        weights = simplex_weights(rng, self.num_weights, num_objectives)
        return ScaledReward(weights, self.rho if self.algorithm == "parego" else None)


@dataclass(frozen=True, slots=True, eq=False)
class ScaledReward:
    """A scalarisation with its weights.

    Attributes:
        weights: Shape (count, m).
        rho: Of augmented Tchebycheff values; None for weighted sums.
    """

    weights: NDArray[np.float64]
    rho: float | None

    def __call__(self, point: NDArray[np.float64]) -> float:
        """The reward of a point of scaled objectives, shape (m,)."""
        if self.rho is None:
            return weighted_sum(self.weights, point)
        return augmented_tchebycheff(self.weights, point, self.rho)
