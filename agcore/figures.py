"""Pictures of a run, drawn from plain records.

A low layer: it knows records and errors only. Pictures are drawn off screen, without pyplot,
so nothing is opened and nothing stays behind; only ``show=True`` opens a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agcore.errors import SpecError
from agcore.records import TrialState
from agcore.whole_files import replaced

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (6.4, 4.8)
DPI = 150
MAX_LEGEND_LINES = 20

# Okabe and Ito (2008): eight colours that people with any colour vision can tell apart; the
# last, yellow, is left out because thin yellow lines vanish on white.
_BLACK, _ORANGE, _SKY, _GREEN, _BLUE, _VERMILION, _PURPLE = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
_LINE_COLOURS = (_BLUE, _VERMILION, _GREEN, _ORANGE, _SKY, _PURPLE, _BLACK)
# A marker with each style: a trial with one report has no line to tell it by.
_LINE_STYLES = (("-", "o"), ("--", "s"), (":", "^"))
_GREY = "#999999"

# Shape as well as colour says the state: a picture may be printed in grey.
_STATE_LOOKS = {
    TrialState.COMPLETED: (_BLUE, "o"),
    TrialState.STOPPED: (_ORANGE, "v"),
    TrialState.PAUSED: (_SKY, "s"),
    TrialState.RUNNING: (_GREEN, "o"),
    TrialState.INTERRUPTED: (_PURPLE, "D"),
    TrialState.TIMED_OUT: (_PURPLE, "^"),
    TrialState.FAILED: (_VERMILION, "x"),
    TrialState.OUT_OF_MEMORY: (_VERMILION, "+"),
    TrialState.LOST: (_VERMILION, "1"),
    TrialState.DIVERGED: (_GREY, "x"),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """What one trial reported.

    Attributes:
        label: Name of the trial, as the legend shows it.
        x: Resource, or seconds since the run began; as many as ``y``.
        y: Values of the metric as the user reported them; NaN is not drawn.
        state: How the trial stands.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    state: TrialState = TrialState.COMPLETED

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise SpecError(
                f"curve {self.label!r} has {len(self.x)} x and {len(self.y)} y; "
                "there must be as many of one as of the other"
            )


