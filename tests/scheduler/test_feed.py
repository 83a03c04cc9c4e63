import math

import pytest

from agcore.history import RunHistory
from agcore.records import (
    Action,
    Decision,
    Reported,
    RungStanding,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)
from agcore.scheduler.feed import SearcherFeed

GO_ON = Decision(Action.CONTINUE, "between rungs")
AT_RUNG = Decision(Action.CONTINUE, "at a rung", standing=RungStanding(3, 1, 1, 0.5))
AT_END = Decision(Action.STOP, "all used", completed=True)


class Spy:
    def __init__(self):
        self.seen, self.failed = [], []

    def observe(self, observation):
        self.seen.append((observation.resource, observation.reward, observation.provisional))

    def trial_failed(self, trial_id, config):
        self.failed.append(trial_id)


def play(data, rewards, decisions, state=TrialState.COMPLETED):
    """Feed the reports of one trial and its end."""
    history, spy = RunHistory(), Spy()
    feed = SearcherFeed(spy, data, history)
    history.apply(TrialProposed(0, 0.0, {"x": 1}, "random"))
    history.apply(TrialStarted(0, 0.0))
    trial = history.trials[0]
    for number, (reward, decision) in enumerate(zip(rewards, decisions, strict=True)):
        report = Reported(0, float(number), number + 1, reward, {})
        history.apply(report)
        feed.on_report(trial, report, decision)
    history.apply(TrialEnded(0, 9.0, state))
    feed.on_exit(trial)
    return spy


REWARDS, DECISIONS = [0.1, 0.9, 0.5, 0.4], [GO_ON, GO_ON, AT_RUNG, AT_END]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("trial", [(None, 0.9, False)]),
        ("rungs", [(3, 0.5, False), (4, 0.4, False)]),
        ("all", [(1, 0.1, False), (2, 0.9, False), (3, 0.5, False), (4, 0.4, False)]),
        ("rungs_and_last", [(1, 0.1, True), (2, 0.9, True), (3, 0.5, False), (4, 0.4, False)]),
    ],
)
def test_each_choice_of_data_passes_on_its_reports(data, expected):
    assert play(data, REWARDS, DECISIONS).seen == expected


@pytest.mark.parametrize("data", ["trial", "rungs", "all"])
def test_a_diverged_trial_is_passed_on_as_nan(data):
    stop = Decision(Action.STOP, "not finite")
    spy = play(data, [0.3, math.nan], [GO_ON, stop], TrialState.DIVERGED)
    assert math.isnan(spy.seen[-1][1])
    assert spy.failed == []


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.LOST, TrialState.OUT_OF_MEMORY])
def test_a_failure_is_passed_on_as_such_and_its_reports_are_not_its_value(state):
    spy = play("trial", [0.3], [GO_ON], state)
    assert spy.seen == []
    assert spy.failed == [0]


def test_a_trial_without_reports_has_no_value():
    spy = play("trial", [], [])
    assert (spy.seen, spy.failed) == ([], [])


def test_what_is_pending_depends_on_what_will_be_learnt():
    history = RunHistory()
    history.apply(TrialProposed(0, 0.0, {"x": 1}, "random"))
    trial = history.trials[0]
    assert SearcherFeed(Spy(), "rungs", history).pending(trial, 3).milestone == 3
    assert SearcherFeed(Spy(), "all", history).pending(trial, 3).milestone == 1
    assert SearcherFeed(Spy(), "trial", history).pending(trial, None).milestone is None
