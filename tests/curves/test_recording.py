import math

import pytest

from agcore.curves.recording import RecordedCurve, curve_of_row, curves_of_run, row_of_curve
from agcore.errors import SpecError
from agcore.history import RunHistory
from agcore.records import (
    Reported,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

CONFIG = {"x": 0.5}


def recorded(*events, trials=1):
    history = RunHistory()
    history.apply(RunStarted(0.0, 0, {"time_attr": "epoch"}, {}, {}))
    for trial_id in range(trials):
        history.apply(TrialProposed(trial_id, 0.0, CONFIG, "random"))
    for event in events:
        history.apply(event)
    return list(curves_of_run(history, "epoch"))


def reported(resource, time_s, size=None):
    return Reported(0, time_s, resource, 0.5, {"loss": time_s}, size)


# -- rows ----------------------------------------------------------------------------------


def test_elapsed_or_seconds_say_what_a_report_costs():
    elapsed = {"id": 3, "config": CONFIG, "loss": [3, 2, 1], "elapsed": [1.0, 3.0, 3.0]}
    reports = ({"loss": 3, "epoch": 1}, {"loss": 2, "epoch": 2}, {"loss": 1, "epoch": 3})
    curve = RecordedCurve(CONFIG, reports, (1.0, 2.0, 0.0))
    assert curve_of_row(elapsed, "epoch", "row 0") == curve
    seconds = {"config": CONFIG, "loss": [3, 2, 1], "seconds": [1, 2, 0]}
    assert curve_of_row(seconds, "epoch", "row 0") == curve
    assert curve_of_row(row_of_curve(curve), "epoch", "row 0") == curve


def test_numbers_that_json_has_not_are_written_by_name():
    row = {"config": CONFIG, "loss": ["NaN", "Infinity"], "epoch": [2, 4], "seconds": [1, 1]}
    first, second = curve_of_row(row, "epoch", "row 0").reports
    assert math.isnan(first["loss"])
    assert second == {"loss": math.inf, "epoch": 4}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": None}, "row 7 has no config"),
        ({"seconds": None}, "row 7 has neither 'seconds'"),
        ({"loss": [1]}, "row 7 has 1 values of 'loss' and 2 of seconds"),
        ({"seconds": [1, -1]}, "must be at least 0"),
        ({"seconds": [1, "x"]}, "must be at least 0"),
        ({"seconds": None, "elapsed": [2, 1]}, "elapsed must not fall"),
    ],
)
def test_an_incomplete_row_is_named(change, words):
    row = {"config": CONFIG, "loss": [2, 1], "seconds": [1, 1], **change}
    with pytest.raises(SpecError, match=words):
        curve_of_row(row, "epoch", "row 7")


# -- parts of curves -----------------------------------------------------------------------


@pytest.mark.parametrize(("cut", "limit", "left"), [("x", 2, ""), ("x", 9, "x"), ("x", 3, "")])
def test_a_curve_that_reaches_the_limit_is_whole(cut, limit, left):
    reports = tuple({"epoch": e} for e in (1, 2, 3))
    short = RecordedCurve(CONFIG, reports, (1.0, 1.0, 1.0), cut).up_to(limit, "epoch")
    assert (len(short.reports), len(short.seconds), short.cut) == (
        min(limit, 3),
        min(limit, 3),
        left,
    )


# -- runs ----------------------------------------------------------------------------------


def test_seconds_are_those_between_reports():
    (curve,) = recorded(
        TrialStarted(0, 10.0),
        reported(1, 12.0),
        reported(2, 15.0),
        TrialEnded(0, 15.0, TrialState.COMPLETED),
    )
    assert curve.seconds == (2.0, 3.0)
    assert curve.reports == ({"loss": 12.0, "epoch": 1}, {"loss": 15.0, "epoch": 2})
    assert (curve.config, curve.cut) == (CONFIG, "")


@pytest.mark.parametrize(("size", "cost"), [(None, 2.5), (100, 7.0)])
def test_a_report_after_a_break_costs_what_the_others_did_unless_there_are_checkpoints(size, cost):
    (curve,) = recorded(
        TrialStarted(0, 10.0),
        reported(1, 12.0),
        reported(2, 15.0, size),
        TrialEnded(0, 15.0, TrialState.PAUSED),
        TrialStarted(0, 20.0, attempt=1, resume_from=2),
        reported(3, 27.0),
        reported(4, 28.0),
        TrialEnded(0, 28.0, TrialState.STOPPED),
    )
    assert curve.seconds == (2.0, 3.0, cost, 1.0)
    assert curve.cut == "trial 0 was stopped there"


def test_what_failed_without_a_report_is_a_curve_and_what_was_cut_off_is_none():
    curves = recorded(
        TrialStarted(0, 1.0),
        TrialEnded(0, 2.0, TrialState.FAILED, "ValueError: no"),
        TrialStarted(1, 1.0),
        TrialEnded(1, 2.0, TrialState.INTERRUPTED),
        trials=3,
    )
    assert curves == [RecordedCurve(CONFIG, (), (), "trial 0 failed there: ValueError: no")]
