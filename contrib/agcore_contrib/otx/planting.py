"""From trials that exist, and a budget, to brackets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from agcore_contrib.otx.bracket import Bracket
from agcore_contrib.otx.plan import highest_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore_contrib.otx.plan import BracketPlan, Geometry
    from agcore_contrib.otx.settings import HyperBandSettings
    from agcore_contrib.otx.trial import Trial


def num_places(plan: dict[int, BracketPlan]) -> int:
    """Trials that the lowest rungs of all brackets take."""
    return sum(bracket.num_trials for bracket in plan.values())


def fitting_plan(
    geometry: Geometry, budget: Fraction | None, num_full: int, others: Sequence[Trial]
) -> dict[int, BracketPlan]:
    """The plan that fits into the budget beside trials that will find no place.

    Args:
        geometry: What is planned for.
        budget: In epochs, or None for all of Hyperband.
        num_full: Trials that have been trained in full and belong to bracket 0.
        others: Trials that have been trained for a few epochs, in the order of their places.
    """
    if budget is None:
        return geometry.full()
    sunk = 0
    while True:
        plan = geometry.within(budget - sunk, num_full)
        places = num_places(plan) - num_full
        without_place = sum(trial.promised for trial in others[places:])
        if without_place <= sunk:
            return plan
        sunk = without_place  # it only grows, as the places only get fewer


def make_bracket(
    settings: HyperBandSettings, number: int, maximum: int, trials: Sequence[Trial]
) -> Bracket:
    """A bracket of the trials there are, with fewer rungs if they are too few for its number.

    Args:
        settings: Of the search.
        number: Of the bracket.
        maximum: Resource of its highest rung, in epochs.
        trials: At least one.
    """
    eta = settings.reduction_factor
    num_below_top = min(number, highest_power(Fraction(len(trials)), eta))
    return Bracket(
        number,
        Fraction(maximum, eta**num_below_top),
        maximum,
        trials,
        eta,
        settings.mode,
        settings.asynchronous_sha,
    )
