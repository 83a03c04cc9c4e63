"""Tables and picture of ``multi_fidelity.py``: regret over time, time to ASHA's error, ranks.

Means over seeds, with 95% percentile bootstrap intervals of the mean; where two methods are
compared, over the seeds of both. Time is counted in full-length evaluations that could have been
paid for, so that problems can stand side by side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from multi_fidelity_problems import Problem
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 2000
BASELINE = "ASHA promotion"
"""Whose final error the others are to reach."""
RIVALS = ("bayesopt matern52", "Syne Tune MOBSTER")
"""What is compared seed by seed: the same algorithm here and elsewhere."""
GRID_SIZE = 400


class Run(Protocol):
    """What is read of a run."""

    method: str
    problem: str
    seed: int
    budget_s: float
    full_length_s: float
    workers: int
    improvements: list[tuple[float, float]]
    trials: int
    cpu_s: float


@dataclass(frozen=True)
class Figure:
    """A mean and its bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def figure(values: Array) -> Figure:
    """The mean of ``values``, shape (n,), with the 95% percentile bootstrap interval."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(values.mean()), float(low), float(high))


class Results:
    """Regret of all runs on a common grid of times.

    Args:
        runs: That were made, of whatever methods and problems.
        methods: Titles of those to show, in this order.
        problems: Those to show.

    Attributes:
        methods: Titles in order.
        problems: Those of which there are runs.
    """

    def __init__(
        self, runs: Sequence[Run], methods: Sequence[str], problems: Sequence[Problem]
    ) -> None:
        of_problem: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            of_problem[run.problem].append(run)
        self.problems = [p for p in problems if of_problem[p.name]]
        shown = {run.method for p in self.problems for run in of_problem[p.name]}
        self.methods = [title for title in methods if title in shown]
        self._regrets: dict[tuple[str, str], dict[int, Array]] = defaultdict(dict)
        self._runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for problem in self.problems:
            best = best_of(problem, of_problem[problem.name])
            for run in of_problem[problem.name]:
                regret = problem.points * (best - self._incumbents(problem, run))
                self._regrets[problem.name, run.method][run.seed] = regret
                self._runs[problem.name, run.method].append(run)

    @staticmethod
    def grid(problem: Problem) -> Array:
        """Times in full-length evaluations, shape (GRID_SIZE,), the last that of the budget."""
        return np.linspace(0, problem.budgets[-1], GRID_SIZE + 1)[1:]

    def _incumbents(self, problem: Problem, run: Run) -> Array:
        """Best accuracy by each time of the grid, shape (GRID_SIZE,).

        0 before the first report, NaN after the end of a run with less than the whole budget.
        """
        whole_s = problem.budgets[-1] * run.full_length_s / run.workers
        times = np.linspace(0, whole_s, GRID_SIZE + 1)[1:] * (1 - 1e-12)
        at_s = np.array([at for at, _ in run.improvements])
        values = np.array([0.0, *(value for _, value in run.improvements)])
        found = values[np.searchsorted(at_s, times * (1 + 1e-9), side="right")]
        found[times > run.budget_s] = np.nan
        return found

    def seeds(self, problem: Problem, method: str) -> list[int]:
        """Seeds that were run."""
        return sorted(self._regrets[problem.name, method])

    def common_seeds(self, problem: Problem, *methods: str) -> list[int]:
        """Seeds that were run with each of the methods."""
        return sorted(set.intersection(*(set(self.seeds(problem, m)) for m in methods)))

    def regrets(self, problem: Problem, method: str, seeds: Sequence[int] | None = None) -> Array:
        """Regret in percentage points, shape (seeds, GRID_SIZE).

        Args:
            problem: Of which.
            method: Its title.
            seeds: Those to take, in this order; None takes all, by increasing seed.
        """
        by_seed = self._regrets[problem.name, method]
        rows = [by_seed[seed] for seed in (sorted(by_seed) if seeds is None else seeds)]
        return np.array(rows).reshape(len(rows), GRID_SIZE)

    def at_budget(
        self, problem: Problem, method: str, budget: float, seeds: Sequence[int] | None = None
    ) -> Array:
        """Regret once a budget is used up, shape (seeds,), NaN where a run has ended before."""
        column = int(np.searchsorted(self.grid(problem), budget * (1 - 1e-9)))
        return self.regrets(problem, method, seeds)[:, column]

    def effort(self, problem: Problem, method: str) -> tuple[float, float]:
        """Median number of trials, and of processor seconds."""
        runs = self._runs[problem.name, method]
        return float(np.median([r.trials for r in runs])), float(np.median([r.cpu_s for r in runs]))

    def time_to(self, problem: Problem, method: str, regret: float, seeds: Sequence[int]) -> float:
        """When the mean regret is first no larger, in full-length evaluations; inf if never."""
        mean = self.regrets(problem, method, seeds).mean(axis=0)
        reached = np.flatnonzero(mean <= regret + 1e-12)
        return float(self.grid(problem)[reached[0]]) if len(reached) else float("inf")

    def ranks(self, number: int) -> dict[str, Array]:
        """Ranks of the methods by regret, one for each problem and each seed that all have.

        Methods whose runs have ended before on some problem take no part.

        Args:
            number: Of the budget, 0 for the smallest.
        """
        rows: list[Array] = []
        budgets = [(problem, problem.budgets[number]) for problem in self.problems]
        methods = [
            m
            for m in self.methods
            if all(np.isfinite(self.at_budget(p, m, budget)).all() for p, budget in budgets)
        ]
        for problem, budget in budgets:
            regrets = [self._regrets[problem.name, m] for m in methods]
            common = sorted(set.intersection(*(set(by_seed) for by_seed in regrets)))
            column = np.searchsorted(self.grid(problem), budget * (1 - 1e-9))
            found = (np.array([by_seed[seed][column] for by_seed in regrets]) for seed in common)
            rows.extend(map(_ranked, found))
        table = np.array(rows).reshape(len(rows), len(methods))
        return {method: table[:, i] for i, method in enumerate(methods)}


def best_of(problem: Problem, runs: Sequence[Run]) -> float:
    """The best accuracy there is in the table; without one, that any run has seen."""
    best = max(run.improvements[-1][1] for run in runs if run.improvements)
    for config in problem.candidates or ():
        best = max(best, *(metrics["val_accuracy"] for metrics, _ in problem.curve(config)))
    return best


def _ranked(values: Array) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    smaller = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return 1 + smaller + (equal - 1) / 2


# -- tables --------------------------------------------------------------------------------


def print_report(results: Results) -> None:
    """All tables."""
    for problem in results.problems:
        _print_regrets(results, problem)
    _print_times(results)
    _print_rivals(results)
    _print_ranks(results)


def _print_regrets(results: Results, problem: Problem) -> None:
    print(
        f"\n{problem.name}: regret in percentage points, mean [95% interval], after so many "
        f"full-length evaluations ({problem.full_length_s:.3g} s each on the clock)"
    )
    heads = "".join(f"{b:>26}" for b in problem.budgets)
    print(f"{'':<28}{heads}{'trials':>8}{'CPU s':>8}{'seeds':>7}")
    for method in results.methods:
        seeds = results.seeds(problem, method)
        if not seeds:
            continue
        cells = "".join(
            f"{figure(results.at_budget(problem, method, b))!s:>26}" for b in problem.budgets
        )
        trials, cpu_s = results.effort(problem, method)
        print(f"{method:<28}{cells}{trials:>8.0f}{cpu_s:>8.1f}{len(seeds):>7}")


def speed_ups(results: Results, method: str) -> Mapping[str, float]:
    """By problem, how much sooner a method's mean regret is at the final one of the baseline."""
    found = {}
    for problem in results.problems:
        seeds = results.common_seeds(problem, BASELINE, method)
        if seeds:
            final = float(results.regrets(problem, BASELINE, seeds).mean(axis=0)[-1])
            took = results.time_to(problem, BASELINE, final, seeds)
            found[problem.name] = took / results.time_to(problem, method, final, seeds)
    return found


