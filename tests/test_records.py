import dataclasses

import pytest

from agcore import jobs, records
from agcore.records import Action, Decision, Observation, Suggestion, TrialState

RECORDS = [
    kind
    for module in (records, jobs)
    for kind in vars(module).values()
    if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_records_are_frozen_slotted_and_documented(kind):
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert kind.__doc__
    assert not kind.__doc__.startswith(kind.__name__)


def test_a_decision_without_a_reason_is_impossible():
    with pytest.raises(ValueError, match="reason"):
        Decision(Action.STOP, "")


def test_failures_never_count_for_the_best():
    for state in TrialState:
        assert not (state.is_failure and state.counts_for_best)
    assert not TrialState.DIVERGED.counts_for_best
    assert TrialState.PAUSED.counts_for_best


def test_defaults_are_shared_and_cannot_be_changed():
    first, second = Suggestion({}, "random"), Suggestion({}, "grid")
    assert first.why is second.why
    with pytest.raises(TypeError):
        first.why["x"] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Observation(0, {}, 1, 0.5).reward = 1.0
