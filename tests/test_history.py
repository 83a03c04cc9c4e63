import math

import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError
from agcore.history import Ancestor, RunHistory
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

rewards = st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan)), max_size=6)
endings = st.sampled_from([None, *TrialState])
runs = st.lists(st.tuples(rewards, endings), max_size=6)


def history_of(trials, **arguments):
    history = RunHistory(**arguments)
    history.apply(RunStarted(100.0, 0, {}, {}, {}))
    for trial_id, (values, state) in enumerate(trials):
        history.apply(TrialProposed(trial_id, 100.0, {"x": trial_id}, "random", bracket=1))
        history.apply(TrialStarted(trial_id, 101.0))
        for number, value in enumerate(values):
            history.apply(Reported(trial_id, 102.0 + number, number + 1, value, {"acc": value}))
        if state is not None:
            history.apply(TrialEnded(trial_id, 120.0, state))
    return history


@given(trials=runs)
def test_the_best_is_the_naive_best_over_trials_that_count(trials):
    candidates = [
        (value, -trial_id, -number)
        for trial_id, (values, state) in enumerate(trials)
        for number, value in enumerate(values)
        if (state or TrialState.RUNNING).counts_for_best and not math.isnan(value)
    ]
    best = history_of(trials).best()
    if not candidates:
        assert best is None
    else:
        value, trial_id, number = max(candidates)
        # Reports of several trials interleave in time; only the value is promised on ties.
        assert best.reward == value
        assert best.metrics["acc"] == value
        if sum(c[0] == value for c in candidates) == 1:
            assert (best.trial_id, best.resource) == (-trial_id, -number + 1)


@given(trials=runs)
def test_the_last_report_stands_for_a_trial_where_that_is_asked(trials):
    last = [
        values[-1]
        for values, state in trials
        if values and (state or TrialState.RUNNING).counts_for_best and not math.isnan(values[-1])
    ]
    for history in (history_of(trials), history_of(trials, trial_value="last")):
        best = history.best(at="last")
        assert (best.reward if best else None) == (max(last) if last else None)
    by_default = history_of(trials, trial_value="last").best()
    assert (by_default.reward if by_default else None) == (max(last) if last else None)


def test_the_earliest_report_wins_a_tie_within_a_trial():
    assert history_of([([0.5, 0.9, 0.9], None)]).best().resource == 2


def test_a_leader_that_fails_later_gives_way():
    history = history_of([([0.9], None), ([0.5], None)])
    assert history.best().trial_id == 0
    history.apply(TrialEnded(0, 130.0, TrialState.FAILED))
    assert history.best().trial_id == 1


def test_with_a_negative_sign_rewards_are_shown_as_the_user_reports_them():
    best = history_of([([-3.0, -1.0], None)], sign=-1).best()
    assert best.reward == 1.0


def test_counts_follow_the_states():
    history = history_of(
        [
            ([1.0], TrialState.COMPLETED),
            ([], TrialState.FAILED),
            ([1.0], TrialState.PAUSED),
            ([], None),
        ]
    )
    assert (history.num_running, history.num_ended) == (1, 2)
    assert (history.num_failures, history.num_tried) == (1, 3)
    assert history.trials[0].busy_s == 19.0


def test_a_resumed_trial_keeps_its_reports_and_adds_up_its_time():
    history = history_of([([1.0], TrialState.PAUSED)])
    history.apply(TrialStarted(0, 200.0, attempt=1, resume_from=1, milestone=3))
    assert history.trials[0].state is TrialState.RUNNING
    history.apply(TrialEnded(0, 205.0, TrialState.COMPLETED))
    trial = history.trials[0]
    assert (trial.attempts, trial.busy_s, len(trial.reports)) == (2, 24.0, 1)
    assert (history.num_tried, history.num_ended, history.num_running) == (1, 1, 0)


def test_rows_name_brackets_and_ends_only_under_hyperband():
    stop = Decision(Action.STOP, "enough")
    for marks in (False, True):
        history = history_of([([1.0, 2.0], None)], marks_brackets=marks)
        history.apply(Decided(0, 110.0, 2, stop))
        rows = history.training_history()["0"]
        extra = [{"bracket": 1}, {"bracket": 1, "terminated": True}] if marks else [{}, {}]
        assert rows == [{"acc": 1.0} | extra[0], {"acc": 2.0} | extra[1]]


def test_histories_leave_out_trials_without_reports():
    history = history_of([([], TrialState.COMPLETED), ([1.0], None)])
    assert list(history.training_history()) == ["1"]
    assert history.config_history() == {"1": {"x": 1}}


def test_decisions_can_be_looked_up_by_resource():
    history = history_of([([1.0], None)])
    decision = Decision(Action.STOP, "enough")
    history.apply(Decided(0, 110.0, 1, decision))
    history.apply(RunEnded(130.0, "done"))
    assert history.trials[0].decision_at(1) is decision
    assert history.trials[0].decision_at(2) is None
    assert history.trials[0].resource == 1


@pytest.mark.parametrize("at", ["best", 0, -3, True])
def test_a_best_at_nowhere_is_refused(at):
    with pytest.raises(SpecError, match="at="):
        history_of([]).best(at=at)


def test_a_lineage_goes_from_the_first_ancestor_to_the_trial():
    history = RunHistory()
    history.apply(TrialProposed(0, 0.0, {"x": 0}, "random"))
    history.apply(TrialStarted(0, 0.0))
    history.apply(Reported(0, 1.0, 8, 0.5, {}))
    history.apply(TrialProposed(1, 1.0, {"x": 1}, "explore", parent=0))
    history.apply(TrialStarted(1, 1.0, 0, 6, parent=0))
    history.apply(TrialProposed(2, 1.0, {"x": 2}, "explore", parent=1))
    history.apply(TrialStarted(2, 1.0))  # without its parent's training
    history.apply(Reported(2, 2.0, 3, 0.5, {}))
    assert history.lineage(0) == [Ancestor(0, {"x": 0}, 0, 8)]
    assert history.lineage(1) == [Ancestor(0, {"x": 0}, 0, 6), Ancestor(1, {"x": 1}, 6, 6)]
    assert [(a.trial_id, a.begin, a.end) for a in history.lineage(2)] == [
        (0, 0, 6),
        (1, 0, 0),
        (2, 0, 3),
    ]
    with pytest.raises(SpecError, match="there is no trial 3"):
        history.lineage(3)


@given(
    ends=st.lists(st.tuples(st.integers(0, 3), st.floats(0, 9)), max_size=12),
    state=st.sampled_from([TrialState.PAUSED, TrialState.INTERRUPTED, TrialState.LOST]),
)
def test_the_time_of_all_trials_is_the_sum_of_theirs(ends, state):
    history = history_of([([1.0], None)] * 4)
    now_s = 200.0
    for trial_id, busy_s in ends:
        history.apply(TrialStarted(trial_id, now_s))
        now_s += busy_s
        history.apply(TrialEnded(trial_id, now_s, state))
    durations = [trial.busy_s for trial in history.trials.values() if trial.busy_s]
    assert history.num_timed == len(durations)
    assert history.busy_s == pytest.approx(sum(durations))


def test_of_equal_trials_the_first_stays_the_best_when_another_is_cut_off_and_goes_on():
    history = history_of([([], None), ([2.0], None)])
    history.apply(Reported(0, 130.0, 1, 2.0, {"acc": 2.0}))
    assert history.best().trial_id == 1
    history.apply(TrialEnded(0, 140.0, TrialState.INTERRUPTED))
    history.apply(TrialStarted(0, 150.0, 1, again=True))
    assert history.best().trial_id == 1
