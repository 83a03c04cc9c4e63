"""What a run's record says, in hpopt's words: scores, epochs, files."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from agcore.records import TrialState
from agcore_contrib.hpopt.status import Status, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agcore.history import RunHistory, Trial

SCORE = "score"
REPEATED = "repeated"
"""Epochs that an attempt has trained again; told with its first report of a new one."""
NOT_BEGUN = "the budget of epochs does not hold it"
"""Why a trial was taken back that nobody got."""


def counts(trial: Trial) -> bool:
    """Whether a trial is one of ``num_trials``; in the place of one out of memory comes another."""
    return trial.state is not TrialState.OUT_OF_MEMORY


def num_counted(history: RunHistory) -> int:
    """Trials that count as one of ``num_trials``."""
    return sum(map(counts, history.trials.values()))


def scores(trial: Trial) -> list[float]:
    """What a trial has reported, with the user's sign; NaN where it has diverged."""
    return [float(report.metrics[SCORE]) for report in trial.reports]


def best_score(trial: Trial, mode: str) -> float | None:
    """The best finite score of a trial, or None."""
    finite = [score for score in scores(trial) if math.isfinite(score)]
    if not finite:
        return None
    return min(finite) if mode == "min" else max(finite)


def num_out_of_memory_in_a_row(history: RunHistory) -> int:
    """Of the latest trials."""
    number = 0
    for trial in reversed(history.trials.values()):
        if trial.state is not TrialState.OUT_OF_MEMORY:
            break
        number += 1
    return number


def has_stalled(values: Iterable[float], mode: str, window: int = 5) -> bool:
    """Whether none of the last ``window`` scores beats the one before it, of more than so many."""
    turned = [value if mode == "max" else -value for value in values]
    if len(turned) <= window:
        return False
    last = turned[-window - 1 :]
    return all(after <= before for before, after in pairwise(last))


def trial_record(
    trial: Trial, mode: str, *, attempt: int, repeated: int, is_final: bool = False
) -> dict[str, Any]:
    """What the file of a trial holds.

    Args:
        trial: The trial.
        mode: ``'max'`` or ``'min'``.
        attempt: Number of the attempt that ``repeated`` belongs to.
        repeated: Recorded epochs that this attempt has reported again.
        is_final: Whether the training has said itself that it is over.
    """
    reported = scores(trial)
    status = status_of(trial.state)
    if status is Status.CUDAOOM:
        reported = []
    means = [sum(reported[: n + 1]) / (n + 1) for n in range(len(reported))]
    record = {
        "status": int(status),
        "scores": reported,
        "median": means,
        "attempt": attempt,
        "repeated": repeated,
    }
    if is_final and has_stalled(reported, mode):
        record["early_stopped"] = 1
    return record


def status_record(
    history: RunHistory,
    head: Mapping[str, Any],
    params: Mapping[int, Any],
    mode: str,
    *,
    has_brackets: bool,
) -> dict[str, Any]:
    """What the file of all trials holds.

    Args:
        history: The run.
        head: What comes before the trials.
        params: The values of each trial by its number.
        mode: ``'max'`` or ``'min'``.
        has_brackets: Whether trials belong to brackets.
    """
    trials = [
        {
            "trial_id": trial.trial_id,
            "config": params[trial.trial_id],
            "status": int(status_of(trial.state)),
            "score": best_score(trial, mode),
            **({"bracket": trial.bracket} if has_brackets else {}),
        }
        for trial in history.trials.values()
    ]
    return {**head, "config_list": trials, "num_gen_config": len(trials)}
