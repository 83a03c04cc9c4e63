"""When a plan will be done: many seeded plays of it, on paper.

The seconds of an epoch differ from config to config as a log-normal around the estimate. A worker
that is free takes the next trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEED = 20_260_101
_NUM_PLAYS = 200
_MOST_ITEMS = 300
"""Of more trials than that only the last ones are dealt out one by one."""


def finish_quantiles(
    lengths: Sequence[float],
    *,
    seconds_per_epoch: float,
    spread: float,
    loads_s: Sequence[float],
    startup_s: float = 0.0,
) -> tuple[float, float]:
    """Median and 95% quantile of the seconds until all is done.

    Args:
        lengths: Epochs of each trial, shape (n,), in the order of their start.
        seconds_per_epoch: Median over configs.
        spread: Standard deviation of its logarithm over configs.
        loads_s: Seconds for which each worker is still busy, shape (workers,).
        startup_s: What a start costs on top.
    """
    rng = np.random.default_rng(_SEED)
    epochs = np.asarray(lengths, dtype=float)
    loads = np.tile(np.asarray(loads_s, dtype=float), (_NUM_PLAYS, 1))
    workers = loads.shape[1]
    if len(epochs) > _MOST_ITEMS and len(epochs) > 4 * workers:
        # Their sum is nearly normal, and spreads evenly; only the last ones decide who ends when.
        early, epochs = epochs[: -2 * workers], epochs[-2 * workers :]
        mean = np.exp(spread**2 / 2)
        sd = mean * np.sqrt(np.expm1(spread**2))
        around = sd * np.sqrt((early**2).sum()) * rng.normal(size=_NUM_PLAYS)
        work_s = (mean * early.sum() + around) * seconds_per_epoch + len(early) * startup_s
        level = (loads.sum(axis=1) + work_s) / workers
        loads = np.maximum(loads, level[:, None])
    rows = np.arange(_NUM_PLAYS)
    for length in epochs:
        seconds = startup_s + length * seconds_per_epoch * rng.lognormal(0.0, spread, _NUM_PLAYS)
        loads[rows, loads.argmin(axis=1)] += seconds
    median, late = np.percentile(loads.max(axis=1), (50, 95))
    return float(median), float(late)