def learning_curves(
    curves: Sequence[Curve],
    *,
    y_label: str,
    x_label: str = "epoch",
    filename: str | os.PathLike[str] | None = None,
    show: bool = False,
    legend: bool = True,
) -> Figure:
    """A picture with one line per trial, value over resource.

    Above 20 lines no legend is drawn; the colours then run from the first trial (dark) to the
    last (bright), and a note says so.

    Args:
        curves: What to draw, ``x`` being the resource.
        y_label: Name of the metric.
        x_label: Name of the resource.
        filename: Where to save it; the ending chooses the format, PNG without one.
        show: Open a window (or show it in the notebook).
        legend: Draw a legend where there is room for one.

    Raises:
        SpecError: The file cannot be written, or matplotlib cannot write its format.
    """
    figure, axes = _new_figure(show)
    many = len(curves) > MAX_LEGEND_LINES
    for curve, (colour, style, marker) in zip(curves, _line_looks(len(curves)), strict=True):
        axes.plot(
            curve.x,
            curve.y,
            label=curve.label,
            color=colour,
            linestyle=style,
            linewidth=0.8 if many else 1.5,
            marker=marker,
            markersize=2 if many else 3.5,
            alpha=0.7 if many else 1.0,
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.locator_params(axis="x", integer=True)
    if legend and many:
        _note(axes, f"{len(curves)} trials, dark: first, bright: last (too many for a legend)")
    elif legend and curves:
        axes.legend(fontsize="small", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _finish(figure, filename, show)


def incumbent_curve(
    curves: Sequence[Curve],
    *,
    y_label: str,
    mode: str = "max",
    filename: str | os.PathLike[str] | None = None,
    show: bool = False,
) -> Figure:
    """A picture of the best value so far over seconds, above all reports of all trials.

    The step line is the best value of trials whose state counts for the best; it ends at the
    last report. Each report is a faint dot in the look of its trial's state.

    Args:
        curves: What to draw, ``x`` being seconds since the run began.
        y_label: Name of the metric.
        mode: ``"max"`` or ``"min"``: which values are better.
        filename: Where to save it; the ending chooses the format, PNG without one.
        show: Open a window (or show it in the notebook).

    Raises:
        SpecError: The mode is unknown, the file cannot be written, or not in that format.
    """
    if mode not in ("max", "min"):
        raise SpecError(f"mode={mode!r} must be 'max' or 'min'")
    figure, axes = _new_figure(show)
    _draw_reports(axes, curves)
    steps = _best_so_far(curves, largest=mode == "max")
    if steps:
        times = [time for time, _, _ in steps]
        best = [value for _, value, _ in steps]
        axes.step(times, best, where="post", color=_BLACK, linewidth=1.8, label="best so far")
        reached, value, label = steps[-2]  # the last one only carries the line to the end
        axes.set_title(f"best {y_label} {value:.4g}: {label}, after {reached:.3g} s", fontsize=11)
    else:
        axes.set_title(f"no {y_label} to call the best", fontsize=11)
    axes.set_xlabel("time since the start of the run [s]")
    axes.set_ylabel(y_label)
    if curves:
        _legend_below(axes)
    return _finish(figure, filename, show)


def trade_off_picture(
    clouds: Sequence[Curve],
    front: Sequence[tuple[float, ...]],
    *,
    names: Sequence[str],
    modes: Sequence[str],
    filename: str | os.PathLike[str] | None = None,
    show: bool = False,
) -> Figure:
    """A picture of two objectives: all reports, and the front of those that none beats in both.

    The line is the border of what has been reached: every point on its worse side is beaten.

    Args:
        clouds: The reports, ``x`` being the first objective and ``y`` the second.
        front: The points of the front.
        names: Of the two objectives.
        modes: For each ``'max'`` or ``'min'``.
        filename: Where to save it; the ending chooses the format, PNG without one.
        show: Open a window (or show it in the notebook).

    Raises:
        SpecError: There are not two objectives, the file cannot be written, or not in that format.
    """
    if len(names) != 2:
        raise SpecError(
            f"objectives {', '.join(names)} are {len(names)}, but a picture has two axes; draw two "
            "of them from to_pandas()"
        )
    figure, axes = _new_figure(show)
    _draw_reports(axes, clouds)
    if front:
        points = sorted({(x, y) for x, y in front})
        axes.step(
            [x for x, _ in points],
            [y for _, y in points],
            where="post" if modes[0] == "min" else "pre",
            color=_BLACK,
            linewidth=1.5,
            marker="o",
            markersize=5,
            label=f"Pareto front ({len(points)} point{'s' if len(points) > 1 else ''})",
        )
    axes.set_xlabel(f"{names[0]} ({_BETTER[modes[0]]} is better)")
    axes.set_ylabel(f"{names[1]} ({_BETTER[modes[1]]} is better)")
    if clouds:
        _legend_below(axes)
    return _finish(figure, filename, show)


# -- parts ---------------------------------------------------------------------------------


_BETTER = {"max": "more", "min": "less"}


def _legend_below(axes: Axes) -> None:
    axes.legend(
        fontsize="small", frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.13)
    )


def _draw_reports(axes: Axes, curves: Sequence[Curve]) -> None:
    """One cloud of dots per state; the legend counts the trials of each."""
    for state, (colour, marker) in _STATE_LOOKS.items():
        chosen = [curve for curve in curves if curve.state is state]
        if chosen:
            name = state.value.replace("_", " ")
            axes.plot(
                [x for curve in chosen for x in curve.x],
                [y for curve in chosen for y in curve.y],
                linestyle="none",
                marker=marker,
                markersize=4,
                color=colour,
                alpha=0.45,
                label=f"{name} ({len(chosen)} trial{'s' if len(chosen) > 1 else ''})",
            )


def _best_so_far(curves: Sequence[Curve], *, largest: bool) -> list[tuple[float, float, str]]:
    """Time, best value until then and its trial's label, at each improvement and at the end."""
    reports = sorted(
        (x, y, curve.label)
        for curve in curves
        if curve.state.counts_for_best
        for x, y in zip(curve.x, curve.y, strict=True)
        if math.isfinite(y)
    )
    steps: list[tuple[float, float, str]] = []
    for time, value, label in reports:
        if not steps or (value > steps[-1][1] if largest else value < steps[-1][1]):
            steps.append((time, value, label))
    if steps:
        end = max(x for curve in curves for x in curve.x)
        steps.append((end, *steps[-1][1:]))
    return steps


def _line_looks(n_lines: int) -> list[tuple[str, str, str]]:
    """Colour, style and marker of each line: distinct for a few, by order of trials for many."""
    if n_lines <= MAX_LEGEND_LINES:
        looks = [(colour, *style) for style in _LINE_STYLES for colour in _LINE_COLOURS]
        return looks[:n_lines]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    cividis = colormaps["cividis"]
    return [(to_hex(cividis(0.92 * i / (n_lines - 1))), "-", "o") for i in range(n_lines)]


def _note(axes: Axes, text: str) -> None:
    axes.text(1.0, 1.01, text, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")


def _new_figure(show: bool) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes; known to pyplot only if it is to be shown."""
    figure: Figure
    if show:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=SIZE_INCHES, layout="constrained")
    else:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=SIZE_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _finish(figure: Figure, filename: str | os.PathLike[str] | None, show: bool) -> Figure:
    if filename is not None:
        _save(figure, Path(filename))
    if show:
        from matplotlib import pyplot

        pyplot.show()
    return figure


def _save(figure: Figure, path: Path) -> None:
    if not path.suffix:
        path = path.with_suffix(".png")
    picture_format = path.suffix[1:].lower()
    if picture_format not in figure.canvas.get_supported_filetypes():
        raise SpecError(
            f"filename={str(path)!r} ends in a format that matplotlib cannot write; "
            "use .png, .svg or .pdf"
        )
    try:
        with replaced(path) as unfinished:
            figure.savefig(unfinished, format=picture_format, dpi=DPI)
    except OSError as error:
        raise SpecError(
            f"filename={str(path)!r} cannot be written ({error.strerror or error}); "
            "name a file in a folder that exists and that you may write to"
        ) from error
