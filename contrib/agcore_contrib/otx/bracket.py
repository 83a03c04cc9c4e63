"""A bracket: rungs on top of each other, each with one in eta of the trials below."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from agcore.checks import one_of
from agcore.errors import SpecError
from agcore_contrib.otx.plan import highest_power
from agcore_contrib.otx.rung import Rung
from agcore_contrib.otx.trial import Trial, best_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MODES = ("max", "min")


class Bracket:
    """Successive halving of some trials.

    Args:
        index: Its number.
        minimum_resource: Epochs of the lowest rung, above 0; perhaps a fraction.
        maximum_resource: Epochs of the highest one, not below.
        trials: At least eta to the power of the number of the highest rung.
        reduction_factor: eta, at least 2.
        mode: ``'max'`` or ``'min'``.
        asynchronous_sha: Whether trials are promoted before their rung is done.

    Raises:
        SpecError: A resource, eta or mode breaks a rule, or there are too few trials.
    """

    def __init__(
        self,
        index: int,
        minimum_resource: Fraction | int,
        maximum_resource: int,
        trials: Sequence[Trial],
        reduction_factor: int = 3,
        mode: str = "max",
        asynchronous_sha: bool = True,
    ) -> None:
        one_of("mode", mode, MODES)
        self.index = index
        self.minimum_resource = minimum_resource
        self.maximum_resource = maximum_resource
        self.reduction_factor = reduction_factor
        self._mode = mode
        self._asynchronous = asynchronous_sha
        self.trials = tuple(trials)
        top = highest_rung(minimum_resource, maximum_resource, reduction_factor)
        eta = reduction_factor
        if len(trials) < eta**top:
            raise SpecError(
                f"bracket {index} has {len(trials)} trials; {top + 1} rungs with "
                f"reduction_factor={eta} need at least {eta**top}: raise minimum_resource"
            )
        self.rungs = [
            Rung(
                max(Fraction(minimum_resource), Fraction(maximum_resource, eta ** (top - k))),
                len(trials) // eta**k,
                eta,
                k,
                mode,
                asynchronous_sha,
            )
            for k in range(top + 1)
        ]
        for trial in trials:
            trial.bracket = index
            self.rungs[0].add(trial)

    @property
    def is_done(self) -> bool:
        """Whether the trials of all rungs have finished, and no more will come."""
        self._close_rungs()
        return all(rung.is_done for rung in reversed(self.rungs))

    def next_trial(self) -> Trial | None:
        """A trial to be trained: a promotion high up before anything further down, or None."""
        self._close_rungs()
        for k in range(len(self.rungs) - 1, -1, -1):
            rung = self.rungs[k]
            if k + 1 < len(self.rungs) and not self.rungs[k + 1].is_full:
                promoted = rung.next_to_promote()
                if promoted is not None:
                    self.rungs[k + 1].add(rung.promote())
                    if promoted.is_waiting:
                        return promoted
            waiting = rung.next_waiting()
            if waiting is not None:
                return waiting
        return None

    def best_trial(self) -> Trial | None:
        """The trial with the best score, or None."""
        return best_of(list(self.trials), self._mode)

    def inferior_trials(self) -> list[Trial]:
        """Trials that will never be trained again, those of the highest rung aside."""
        self._close_rungs()
        return [trial for rung in self.rungs[:-1] for trial in rung.never_promoted()]

    def _close_rungs(self) -> None:
        """Close the rungs to which no more trials can come from below."""
        for lower, upper in zip(self.rungs, self.rungs[1:], strict=False):
            if lower.is_done and lower.next_to_promote() is None:
                upper.is_closed = True

    def record(self) -> dict[str, Any]:
        """What is saved of it."""
        return {
            "minimum_resource": float(self.minimum_resource),
            "maximum_resource": self.maximum_resource,
            "reduction_factor": self.reduction_factor,
            "mode": self._mode,
            "asynchronous_sha": self._asynchronous,
            "num_trials": len(self.trials),
            "rung_status": [
                {
                    "rung_idx": rung.index,
                    "num_trial": rung.num_come,
                    "num_required_trial": rung.num_required,
                    "resource": float(rung.resource),
                }
                for rung in self.rungs
            ],
        }


def highest_rung(minimum: Fraction | int, maximum: int, reduction_factor: int) -> int:
    """Number of the highest rung: the smallest whole k with ``minimum * eta**k >= maximum``.

    Raises:
        SpecError: A resource is not above 0, the minimum exceeds the maximum, or eta is below 2.
    """
    if reduction_factor < 2:
        raise SpecError(f"reduction_factor={reduction_factor} must be at least 2")
    if minimum <= 0 or minimum > maximum:
        raise SpecError(
            f"minimum_resource={minimum} must be above 0 and not exceed maximum_resource={maximum}"
        )
    ratio = Fraction(maximum) / Fraction(minimum)
    k = highest_power(ratio, reduction_factor)
    return k if reduction_factor**k == ratio else k + 1
