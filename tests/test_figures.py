"""Pictures: what is in them is what was given; files are whole or not there."""

import os
import struct
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st
from matplotlib import colors

from agcore.errors import SpecError
from agcore.figures import (
    MAX_LEGEND_LINES,
    Curve,
    incumbent_curve,
    learning_curves,
    trade_off_picture,
)
from agcore.records import TrialState

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def some_curves(n=3):
    return [Curve(f"task {i}", [1, 2, 3], [0.1 * i, 0.2 + 0.1 * i, 0.3]) for i in range(n)]


def data_of(line):
    return list(line.get_xdata()), list(line.get_ydata())


def best_line(figure):
    return next(line for line in figure.axes[0].lines if line.get_label() == "best so far")


def png_size(path):
    content = path.read_bytes()
    assert content.startswith(PNG_SIGNATURE)
    assert content.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", content[16:24])


def texts(axes):
    return [text.get_text() for text in axes.texts]


# -- learning curves -----------------------------------------------------------------------


def test_each_trial_is_a_line_with_its_data_and_its_label():
    curves = [*some_curves(), Curve("one report", [1], [0.5])]
    axes = learning_curves(curves, y_label="accuracy", x_label="step").axes[0]
    assert [data_of(line) for line in axes.lines] == [(list(c.x), list(c.y)) for c in curves]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [c.label for c in curves]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "accuracy")


def test_up_to_twenty_lines_all_look_different():
    axes = learning_curves(some_curves(MAX_LEGEND_LINES), y_label="y").axes[0]
    looks = {(colors.to_hex(ln.get_color()), ln.get_linestyle()) for ln in axes.lines}
    points = {(colors.to_hex(ln.get_color()), ln.get_marker()) for ln in axes.lines}
    assert len(looks) == len(points) == MAX_LEGEND_LINES
    assert axes.get_legend() is not None


def test_above_twenty_lines_a_note_stands_for_the_legend():
    axes = learning_curves(some_curves(MAX_LEGEND_LINES + 1), y_label="y").axes[0]
    assert axes.get_legend() is None
    assert "21 trials" in texts(axes)[0]


def test_without_legend_there_is_neither_legend_nor_note():
    for n in (3, 30):
        axes = learning_curves(some_curves(n), y_label="y", legend=False).axes[0]
        assert axes.get_legend() is None
        assert not texts(axes)


def test_no_curves_at_all_still_make_a_picture(tmp_path):
    learning_curves([], y_label="y", filename=tmp_path / "a.png")
    figure = incumbent_curve([], y_label="y", filename=tmp_path / "b.png")
    assert figure.axes[0].get_title() == "no y to call the best"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_curve_with_more_x_than_y_is_an_error_with_its_name():
    with pytest.raises(SpecError, match="'task 4' has 2 x and 1 y"):
        Curve("task 4", [1, 2], [0.5])


# -- incumbent -----------------------------------------------------------------------------


def test_step_line_holds_each_improvement_and_ends_at_the_last_report():
    curves = [
        Curve("task 0", [1.0, 4.0], [0.2, 0.3]),
        Curve("task 1", [2.0, 3.0, 6.0], [0.5, 0.7, 0.6], TrialState.STOPPED),
    ]
    figure = incumbent_curve(curves, y_label="accuracy")
    line = best_line(figure)
    assert data_of(line) == ([1.0, 2.0, 3.0, 6.0], [0.2, 0.5, 0.7, 0.7])
    assert line.get_drawstyle() == "steps-post"
    axes = figure.axes[0]
    assert axes.get_title() == "best accuracy 0.7: task 1, after 3 s"
    assert axes.get_xlabel().endswith("[s]")


def test_mode_min_takes_the_smallest():
    curves = [Curve("a", [1.0, 2.0], [0.5, 0.9]), Curve("b", [3.0], [0.4])]
    figure = incumbent_curve(curves, y_label="loss", mode="min")
    assert data_of(best_line(figure)) == ([1.0, 3.0, 3.0], [0.5, 0.4, 0.4])


@pytest.mark.parametrize("state", [s for s in TrialState if not s.counts_for_best])
def test_failed_trials_are_dots_but_never_the_best(state):
    curves = [Curve("good", [1.0], [0.5]), Curve("bad", [2.0], [0.9], state)]
    figure = incumbent_curve(curves, y_label="y")
    assert max(best_line(figure).get_ydata()) == 0.5
    assert any(data_of(line) == ([2.0], [0.9]) for line in figure.axes[0].lines)


def test_nan_is_never_the_best():
    curves = [Curve("a", [1.0, 2.0], [float("nan"), 0.3]), Curve("b", [3.0], [float("inf")])]
    figure = incumbent_curve(curves, y_label="y")
    assert data_of(best_line(figure)) == ([2.0, 3.0], [0.3, 0.3])


@pytest.mark.parametrize("state", list(TrialState))
def test_each_state_has_its_look_and_is_counted_in_the_legend(state):
    curves = [Curve("a", [1.0, 2.0], [0.1, 0.2], state), Curve("b", [3.0], [0.3], state)]
    axes = incumbent_curve(curves, y_label="y").axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"{state.value.replace('_', ' ')} (2 trials)" in labels
    assert data_of(axes.lines[0]) == ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])


