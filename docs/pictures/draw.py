"""Draws the pictures of the documentation.

    python docs/pictures/draw.py

What they show of runs is simulated from the learning curves that come with agcore, so they are the
same whenever they are drawn; the library that draws decides about the last pixel.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

import agcore as ag
from agcore.curves import CurveTable
from agcore.datasets import load_letter_curves
from agcore.executor.simulated import SimulatedExecutor
from agcore.policy import geometric_levels
from agcore.records import Reported, TrialEnded, TrialStarted, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from agcore.scheduler.facade import TrialScheduler

HERE = Path(__file__).parent

# Those of agcore's own pictures: Okabe and Ito (2008).
BLUE, ORANGE, SKY, GREEN, PURPLE = "#0072b2", "#e69f00", "#56b4e9", "#009e73", "#cc79a7"
GREY, INK = "#999999", "#222222"
MAX_EPOCHS = 27
METRIC = "val_acc"

STYLE = {
    "font.size": 11,
    "svg.fonttype": "none",  # small files; browsers have a font
    "svg.hashsalt": "agcore",  # the same names inside each time
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def recorded(args: Any, reporter: Any) -> None:
    """Stands for the network whose curves are played; never called."""


def simulated(
    rows: list[dict[str, Any]], workers: int, epochs: int = MAX_EPOCHS, **arguments: Any
) -> TrialScheduler:
    """A run over recorded curves, in the order in which they were recorded."""
    table = CurveTable.from_rows(rows, metrics=[METRIC])
    first = rows[0]["config"]
    space = {name: ag.Categorical(*_distinct(rows, name)) for name in first}
    function = ag.args(**space, epochs=epochs)(recorded)
    scheduler = ag.scheduler.HyperbandScheduler(
        function,
        executor=SimulatedExecutor(table, num_workers=workers),
        search_options={
            "points_to_evaluate": [row["config"] for row in rows],
            "first_is_default": False,
        },
        num_trials=len(rows),
        reward_attr=METRIC,
        **arguments,
    )
    scheduler.run()
    return scheduler


def _distinct(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return list(dict.fromkeys(row["config"][name] for row in rows))


# -- what a run is -------------------------------------------------------------------------


def loop() -> Figure:
    """Who says what to whom in a run."""
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 11), ylim=(0.1, 4.9), aspect="equal")
    axes.axis("off")
    _box(axes, (0.2, 3.1), 2.6, 1.5, "searcher", "chooses configs", BLUE)
    _box(axes, (4.2, 3.1), 2.6, 1.5, "scheduler", "decides who goes on", ORANGE)
    _box(axes, (8.2, 3.1), 2.6, 1.5, "workers", "run your function", GREEN)
    _box(axes, (4.2, 0.3), 2.6, 1.3, "run directory", "one line per event", GREY)
    _arrow(axes, (2.85, 4.2), (4.15, 4.2), "config")
    _arrow(axes, (4.15, 3.45), (2.85, 3.45), "rewards", below=True)
    _arrow(axes, (6.85, 4.2), (8.15, 4.2), "trial")
    _arrow(axes, (8.15, 3.45), (6.85, 3.45), "reports", below=True)
    _arrow(axes, (5.5, 3.05), (5.5, 1.65), "")
    axes.text(5.65, 2.3, "each proposal, report\nand decision", va="center", fontsize=9.5)
    return figure


def _box(
    axes: Axes, corner: tuple[float, float], w: float, h: float, name: str, does: str, colour: str
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            corner,
            w,
            h,
            boxstyle="round,pad=0,rounding_size=0.15",
            fc=colour + "22",
            ec=colour,
            lw=2,
        )
    )
    x, y = corner[0] + w / 2, corner[1] + h / 2
    axes.text(x, y + 0.22, name, ha="center", va="center", weight="bold", color=INK)
    axes.text(x, y - 0.32, does, ha="center", va="center", fontsize=9.5, color=INK)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str, below: bool = False
) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, lw=1.5, color=INK)
    )
    middle = (start[0] + end[0]) / 2
    axes.text(
        middle,
        start[1] + (-0.12 if below else 0.12),
        text,
        ha="center",
        va="top" if below else "bottom",
        fontsize=9.5,
    )


# -- rungs ---------------------------------------------------------------------------------


def rungs(rows: list[dict[str, Any]]) -> Figure:
    """Learning curves of a run with early stopping, and where it stopped them."""
    scheduler = simulated(rows[:18], 4, type="stopping")
    levels = geometric_levels(1, 3, MAX_EPOCHS)
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for level in levels[:-1]:
        axes.axvline(level, color=GREY, lw=1, ls=(0, (4, 3)), zorder=0)
    for trial in scheduler.trials.values():
        x = [report.resource for report in trial.reports]
        y = [report.metrics[METRIC] for report in trial.reports]
        done = trial.state is TrialState.COMPLETED
        colour = BLUE if done else ORANGE
        axes.plot(x, y, color=colour, lw=1.6 if done else 1.1, zorder=3 if done else 2)
        axes.plot(x[-1:], y[-1:], marker="o" if done else "v", color=colour, ms=6, zorder=4)
    axes.plot([], [], color=BLUE, marker="o", label="ran to its end")
    axes.plot([], [], color=ORANGE, marker="v", label="was stopped")
    axes.set_xscale("log")
    axes.set_xticks(levels, [str(level) for level in levels])
    axes.minorticks_off()
    axes.set(xlabel="epoch, with rungs at 1, 3 and 9", ylabel="validation accuracy")
    axes.legend(frameon=False, loc="lower right")
    return figure


# -- stopping and promotion ----------------------------------------------------------------


def stopping_and_promotion(rows: list[dict[str, Any]]) -> Figure:
    """The same trials on three workers under both rules: who runs when."""
    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for ax, kind in zip(axes, ("stopping", "promotion"), strict=True):
        _gantt(ax, simulated(rows[:12], 3, epochs=9, type=kind))
        ax.set_ylabel(f"type='{kind}'\n\ntrial")
    axes[1].set_xlabel("simulated seconds")
    looks = [Patch(color=BLUE, label="started"), Patch(color=GREEN, label="resumed after a pause")]
    axes[1].legend(handles=looks, frameon=False, loc="lower right", fontsize=9.5)
    return figure


def _gantt(axes: Axes, scheduler: TrialScheduler) -> None:
    begin: dict[int, tuple[float, bool]] = {}
    for event in scheduler.history.events:
        time_s = event.time_s - (scheduler.history.start_s or 0.0)
        if isinstance(event, TrialStarted):
            begin[event.trial_id] = (time_s, event.resume_from > 0)
        elif isinstance(event, Reported):
            axes.plot([time_s] * 2, _edges(event.trial_id), color="white", lw=0.8, zorder=3)
        elif isinstance(event, TrialEnded):
            start, promoted = begin.pop(event.trial_id)
            colour = GREEN if promoted else BLUE
            axes.barh(event.trial_id, time_s - start, left=start, height=0.7, color=colour)
    axes.set_yticks(range(0, 12, 2))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _edges(row: int) -> list[float]:
    return [row - 0.35, row + 0.35]


# -- brackets ------------------------------------------------------------------------------


def brackets() -> Figure:
    """Which rungs each bracket has."""
    levels = geometric_levels(1, 3, MAX_EPOCHS)
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes = figure.subplots()
    for bracket in range(len(levels)):
        own = levels[bracket:]
        axes.plot([1, levels[-1]], [bracket] * 2, color=GREY, lw=1, ls=":")
        axes.plot([own[0], levels[-1]], [bracket] * 2, color=BLUE, lw=2)
        axes.plot(own[:-1], [bracket] * (len(own) - 1), "o", color=ORANGE, ms=10)
        axes.plot(levels[-1:], [bracket], "s", color=BLUE, ms=9)
    axes.plot([], [], "o", color=ORANGE, ms=9, label="rung: stop or go on")
    axes.plot([], [], "s", color=BLUE, ms=8, label="full resource")
    axes.set_xscale("log")
    axes.set_xticks(levels, [str(level) for level in levels])
    axes.minorticks_off()
    axes.set_yticks(range(len(levels)), [f"bracket {i}" for i in range(len(levels))])
    axes.set(xlabel="epoch", ylim=(len(levels) - 0.5, -0.5))
    axes.grid(visible=False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


# -- results -------------------------------------------------------------------------------


def incumbent(rows: list[dict[str, Any]]) -> Figure:
    """What ``result.plot()`` draws."""
    return ag.TuneResult(simulated(rows[:60], 4, type="promotion")).plot()


@ag.args(width=ag.Int(2, 200, log=True), rate=ag.Real(0.01, 1, log=True), epochs=9)
def two_objectives(args: Any, reporter: Any) -> None:
    """Stands for the function below; never called."""


def _small_or_good(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
    width, rate = config["width"], config["rate"]
    for epoch in range(1, 10):
        learnt = 1 - (1 - rate) ** (3 * epoch)
        accuracy = learnt * width / (width + 6) * (1 - 0.2 * rate)
        yield {"epoch": epoch, "accuracy": accuracy, "parameters": 17 * width}, 1.0


def front() -> Figure:
    """What ``result.plot()`` draws of two objectives."""
    scheduler = ag.scheduler.HyperbandScheduler(
        two_objectives,
        reward_attr=["accuracy", "parameters"],
        mode=["max", "min"],
        executor=SimulatedExecutor(_small_or_good),
        num_trials=60,
    )
    scheduler.run()
    return ag.TuneResult(scheduler).plot()


def draw_all(folder: Path) -> list[Path]:
    """The files that were written."""
    rows = load_letter_curves()
    written = []
    with mpl.rc_context(STYLE):
        for name, figure in (
            ("loop", loop()),
            ("rungs", rungs(rows)),
            ("stopping-and-promotion", stopping_and_promotion(rows)),
            ("brackets", brackets()),
            ("incumbent", incumbent(rows)),
            ("front", front()),
        ):
            path = folder / f"{name}.svg"
            figure.savefig(path, facecolor="white", metadata={"Date": None})
            written.append(path)
    return written


if __name__ == "__main__":
    for drawn in draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(drawn)
