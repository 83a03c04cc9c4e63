"""Progress says what is true, fits where it is shown, and never harms the run."""

import io
import logging
import sys
import time

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.console import Console

from agcore.callbacks import Progress
from agcore.callbacks.progress import duration, wrapped_config
from agcore.records import TrialState


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what is written."""

    def isatty(self):
        return True


class BrokenPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError


def on_terminal(width=80):
    terminal = Terminal()
    console = Console(file=terminal, force_terminal=True, width=width, _environ={"TERM": "xterm"})
    return terminal, console


def in_pipe():
    stream = io.StringIO()
    return stream, Console(file=stream)


@pytest.fixture
def progress():
    return Progress(Console(file=io.StringIO()))


# -- what it says --------------------------------------------------------------------------


def test_before_the_first_trial_it_says_so(scripted, progress):
    run = scripted(progress)
    run.start()
    assert progress.lines() == ["0 s, FIFOScheduler, random", "0 trials: 0 running", "no acc yet"]


def test_without_a_reward_there_is_no_best(scripted, progress):
    run = scripted(progress, num_trials=10, time_out=60)
    run.start()
    run.trial(0)
    run.tick(5)
    assert progress.lines() == [
        "5 s of 60 s, FIFOScheduler, random",
        "1 of 10 trials: 1 running",
        "no acc yet",
    ]


def test_of_several_objectives_nothing_is_called_the_best(scripted, progress):
    run = scripted(progress, reward_attr="_SCALARIZATION")
    run.start()
    run.trial(0)
    run.report(0, 1.0)
    assert progress.lines()[2:] == ["several objectives, see get_pareto_front()"]


def test_best_trial_and_its_config_are_shown(scripted, progress):
    run = scripted(progress)
    run.start()
    run.trial(0, {"lr": 0.123456, "optimizer": "adam"})
    run.report(0, 0.5, resource=3)
    assert progress.lines()[2:] == [
        "best acc 0.5 in trial 0 at epoch 3",
        "  lr=0.1235  optimizer='adam'",
    ]


def test_smaller_is_better_with_mode_min(scripted, progress):
    run = scripted(progress, sign=-1, reward_attr="loss")
    run.start()
    run.trial(0)
    for epoch, loss in enumerate((0.9, 0.25, 0.5), start=1):
        run.report(0, loss, epoch)
    assert "best loss 0.25 in trial 0 at epoch 2" in progress.lines()


def test_trials_are_counted_by_state(scripted, progress):
    run = scripted(progress)
    run.start()
    ends = (TrialState.COMPLETED, TrialState.STOPPED, TrialState.STOPPED, TrialState.FAILED)
    for trial_id in range(5):
        run.trial(trial_id)
    for trial_id, state in enumerate(ends):
        run.end_trial(trial_id, state)
    assert progress.lines()[1] == "5 trials: 1 running, 1 completed, 2 stopped, 1 failed"


def test_a_promoted_trial_is_counted_once(scripted, progress):
    run = scripted(progress)
    run.start()
    run.trial(0)
    run.end_trial(0, TrialState.PAUSED)
    assert progress.lines()[1] == "1 trial: 0 running, 1 paused"
    run.resume(0)
    assert progress.lines()[1] == "1 trial: 1 running"


def test_a_second_run_goes_on_counting_and_leaves_out_the_pause(scripted, progress):
    run = scripted(progress)
    run.start()
    run.trial(0)
    run.now_s += 5
    run.end_trial(0)
    run.end()
    run.now_s += 3600
    run.start()
    run.trial(1)
    run.tick(2)
    assert progress.lines()[:2] == [
        "7 s, FIFOScheduler, random",
        "2 trials: 1 running, 1 completed",
    ]


def test_counts_of_the_display_are_those_of_the_history(scripted, progress):
    run = scripted(progress)
    run.start()
    for trial_id in range(2000):
        run.trial(trial_id)
        run.report(trial_id, trial_id / 2000)
        run.end_trial(trial_id)
    assert progress.lines()[1] == "2,000 trials: 0 running, 2,000 completed"


# -- where it fits -------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=50)
values = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=80))


@given(
    config=st.dictionaries(names, values, max_size=40),
    width=st.integers(16, 200),
    max_lines=st.integers(1, 4),
)
def test_no_line_of_a_config_is_wider_than_the_terminal(config, width, max_lines):
    lines = wrapped_config(config, width, max_lines)
    assert len(lines) <= max_lines
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("width", [16, 20, 40, 79, 80, 200])
def test_no_line_is_wider_than_the_terminal(scripted, progress, width):
    run = scripted(progress, num_trials=1000, reward_attr="a_very_long_name_of_a_metric")
    run.start()
    run.trial(0, {f"parameter_{i}": i / 7 for i in range(60)})
    run.report(0, 0.123456789)
    lines = progress.lines(width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 6
    assert lines[-1].endswith(" more")


def test_a_config_that_fits_is_shown_whole():
    config = {"a": 1, "b": 2.5, "c": "x"}
    assert wrapped_config(config, 80, 3) == ["  a=1  b=2.5  c='x'"]
    assert wrapped_config(config, 12, 3) == ["  a=1  b=2.5", "  c='x'"]
    assert wrapped_config({}, 80, 3) == []


def test_what_is_left_out_of_a_config_is_counted():
    config = {name: 1 for name in "abcdefghij"}
    assert wrapped_config(config, 22, 1) == ["  a=1  b=1  and 8 more"]
    assert wrapped_config(config, 22, 2) == ["  a=1  b=1  c=1  d=1", "  e=1  f=1  and 4 more"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (2.04, "2.0 s"),
        (40, "40 s"),
        (119.9, "119 s"),
        (200, "3 min 20 s"),
        (7384, "2 h 03 min"),
    ],
)
def test_durations_are_told_in_units_people_use(seconds, text):
    assert duration(seconds) == text


# -- when it draws -------------------------------------------------------------------------


def test_a_terminal_is_redrawn_at_most_five_times_a_second(scripted):
    terminal, console = on_terminal()
    run = scripted(Progress(console))
    run.start()
    drawn = terminal.getvalue().count("FIFOScheduler")
    assert drawn == 1
    for _ in range(1000):
        run.tick(0.002)
    assert 8 <= terminal.getvalue().count("FIFOScheduler") - drawn <= 10


def test_a_clock_that_is_set_back_does_not_stop_the_display(scripted):
    terminal, console = on_terminal()
    run = scripted(Progress(console))
    run.start()
    run.tick(100)
    before = terminal.getvalue().count("FIFOScheduler")
    run.tick(-90)
    assert terminal.getvalue().count("FIFOScheduler") == before + 1


def test_a_pipe_gets_a_line_after_three_seconds_and_then_less_and_less_often(scripted):
    stream, console = in_pipe()
    run = scripted(Progress(console))
    run.start()
    written = []
    for second in range(1, 301):
        before = stream.getvalue().count("\n")
        run.tick(1.0)
        if stream.getvalue().count("\n") > before:
            written.append(second)
    assert written == [3, 13, 33, 73, 133, 193, 253]


def test_a_pipe_gets_whole_plain_lines(scripted, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream, console = in_pipe()
    run = scripted(Progress(console), time_out=60)
    run.start()
    run.trial(0, {f"parameter_{i}": i for i in range(30)})
    run.report(0, 0.5)
    run.end()
    assert stream.getvalue() == (
        "0 s of 60 s, FIFOScheduler, random; 1 trial: 1 running; "
        "best acc 0.5 in trial 0 at epoch 1\n"
    )


def test_an_event_costs_next_to_nothing(scripted, progress):
    run = scripted(progress)
    run.start()
    run.trial(0)
    event = run.history.events[-1]
    began = time.perf_counter()
    for _ in range(10_000):
        progress.on_event(event)
        progress.on_tick(run.now_s)
    assert time.perf_counter() - began < 0.5  # 50 us each; a few are enough


# -- what it leaves ------------------------------------------------------------------------


def test_the_last_lines_stay_on_the_terminal(scripted):
    terminal, console = on_terminal()
    run = scripted(Progress(console))
    run.start()
    run.trial(0)
    run.report(0, 0.75)
    run.end()
    assert "best acc 0.75" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n\x1b[?25h")


def test_the_last_lines_are_wiped_if_so_wished(scripted):
    terminal, console = on_terminal()
    run = scripted(Progress(console, keeps_last=False))
    run.start()
    run.end()
    assert terminal.getvalue().endswith("\x1b[2K")  # the lines are erased one by one


def test_the_cursor_is_visible_all_along(scripted):
    terminal, console = on_terminal()
    run = scripted(Progress(console))
    run.start()
    run.tick(1)
    shown, hidden = (terminal.getvalue().rfind(f"\x1b[?25{letter}") for letter in "hl")
    assert shown > hidden


def test_a_broken_pipe_does_not_reach_the_run(scripted, caplog):
    run = scripted(Progress(Console(file=BrokenPipe())))
    with caplog.at_level(logging.WARNING, "agcore"):
        run.start()
        run.tick(5)
        run.tick(50)
        run.trial(0)
        run.end()
    assert [r.getMessage() for r in caplog.records] == [
        "progress can no longer be shown: BrokenPipeError(); the run goes on"
    ]


def test_a_console_that_cannot_be_used_does_not_reach_the_run(scripted, caplog):
    run = scripted(Progress(console="no console"))
    with caplog.at_level(logging.WARNING, "agcore"):
        run.start()
        run.trial(0)
        run.tick(5)
        run.end()
    assert len(caplog.records) == 1


def test_a_terminal_that_breaks_while_drawing_is_given_back(scripted, monkeypatch):
    terminal, console = on_terminal()
    progress = Progress(console)
    run = scripted(progress)
    run.start()
    monkeypatch.setattr(progress, "lines", lambda width: 1 / 0)
    run.tick(1)
    assert not hasattr(sys.stderr, "rich_proxied_file")
    run.tick(1)
    run.end()
    assert terminal.getvalue().rfind("\x1b[?25h") > terminal.getvalue().rfind("\x1b[?25l")