def test_unknown_mode_is_an_error():
    with pytest.raises(SpecError, match="mode='maximum'"):
        incumbent_curve([], y_label="y", mode="maximum")


finite = st.floats(-1e6, 1e6)


@settings(max_examples=30, deadline=None)  # the first picture loads fonts
@given(values=st.lists(st.lists(finite, min_size=1, max_size=5), min_size=1, max_size=6))
def test_step_line_never_falls_and_ends_at_the_maximum(values):
    curves = [
        Curve(f"task {i}", [float(i + 10 * k) for k in range(len(ys))], ys)
        for i, ys in enumerate(values)
    ]
    steps = list(best_line(incumbent_curve(curves, y_label="y")).get_ydata())
    assert steps == sorted(steps)
    assert steps[-1] == max(max(ys) for ys in values)


# -- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [learning_curves, incumbent_curve])
def test_saved_picture_is_a_png_of_the_right_size_and_the_only_file(draw, tmp_path):
    path = tmp_path / "picture.png"
    draw(some_curves(), y_label="y", filename=path)
    assert png_size(path) == (960, 720)
    draw(some_curves(), y_label="y", filename=path)  # again, over the first
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]


def test_ending_chooses_the_format_and_png_is_the_default(tmp_path):
    learning_curves(some_curves(), y_label="y", filename=str(tmp_path / "bare"))
    learning_curves(some_curves(), y_label="y", filename=tmp_path / "drawing.svg")
    assert png_size(tmp_path / "bare.png") == (960, 720)
    assert "<svg" in (tmp_path / "drawing.svg").read_text()


def test_format_nobody_can_write_is_an_error(tmp_path):
    with pytest.raises(SpecError, match=r"picture\.docx.*use \.png"):
        learning_curves(some_curves(), y_label="y", filename=tmp_path / "picture.docx")
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there_is_an_error_with_the_path(tmp_path):
    with pytest.raises(SpecError, match=r"nowhere/picture\.png.*No such file") as caught:
        learning_curves(some_curves(), y_label="y", filename=tmp_path / "nowhere/picture.png")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_folder_in_the_pictures_place_is_an_error_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "picture.png").mkdir()
    with pytest.raises(SpecError, match=r"picture\.png"):
        learning_curves(some_curves(), y_label="y", filename=tmp_path / "picture.png")
    assert os.listdir(tmp_path) == ["picture.png"]  # noqa: PTH208 - names are what is compared


# -- screens -------------------------------------------------------------------------------


def test_drawing_off_screen_never_imports_pyplot():
    code = (
        "import sys, agcore.figures as f\n"
        "early = 'matplotlib' in sys.modules\n"
        "f.learning_curves([f.Curve('a', [1], [2])], y_label='y')\n"
        "print(early, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False False\n", "")


def test_show_goes_through_pyplot(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    figure = learning_curves(some_curves(), y_label="y", show=True)
    try:
        assert shown == [[figure.number]]
    finally:
        pyplot.close(figure)


# -- two objectives ------------------------------------------------------------------------

BOTH = {"names": ("accuracy", "latency"), "modes": ("max", "min")}


def front_line(figure):
    return next(line for line in figure.axes[0].lines if "front" in line.get_label())


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_line_of_a_front_is_the_border_of_what_was_reached(mode):
    front = [(0.9, 30.0), (0.5, 10.0), (0.7, 20.0)]
    picture = {**BOTH, "modes": (mode, "min")}
    figure = trade_off_picture([Curve("trial 0", [0.6], [30.0])], front, **picture)
    line = front_line(figure)
    assert data_of(line) == ([0.5, 0.7, 0.9], [10.0, 20.0, 30.0])
    # Between two points the one counts that is better in the first objective.
    assert line.get_drawstyle() == {"max": "steps-pre", "min": "steps-post"}[mode]
    better = {"max": "more", "min": "less"}[mode]
    assert figure.axes[0].get_xlabel() == f"accuracy ({better} is better)"
    assert figure.axes[0].get_ylabel() == "latency (less is better)"


def test_a_front_is_drawn_above_all_reports_by_state():
    clouds = [
        Curve("trial 0", [0.6, 0.7], [30.0, 20.0]),
        Curve("trial 1", [0.5], [50.0], TrialState.STOPPED),
    ]
    figure = trade_off_picture(clouds, [(0.7, 20.0)], **BOTH)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["completed (1 trial)", "stopped (1 trial)", "Pareto front (1 point)"]


def test_a_picture_of_three_objectives_is_refused():
    with pytest.raises(SpecError, match="a, b, c are 3, but a picture has two axes"):
        trade_off_picture([], [], names=("a", "b", "c"), modes=("max",) * 3)


def test_a_front_without_reports_is_an_empty_picture(tmp_path):
    trade_off_picture([], [], **BOTH, filename=tmp_path / "front.png")
    assert png_size(tmp_path / "front.png")
