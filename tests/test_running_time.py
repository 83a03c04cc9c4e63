"""Only the time in which a run was alive counts."""

import pytest

from agcore.records import RunEnded, RunResumed, RunStarted, TrialStarted
from agcore.running_time import RunningTime

STARTED = RunStarted(100.0, 0, {}, {}, {})
TWO_RUNS = [STARTED, RunEnded(110.0, ""), RunResumed(200.0, None, None), RunEnded(205.0, "")]


def test_before_the_first_event_no_time_has_passed():
    clock = RunningTime([])
    assert clock.total_s == 0
    assert clock.at(1e9) == 0
    assert not clock.is_open


def test_a_run_that_goes_on_counts_up_to_any_moment():
    clock = RunningTime([STARTED, TrialStarted(0, 103.0)])
    assert clock.is_open
    assert clock.total_s == 3
    assert clock.at(104.5) == 4.5


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [(0, 0), (100, 0), (104, 4), (110, 10), (150, 10), (200, 10), (203, 13), (205, 15), (900, 15)],
)
def test_the_pause_between_two_runs_does_not_count(moment, seconds):
    clock = RunningTime(TWO_RUNS)
    assert clock.at(moment) == seconds
    assert clock.total_s == 15
    assert not clock.is_open


def test_a_run_that_was_killed_counts_until_the_next_begins():
    clock = RunningTime([STARTED, RunResumed(130.0, None, None), RunEnded(131.0, "")])
    assert clock.total_s == 31


def test_a_clock_that_was_set_back_never_gives_negative_time():
    clock = RunningTime([STARTED, RunEnded(90.0, "")])
    assert clock.total_s == 0
    assert clock.at(95.0) == 0
