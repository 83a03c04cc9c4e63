"""What somebody believes about the best value of a parameter, before anything was observed.

A belief is a distribution on the unit interval of its space. Searchers draw from it and trust it
the less the more they have observed, so a wrong one costs time but excludes nothing.

Source: Mallik et al. (2023), "PriorBand", https://arxiv.org/abs/2306.12370, appendix on how a
guess and a confidence become a distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Union

from agcore.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from statistics import NormalDist

SPREADS = {"low": 0.5, "medium": 0.25, "high": 0.125}
"""Standard deviation about a guess, as a share of the range."""
_TIMES_AS_LIKELY = {"low": 2.0, "medium": 4.0, "high": 8.0}
"""A guessed option beside any other."""


@dataclass(frozen=True)
class Peak:
    """A normal distribution about a guess, cut off at the ends of the unit interval.

    Attributes:
        centre: The guess, in the unit interval.
        spread: Standard deviation.
    """

    centre: float
    spread: float

    def quantile(self, u: float) -> float:
        """The unit below which a share ``u`` of the distribution lies."""
        below, above = self._ends
        unit = self._normal.inv_cdf(min(max(below + u * (above - below), 1e-12), 1 - 1e-12))
        return min(max(unit, 0.0), 1.0)

    @cached_property
    def _normal(self) -> NormalDist:
        from statistics import NormalDist  # here, because worker processes must start fast

        return NormalDist(self.centre, self.spread)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return self._normal.cdf(0.0), self._normal.cdf(1.0)


@dataclass(frozen=True)
class Shares:
    """How likely each option is.

    Attributes:
        shares: One for each option, their sum 1.
    """

    shares: tuple[float, ...]

    @property
    def likeliest(self) -> int:
        """The first option of the largest share."""
        return self.shares.index(max(self.shares))

    def quantile(self, u: float) -> float:
        """The unit below which a share ``u`` lies; options have cells of equal width there."""
        count, below = len(self.shares), 0.0
        for i, upto in enumerate(self._upto):
            if u < upto or i == count - 1:
                inside = (u - below) / self.shares[i]
                return (i + min(max(inside, 0.0), 1.0 - 1e-9)) / count
            below = upto
        raise AssertionError("there is an option")

    @cached_property
    def _upto(self) -> list[float]:
        return list(accumulate(self.shares))


Prior = Union[Peak, Shares]


def spread_of(confidence: str) -> float:
    """The standard deviation that a confidence stands for.

    Raises:
        SpecError: It is not one of the three words.
    """
    if confidence not in SPREADS:
        raise SpecError(
            f"prior_confidence={confidence!r} must be one of {', '.join(map(repr, SPREADS))}"
            f"{did_you_mean(str(confidence), SPREADS)}"
        )
    return SPREADS[confidence]


def prior_text(prior: Any, confidence: str) -> str:
    """How a prior is written in the repr of a space."""
    sure = "" if confidence == "medium" else f", prior_confidence={confidence!r}"
    return f", prior={prior!r}{sure}"


def shares_of(
    labels: Sequence[Any], named: Sequence[int], weights: Sequence[Any] | None, confidence: str
) -> Shares:
    """The shares of options.

    Args:
        labels: Of all options.
        named: Numbers of those that somebody named: a single guess if there are no weights.
        weights: One for each of ``named``, or None.
        confidence: In a single guess.

    Raises:
        SpecError: A weight is missing, or not above 0; or an unknown confidence.
    """
    spread_of(confidence)
    if weights is None:
        of = dict.fromkeys(range(len(labels)), 1.0)
        of[named[0]] = _TIMES_AS_LIKELY[confidence]
    else:
        of = {i: _as_weight(w, labels[i]) for i, w in zip(named, weights, strict=True)}
        missing = [label for i, label in enumerate(labels) if i not in of]
        if missing:
            raise SpecError(
                f"prior has no weight for {missing[0]!r}; name every option, unlikely ones with a "
                "small weight"
            )
    total = sum(of.values())
    return Shares(tuple(of[i] / total for i in range(len(labels))))


def _as_weight(weight: Any, label: Any) -> float:
    if isinstance(weight, (int, float)) and not isinstance(weight, bool) and 0 < weight < 1e300:
        return float(weight)
    raise SpecError(f"prior: the weight {weight!r} of {label!r} must be a number above 0")
