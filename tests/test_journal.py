import json
import math

import pytest

from agcore.journal import event_to_json
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RungStanding,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialState,
)


def test_an_event_is_json_with_its_type_and_without_empty_fields():
    event = TrialProposed(3, 1.5, {"x": 0.25, "kind": None}, "model", why={"mean": math.nan})
    assert event_to_json(event) == {
        "event": "TrialProposed",
        "trial_id": 3,
        "time_s": 1.5,
        "config": {"x": 0.25, "kind": None},
        "origin": "model",
        "bracket": 0,
        "why": {"mean": "NaN"},
        "suggest_s": 0.0,
    }


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_numbers_json_does_not_have_become_strings_however_deep(value, text):
    event = Reported(0, 0.0, 1, value, {"nested": [{"deep": value}]})
    written = json.loads(json.dumps(event_to_json(event), allow_nan=False))
    assert written["reward"] == text
    assert written["metrics"] == {"nested": [{"deep": text}]}


def test_decisions_are_written_with_their_standing():
    decision = Decision(Action.STOP, "too low", standing=RungStanding(3, 5, 9, 1 / 3, 0.5))
    written = event_to_json(Decided(1, 2.0, 3, decision))
    assert written["decision"] == {
        "action": "stop",
        "reason": "too low",
        "completed": False,
        "standing": {"level": 3, "rank": 5, "size": 9, "quantile": 1 / 3, "cutoff": 0.5},
    }


def test_states_are_written_as_their_names():
    written = event_to_json(TrialEnded(1, 2.0, TrialState.LOST, "gone", exit_code=-9))
    assert (written["state"], written["exit_code"]) == ("lost", -9)
    assert "traceback_text" not in written


def test_the_start_of_a_run_says_what_was_run():
    written = event_to_json(RunStarted(0.0, 1, {"mode": "max"}, {"x": "Real"}, {"agcore": "0.1"}))
    assert written["settings"] == {"mode": "max"}
    assert written["schema"] == 1