def _print_times(results: Results) -> None:
    if BASELINE not in results.methods:
        return
    print(f"\nHow many times sooner a method is where {BASELINE} ends; 0: not within its time")
    names = [problem.name for problem in results.problems]
    print(f"{'':<28}" + "".join(f"{name.removeprefix('LCBench '):>18}" for name in names))
    for method in results.methods:
        found = speed_ups(results, method)
        print(f"{method:<28}" + "".join(f"{found.get(name, np.nan):>18.2f}" for name in names))


def _print_rivals(results: Results) -> None:
    own, other = RIVALS
    if own not in results.methods or other not in results.methods:
        return
    print(f"\nMean regret of {own}, of {other}, and their difference seed by seed [95% interval]")
    for problem in results.problems:
        seeds = results.common_seeds(problem, own, other)
        for budget in problem.budgets:
            regrets = [results.at_budget(problem, m, budget, seeds) for m in RIVALS]
            if not seeds or not np.isfinite(regrets).all():
                continue
            means = "".join(f"{values.mean():>8.2f}" for values in regrets)
            print(
                f"{problem.name:<24}{budget:>4} evaluations{means}"
                f"{figure(regrets[0] - regrets[1])!s:>26}{len(seeds):>4} seeds"
            )


def _print_ranks(results: Results) -> None:
    heads = ("quarter", "half", "whole")
    ranks = [results.ranks(number) for number in range(len(heads))]
    counts = [len(next(iter(by_method.values()), [])) for by_method in ranks]
    if not any(counts):
        return
    print("\nMean rank over the problems and seeds that all have")
    print(f"{'':<28}" + "".join(f"{f'{head} of the budget':>26}" for head in heads))
    print(f"{'comparisons':<28}" + "".join(f"{count:>26}" for count in counts))
    for method in results.methods:
        cells = "".join(
            f"{figure(by_method[method]) if method in by_method else '-'!s:>26}"
            for by_method in ranks
        )
        print(f"{method:<28}{cells}")


