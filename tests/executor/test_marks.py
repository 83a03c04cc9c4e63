import pytest

from agcore.executor.marks import Mark, marks_in
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

CONFIG = {"x": 0.5}
FIRST = [
    RunStarted(0.0, 0, {}, {}, {}),
    TrialProposed(0, 0.0, CONFIG, "random"),
    TrialStarted(0, 0.0, milestone=3),
]


def reported(resource, time_s):
    return Reported(0, time_s, resource, 0.5, {})


def test_a_trial_that_ran_when_the_record_ends_goes_on_behind_its_last_report():
    events = [*FIRST, reported(1, 2.0), reported(2, 4.0), RunEnded(5.0, "time_out")]
    mark = Mark(CONFIG, 2, 4_000_000, 5_000_000)
    assert marks_in(events, keeps_progress=False) == {0: mark}
    assert mark.at(5_000_000) == Mark(CONFIG, 2, 4_000_000)
    assert mark.at(7_000_000) == Mark(CONFIG, 2, 6_000_000)  # it waited for a worker


def test_a_trial_that_was_cut_off_lost_no_time_while_it_was():
    events = [
        *FIRST,
        reported(1, 2.0),
        TrialEnded(0, 3.0, TrialState.INTERRUPTED),
        RunEnded(3.0, "Ctrl-C"),
        RunResumed(10.0),
        TrialStarted(0, 12.0, attempt=1, milestone=3, again=True),
    ]
    assert marks_in(events, keeps_progress=True) == {0: Mark(CONFIG, 1, 11_000_000, 12_000_000)}
    crashed = [*events[:4], RunResumed(10.0), *events[-1:]]  # left at its last event, at 2 seconds
    assert marks_in(crashed, keeps_progress=True) == {0: Mark(CONFIG, 1, 12_000_000, 12_000_000)}


@pytest.mark.parametrize(("keeps_progress", "after"), [(True, 3), (False, 0)])
def test_a_promoted_trial_goes_on_or_begins_anew(keeps_progress, after):
    pause = Decision(Action.PAUSE, "not good enough")
    ended = [
        *FIRST,
        reported(3, 2.0),
        Decided(0, 2.0, 3, pause),
        TrialEnded(0, 2.0, TrialState.PAUSED),
    ]
    assert marks_in(ended, keeps_progress=keeps_progress) == {}
    promoted = [*ended, TrialStarted(0, 5.0, attempt=1, resume_from=3, milestone=9)]
    mark = Mark(CONFIG, after, 5_000_000, 5_000_000)
    assert marks_in(promoted, keeps_progress=keeps_progress) == {0: mark}
