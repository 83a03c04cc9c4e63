"""How many trials each bracket of Hyperband gets, in exact fractions.

Symbols: R the maximum resource, r the minimum, eta the reduction factor, s the highest bracket,
t_i the trials of bracket i that reach R. Bracket i starts ``t_i * eta**i`` trials at
``R / eta**i``; every rung keeps one in eta. So bracket 0 holds trials of full length only, which
is the reverse of the paper's numbering. A trial that is promoted goes on where it was.

Source: Li et al. (2018), Hyperband, Algorithm 1; the fit to a budget is OTX's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class BracketPlan:
    """The rungs of one bracket.

    Attributes:
        bracket: Its number i.
        num_top: Trials that reach the maximum resource, at least 1.
        maximum_resource: R, in epochs.
        reduction_factor: eta.
    """

    bracket: int
    num_top: int
    maximum_resource: int
    reduction_factor: int

    @property
    def num_trials(self) -> int:
        """Trials on the first rung."""
        return self.num_top * int(self.reduction_factor**self.bracket)

    @property
    def rungs(self) -> tuple[tuple[int, Fraction], ...]:
        """Trials and epochs of each rung, the lowest first."""
        eta, i = self.reduction_factor, self.bracket
        return tuple(
            (self.num_top * eta ** (i - k), Fraction(self.maximum_resource, eta ** (i - k)))
            for k in range(i + 1)
        )

    @property
    def cost(self) -> Fraction:
        """Epochs of all its trials together: ``t * R * (1 + i * (1 - 1 / eta))``."""
        share = 1 + self.bracket * (1 - Fraction(1, self.reduction_factor))
        return self.num_top * self.maximum_resource * share


def highest_power(ratio: Fraction, base: int) -> int:
    """The largest k with ``base**k <= ratio``; exact where a float logarithm is one off."""
    k = 0
    while base ** (k + 1) <= ratio:
        k += 1
    return k


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a plan is made for.

    Attributes:
        minimum_resource: r, in epochs.
        maximum_resource: R, in epochs, at least r.
        reduction_factor: eta, at least 2.
    """

    minimum_resource: int
    maximum_resource: int
    reduction_factor: int

    @property
    def highest_bracket(self) -> int:
        """s, the largest whole number with ``r * eta**s <= R``."""
        ratio = Fraction(self.maximum_resource, self.minimum_resource)
        return highest_power(ratio, self.reduction_factor)

    def bracket(self, i: int, num_top: int) -> BracketPlan:
        """The plan of bracket i."""
        return BracketPlan(i, num_top, self.maximum_resource, self.reduction_factor)

    def full(self) -> dict[int, BracketPlan]:
        """Hyperband without a budget: ``t_i = (s + 1) // (i + 1)``."""
        s = self.highest_bracket
        return {i: self.bracket(i, (s + 1) // (i + 1)) for i in range(s + 1)}

    def within(self, budget: Fraction, num_reserved: int = 0) -> dict[int, BracketPlan]:
        """The brackets that fit into a budget: fewer than in `full`, or more trials in them.

        Args:
            budget: Epochs of all trials together.
            num_reserved: Trials that bracket 0 holds already.

        Returns:
            Plans by bracket, without the brackets that do not fit. With a reserved trial there is
            always a bracket 0 that can hold it, whatever the budget.
        """
        full = self.full()
        if sum(plan.cost for plan in full.values()) > budget:
            counts = self._shrunk(budget, num_reserved)
        else:
            counts = self._grown(full, budget)
        if num_reserved:
            counts[0] = max(counts.get(0, 0), num_reserved)
        return {i: self.bracket(i, counts[i]) for i in sorted(counts) if counts[i]}

    def _shrunk(self, budget: Fraction, num_reserved: int) -> dict[int, int]:
        """Trials at the top of each bracket when `full` costs more than the budget."""
        counts: dict[int, int] = {}
        used = Fraction(num_reserved * self.maximum_resource)
        for i, plan in sorted(self.full().items(), reverse=True):
            if i == 0:
                used -= num_reserved * self.maximum_resource
            counts[i] = min(plan.num_top, max(0, math.floor((budget - used) / self._unit(i))))
            used += counts[i] * self._unit(i)
        return counts

    def _grown(self, full: Mapping[int, BracketPlan], budget: Fraction) -> dict[int, int]:
        """Trials at the top of each bracket when the budget holds more than `full`."""
        used = sum((plan.cost for plan in full.values()), Fraction(0))
        units = {i: self._unit(i) for i in full}
        one_each = sum(units.values(), Fraction(0))
        more = math.floor((budget - used) / one_each)
        counts = {i: plan.num_top + more for i, plan in full.items()}
        used += more * one_each
        grows = True
        while grows:
            grows = False
            for i in sorted(units, reverse=True):
                if used + units[i] < budget:
                    counts[i] += 1
                    used += units[i]
                    grows = True
        return counts

    def _unit(self, i: int) -> Fraction:
        """Cost of one more trial at the top of bracket i."""
        return self.bracket(i, 1).cost


def total_cost(plans: Mapping[int, BracketPlan]) -> Fraction:
    """Epochs of all brackets together."""
    return sum((plan.cost for plan in plans.values()), Fraction(0))
