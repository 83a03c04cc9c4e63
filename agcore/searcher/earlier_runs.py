"""What an earlier run has found, as observations for a searcher of this one."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.history import RunHistory
from agcore.journal import read_history
from agcore.records import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.space import SearchSpace

logger = logging.getLogger("agcore")


def observations_of(
    source: Any, space: SearchSpace, *, whole_curves: bool
) -> Iterator[Observation]:
    """What the trials that fit into ``space`` have reported.

    Args:
        source: A run directory, a `RunHistory`, or what has one as ``history``: a scheduler.
        space: Configs are completed to its own.
        whole_curves: Whether to give every report with its resource, not just each trial's value.

    Raises:
        SpecError: ``source`` is none of these.
        JournalError: The directory holds no run, or a damaged one.
    """
    history = _history_of(source)
    left_out = 0
    for trial in history.trials.values():
        try:
            config = space.complete(trial.config)
        except SpecError:
            left_out += 1
            continue
        value = history.value_of(trial)
        reports = trial.reports if whole_curves else [value] if value is not None else []
        for report in reports:
            resource = report.resource if whole_curves else None
            # No trial of this run: its observations stand beside those of a namesake.
            yield Observation(-1, config, resource, report.reward, metrics=report.metrics)
    if left_out:
        logger.warning(
            "%d of %d trials of the earlier run are not in this search space and are left out",
            left_out,
            len(history.trials),
        )


def _history_of(source: Any) -> RunHistory:
    if isinstance(source, (str, os.PathLike)):
        return read_history(Path(source) / "events.jsonl", RunHistory())
    scheduler = getattr(source, "scheduler", source)
    history = getattr(scheduler, "history", source)
    if not isinstance(history, RunHistory):
        raise SpecError(
            f"warm_start_from={source!r} must be a run directory, a scheduler or its history"
        )
    return history
