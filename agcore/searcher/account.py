"""What ``debug_log=True`` says of a proposal by a model: a block of lines.

Values are named as in ``3:9``: trial 3 at resource 9; a trial without number is an earlier run's,
or was told by hand.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.searcher.candidates import Found
    from agcore.searcher.model_data import Case

    Array = NDArray[np.float64]

_WIDTH = 100
_MOST_SHOWN = 40
"""Observations listed; of more the last."""


@dataclass(frozen=True, slots=True)
class Account:
    """The numbers behind a proposal.

    Attributes:
        number: Of the proposal.
        found: What the search has found.
        best_start: The config that scored best before the local search.
        why: As the journal has it.
        cases: Whom the observations belong to.
        pending: Names of the pending values.
        targets: Standardised observations, then those drawn at pending configs, a column for
            each draw, shape (n + q, m).
        mean: Of the observations, in units of the criterion.
        scale: Their standard deviation.
        parameters: Hyperparameters by surrogate and name.
        since_fit: Proposals since they were fitted, this one included.
        trust: Weights of the levels of an ensemble by their resource; empty without one.
    """

    number: int
    found: Found
    best_start: Config
    why: Mapping[str, Any]
    cases: Sequence[Case]
    pending: Sequence[str]
    targets: Array
    mean: float
    scale: float
    parameters: Mapping[str, Mapping[str, float]]
    since_fit: int
    trust: Mapping[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        why, count = self.why, len(self.cases)
        at = f" at resource {why['resource']}" if "resource" in why else ""
        first = max(count - _MOST_SHOWN, 0)
        names = [named(case.trial_id, case.resource) for case in self.cases[first:]]
        omitted = [f"... ({first} earlier)"] if first else []
        lines = [
            f"the search ended after {self.found.evaluations} evaluations, the acquisition is "
            f"{self.found.value:.5g}",
            f"expected criterion{at}: {why['mean']:.5g}, sd {why['sd']:.5g}" + self._incumbent(),
            f"{count} values, mean {self.mean:.5g}, sd {self.scale:.5g}: "
            + " ".join([*omitted, *names]),
            "standardised: " + " ".join([*omitted, *_numbers(self.targets[first:count, 0])]),
            *self._levels(),
            *self._fits(),
            *self._draws(count),
            "best starts of the search: " + " ".join(_numbers(self.found.best_scores)),
            "the best of them: " + ", ".join(f"{k}={v}" for k, v in self.best_start.items()),
        ]
        return "\n".join([f"proposal {self.number} by the model", *map(_wrapped, lines)])

    def _incumbent(self) -> str:
        incumbent = self.why.get("incumbent")
        return "" if incumbent is None else f"; of the best known {incumbent:.5g}"

    def _levels(self) -> Iterable[str]:
        if self.trust:
            shares = ", ".join(f"{weight:.3g} at {level}" for level, weight in self.trust.items())
            yield f"weights of the resources in the model: {shares}"

    def _fits(self) -> Iterable[str]:
        for surrogate, parameters in self.parameters.items():
            told = self.why.get(surrogate)
            how = f"kept, proposal {self.since_fit} since they were fitted"
            if told:
                how = f"fitted to {told['rows']} values in {told['evaluations']} evaluations"
            values = ", ".join(f"{name}={value:.4g}" for name, value in parameters.items())
            kind = surrogate.removesuffix("fit").replace("_", " ")
            yield f"hyperparameters {kind and f'of the {kind}'}({how}): {values}"

    def _draws(self, count: int) -> Iterable[str]:
        for name, row in zip(self.pending, self.targets[count:], strict=True):
            yield f"pending {name}, drawn: {' '.join(_numbers(row))}"


def named(trial_id: int, resource: int | None) -> str:
    """The name of a value."""
    trial = str(trial_id) if trial_id >= 0 else "-"
    return trial if resource is None else f"{trial}:{resource}"


def _numbers(values: Iterable[float]) -> list[str]:
    return [f"{value:.3g}" for value in values]


def _wrapped(line: str) -> str:
    return textwrap.fill(line, _WIDTH, initial_indent="  ", subsequent_indent="    ")
