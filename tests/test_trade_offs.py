"""The Pareto front of a run, against its definition."""

import math

import pytest
from hypothesis import given, strategies as st

from agcore.history import RunHistory
from agcore.objectives import Objectives
from agcore.records import Reported, RunStarted, TrialEnded, TrialProposed, TrialStarted, TrialState
from agcore.trade_offs import pareto_front

OBJECTIVES = Objectives(("accuracy", "latency"), ("max", "min"))


def run_of(trials):
    """A run of trials, each a list of (accuracy, latency) and a state."""
    history = RunHistory()
    history.apply(RunStarted(0.0, 0, {}, {}, {}))
    for trial_id, (points, state) in enumerate(trials):
        history.apply(TrialProposed(trial_id, 0.0, {"x": trial_id}, "random"))
        history.apply(TrialStarted(trial_id, 0.0))
        for resource, (accuracy, latency) in enumerate(points, start=1):
            reward = 0.5 if math.isfinite(accuracy + latency) else math.nan
            metrics = {"accuracy": accuracy, "latency": latency}
            history.apply(Reported(trial_id, 0.0, resource, reward, metrics))
        history.apply(TrialEnded(trial_id, 0.0, state))
    return history


def places(front):
    return [(point.trial_id, point.resource) for point in front]


DONE, STOPPED = TrialState.COMPLETED, TrialState.STOPPED


def test_every_report_counts_and_the_best_in_the_first_objective_comes_first():
    history = run_of([([(0.5, 9), (0.7, 20)], DONE), ([(0.6, 9)], STOPPED), ([(0.1, 2)], DONE)])
    front = pareto_front(history, OBJECTIVES)
    assert places(front) == [(0, 2), (1, 1), (2, 1)]
    assert front[0].objectives == {"accuracy": 0.7, "latency": 20.0}
    assert (front[1].config, front[1].state) == ({"x": 1}, STOPPED)


def test_only_last_reports_count_if_they_stand_for_the_trials():
    history = run_of([([(0.9, 1), (0.7, 20)], DONE), ([(0.6, 9)], STOPPED)])
    assert places(pareto_front(history, OBJECTIVES)) == [(0, 1)]
    assert places(pareto_front(history, OBJECTIVES, "last")) == [(0, 2), (1, 1)]


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.LOST, TrialState.DIVERGED])
def test_failed_and_diverged_trials_do_not_count(state):
    history = run_of([([(0.9, 1)], state), ([(0.6, 9)], DONE)])
    assert places(pareto_front(history, OBJECTIVES)) == [(1, 1)]


def test_a_report_with_an_objective_that_is_not_finite_does_not_count():
    history = run_of([([(0.6, 9), (0.9, math.nan)], DONE), ([(math.inf, 1)], DONE)])
    assert places(pareto_front(history, OBJECTIVES)) == [(0, 1)]


def test_of_equal_reports_of_a_trial_the_earliest_counts_but_equal_trials_all_do():
    history = run_of([([(0.6, 9), (0.6, 9)], DONE), ([(0.6, 9)], DONE)])
    assert places(pareto_front(history, OBJECTIVES)) == [(0, 1), (1, 1)]


def test_without_reports_the_front_is_empty():
    assert pareto_front(run_of([]), OBJECTIVES) == []


points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4)


@given(trials=st.lists(points, max_size=6))
def test_no_report_of_the_run_beats_one_of_the_front_and_all_others_are_beaten_or_equal(trials):
    history = run_of([(reports, DONE) for reports in trials])
    front = pareto_front(history, OBJECTIVES)
    values = [(point.objectives["accuracy"], point.objectives["latency"]) for point in front]
    for accuracy, latency in [report for reports in trials for report in reports]:
        better = [(a, ms) for a, ms in values if a >= accuracy and ms <= latency]
        assert better
        for a, ms in values:
            assert not (accuracy >= a and latency <= ms and (accuracy, latency) != (a, ms))
