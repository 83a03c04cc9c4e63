"""Table and figure of ``openml_mlp.py``: the smallest error so far over time."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

GRID_SIZE = 400
QUARTILES = (25, 50, 75)
CHECKED_AT = (0.25, 0.5, 1.0)
"""Shares of the time at which the printed table looks."""


class Job(Protocol):
    """What is read of what was asked."""

    task: int
    framework: str
    scheduler: str
    searcher: str
    seed: int
    repeat: int
    time_out_s: float
    workers: int
    epochs: int

    @property
    def method(self) -> str:
        """Scheduler and searcher."""


class Run(Protocol):
    """What is read of a run."""

    @property
    def job(self) -> Job:
        """What was asked."""

    improvements: list[tuple[float, int, int, float]]
    trials: int
    reports: int
    took_s: float


def incumbent_at(run: Run, times_s: Array) -> Array:
    """The smallest error by each time, shape of ``times_s``; 1 before the first report."""
    at_s = np.array([at for at, *_ in run.improvements])
    errors = np.array([1.0, *(error for *_, error in run.improvements)])
    return errors[np.searchsorted(at_s, times_s, side="right")]


def write_table(runs: Sequence[Run], path: Path) -> None:
    """A row for each time a run found a smaller error, as comma-separated values."""
    names = ["task", "framework", "scheduler", "searcher", "seed", "repeat", "time_out_s"]
    names += ["workers", "epochs"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, "runtime_s", "trial", "epoch", "error"])
        for run in runs:
            settings = [getattr(run.job, name) for name in names]
            for at_s, trial, epoch, error in run.improvements:
                writer.writerow([*settings, f"{at_s:.3f}", trial, epoch, f"{error:.6f}"])


def _by_method(runs: Sequence[Run]) -> dict[str, list[Run]]:
    of_method: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_method[run.job.method].append(run)
    return of_method


def print_report(runs: Sequence[Run]) -> None:
    """Median error in percent, with quartiles, after parts of the time; trials and reports."""
    time_out_s = runs[0].job.time_out_s
    times_s = time_out_s * np.array(CHECKED_AT)
    print("\nerror in percent, median [quartiles], after so many seconds")
    heads = "".join(f"{at:>21g}" for at in times_s)
    print(f"{'':<18}{heads}{'trials':>8}{'reports':>9}{'took s':>8}{'runs':>6}")
    for method, group in _by_method(runs).items():
        errors = 100 * np.array([incumbent_at(run, times_s) for run in group])
        cells = ""
        for low, middle, high in np.percentile(errors, QUARTILES, axis=0).T:
            cells += f"{f'{middle:.2f} [{low:.2f}, {high:.2f}]':>21}"
        effort = [float(np.median([getattr(r, n) for r in group])) for n in ("trials", "reports")]
        took_s = float(np.median([run.took_s for run in group]))
        print(f"{method:<18}{cells}{effort[0]:>8.0f}{effort[1]:>9.0f}{took_s:>8.1f}{len(group):>6}")


def draw(runs: Sequence[Run], path: Path) -> None:
    """The median of the smallest error over time with its quartiles, a line for each method.

    Args:
        runs: At least one, all with the same time-out.
        path: Its ending says the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), dpi=150)
    panel = figure.subplots()
    job = runs[0].job
    times_s = np.linspace(0, job.time_out_s, GRID_SIZE + 1)[1:]
    lows = []
    for number, (method, group) in enumerate(_by_method(runs).items()):
        errors = np.array([incumbent_at(run, times_s) for run in group])
        low, middle, high = np.percentile(errors, QUARTILES, axis=0)
        lows.append(low[-1])
        _draw_method(panel, times_s, (low, middle, high), method, number)
    panel.set_yscale("log")
    panel.set_ylim(0.9 * min(lows), 1.0)
    ticks = [tick for tick in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if tick >= 0.9 * min(lows)]
    panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.set_xlim(0, job.time_out_s)
    clock = "simulated seconds" if job.framework == "recorded" else "seconds"
    panel.set_xlabel(f"{clock}, {job.workers} workers")
    panel.set_ylabel("smallest validation error so far")
    seeds = len({run.job.seed for run in runs})
    repeats = len({run.job.repeat for run in runs})
    panel.set_title(
        f"OpenML task {job.task}, perceptron ({job.framework}): median and quartiles of "
        f"{seeds} seeds" + (f", {repeats} times each" if repeats > 1 else ""),
        fontsize=9,
    )
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8, frameon=False, ncols=2)
    figure.tight_layout()
    figure.savefig(path)


def _draw_method(
    panel: Any, times_s: Array, quartiles: tuple[Array, Array, Array], method: str, number: int
) -> None:
    low, middle, high = quartiles
    colour = f"C{number % 10}"
    panel.step(times_s, middle, where="post", color=colour, lw=1.8, label=method)
    panel.fill_between(times_s, low, high, step="post", color=colour, alpha=0.15, lw=0)
