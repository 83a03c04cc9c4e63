"""The Pareto front of a run: the reports that no other beats in every objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agcore.pareto import non_dominated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.history import RunHistory, Trial
    from agcore.jobs import Config, Metrics
    from agcore.objectives import Objectives
    from agcore.records import Reported, TrialState


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A report of the Pareto front: no other is as good in all objectives and better in one.

    Attributes:
        trial_id: The trial that reported it.
        config: Its config.
        objectives: The objectives by name, as the user reports them.
        resource: Where they were reported.
        metrics: The whole report.
        state: Where the trial is.
    """

    trial_id: int
    config: Config
    objectives: dict[str, float]
    resource: int
    metrics: Metrics
    state: TrialState


def pareto_front(
    history: RunHistory, objectives: Objectives, trial_value: str = "best"
) -> list[ParetoPoint]:
    """The non-dominated reports of a run, the best in the first objective first.

    Every finite report of a trial counts, unless the trial failed or diverged; so a trial may be
    in the front with several. Of equal reports of one trial the earliest counts.

    Args:
        history: The run.
        objectives: Its objectives.
        trial_value: ``'last'``: only the last report of each trial counts.
    """
    found = list(_distinct(history, objectives, only_last=trial_value == "last"))
    if not found:
        return []
    vectors = np.asarray([vector for _, _, vector in found])
    front = [found[index] for index in np.flatnonzero(non_dominated(vectors))]
    front.sort(key=lambda item: tuple(-value for value in item[2]))
    return [
        ParetoPoint(
            trial.trial_id,
            dict(trial.config),
            objectives.values(report.metrics),
            report.resource,
            report.metrics,
            trial.state,
        )
        for trial, report, _ in front
    ]


def _distinct(
    history: RunHistory, objectives: Objectives, *, only_last: bool
) -> Iterator[tuple[Trial, Reported, tuple[float, ...]]]:
    """The reports that count, with their objectives, to be maximised."""
    for trial in history.trials.values():
        if not trial.state.counts_for_best:
            continue
        seen: set[tuple[float, ...]] = set()
        for report in trial.reports[-1:] if only_last else trial.reports:
            # The reward is NaN where an objective is not finite.
            vector = objectives.vector(report.metrics) if report.reward == report.reward else ()
            if vector and vector not in seen:
                seen.add(vector)
                yield trial, report, vector
