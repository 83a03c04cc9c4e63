import math

import pytest

from agcore.jobs import Outcome
from agcore.records import Action, Decision, Reported, TrialState
from agcore.scheduler.outcomes import state_after, state_at_exit


@pytest.mark.parametrize(
    ("decision", "reward", "state"),
    [
        (Decision(Action.STOP, "low"), 0.5, TrialState.STOPPED),
        (Decision(Action.STOP, "all used", completed=True), 0.5, TrialState.COMPLETED),
        (Decision(Action.PAUSE, "at a rung"), 0.5, TrialState.PAUSED),
        (Decision(Action.STOP, "not finite"), math.nan, TrialState.DIVERGED),
    ],
)
def test_a_decision_says_what_a_trial_becomes(decision, reward, state):
    assert state_after(decision, Reported(0, 0.0, 1, reward, {})) is state


def test_without_a_plan_the_outcome_decides():
    assert {o: state_at_exit(None, o).value for o in Outcome} == {
        Outcome.RETURNED: "completed",
        Outcome.STOPPED: "stopped",
        Outcome.RAISED: "failed",
        Outcome.OUT_OF_MEMORY: "out_of_memory",
        Outcome.VANISHED: "lost",
    }


def test_a_trial_that_was_told_to_end_is_what_it_was_told_even_if_it_raised_on_its_way():
    assert state_at_exit(TrialState.STOPPED, Outcome.RAISED) is TrialState.STOPPED
    assert state_at_exit(TrialState.INTERRUPTED, Outcome.VANISHED) is TrialState.INTERRUPTED


def test_a_trial_that_is_to_be_resumed_must_have_left_in_good_order():
    assert state_at_exit(TrialState.PAUSED, Outcome.STOPPED) is TrialState.PAUSED
    assert state_at_exit(TrialState.PAUSED, Outcome.VANISHED) is TrialState.LOST