# -- picture -------------------------------------------------------------------------------

_LOOKS: dict[str, tuple[str, str, float]] = {
    "random": ("#999999", ":", 1.4),
    "ASHA stopping": ("#56b4e9", "--", 1.4),
    "ASHA promotion": ("#0072b2", "-", 1.4),
    "PASHA": ("#000000", ":", 1.4),
    "BOHB": ("#cc79a7", "-", 1.4),
    "bayesopt matern52": ("#d55e00", "-", 2.4),
    "bayesopt matern52-res-warp": ("#d55e00", "--", 1.0),
    "bayesopt exp-decay-sum": ("#d55e00", ":", 1.0),
    "bayesopt exp-decay-combined": ("#d55e00", "-.", 1.0),
    "bayesopt exp-decay-delta1": ("#d55e00", (0, (1, 4)), 1.0),  # type: ignore[dict-item]
    "Hyper-Tune": ("#009e73", "-", 1.4),
    "Syne Tune ASHA": ("#e69f00", "--", 1.4),
    "Syne Tune MOBSTER": ("#e69f00", "-", 1.8),
}
"""Colour, line style and width of a method; colours of Okabe and Ito (2008)."""
COLUMNS = 4
LEAST_DRAWN = 0.05
"""Percentage points; what is smaller lies on the lower edge."""


def draw(results: Results, path: Path) -> None:
    """Mean regret over time, a panel for each problem and a line for each method.

    The shade is the 95% interval of the mean of the method drawn widest.

    Args:
        results: At least one run.
        path: Its ending says the format.
    """
    from matplotlib.figure import Figure as Picture

    columns = min(COLUMNS, len(results.problems))
    rows = -(-len(results.problems) // columns)
    height, foot = 2.5 * rows + 1.0, 0.8
    picture = Picture(figsize=(3.0 * columns, height), dpi=150)
    panels = picture.subplots(rows, columns, squeeze=False)
    for panel, problem in zip(panels.flat, results.problems, strict=False):
        _draw_panel(panel, results, problem)
    for panel in panels.flat[len(results.problems) :]:
        panel.set_axis_off()
    for panel in panels[:, 0]:
        panel.set_ylabel("regret, percentage points", fontsize=8)
    picture.text(
        0.5, foot / height, "simulated time, in full-length evaluations", ha="center", fontsize=9
    )
    lines: dict[str, Any] = {}
    for panel in panels.flat:
        handles, labels = panel.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    picture.legend(
        [lines[method] for method in results.methods],
        results.methods,
        loc="lower center",
        ncols=5,
        fontsize=8,
        frameon=False,
    )
    picture.tight_layout(rect=(0, (foot + 0.15) / height, 1, 1))
    picture.savefig(path)


def _draw_panel(panel: Any, results: Results, problem: Problem) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    grid = results.grid(problem)
    means = []
    for method in results.methods:
        regrets = results.regrets(problem, method)
        if not len(regrets):
            continue
        mean = regrets.mean(axis=0)
        means.append(mean)
        colour, style, width = _LOOKS[method]
        panel.plot(
            grid, np.maximum(mean, LEAST_DRAWN), color=colour, ls=style, lw=width, label=method
        )
        if width > 2:  # the intervals of all would hide the lines
            spread = 1.96 * regrets.std(axis=0) / np.sqrt(len(regrets))
            low, high = (np.maximum(mean + sign * spread, LEAST_DRAWN) for sign in (-1, 1))
            panel.fill_between(grid, low, high, color=colour, alpha=0.15, lw=0)
    panel.set_yscale("log")
    panel.set_xlim(0, grid[-1])
    first = min(problem.budgets) / 5
    at_first = [mean[int(first / grid[-1] * len(grid))] for mean in means]
    lowest = min(np.nanmin(mean) for mean in means)
    panel.set_ylim(max(LEAST_DRAWN, 0.6 * lowest), 1.5 * max(at_first))
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_title(problem.name, fontsize=9)
    panel.tick_params(labelsize=7)
    panel.grid(alpha=0.3)
