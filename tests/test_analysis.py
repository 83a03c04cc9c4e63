"""What is read from a history adds up and agrees with the history."""

import math

import pytest
from hypothesis import given, strategies as st

from agcore.analysis import (
    curves_over_time,
    incumbents,
    objective_clouds,
    time_spent,
    to_pandas,
)
from agcore.history import RunHistory
from agcore.objectives import Objectives
from agcore.records import (
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

FINAL = [state for state in TrialState if state is not TrialState.RUNNING]


class Script:
    """A history written by hand; time stands still unless told."""

    def __init__(self, sign=1, trial_value="best"):
        self.history = RunHistory(sign, trial_value)
        self.sign = sign
        self.now_s = 1000.0
        self.history.apply(RunStarted(self.now_s, 0, {}, {}, {}))

    def wait(self, seconds):
        self.now_s += seconds
        return self

    def start(self, trial_id, suggest_s=0.0, **config):
        event = TrialProposed(trial_id, self.now_s, config, "random", suggest_s=suggest_s)
        self.history.apply(event)
        self.history.apply(TrialStarted(trial_id, self.now_s))
        return self

    def resume(self, trial_id):
        self.history.apply(TrialStarted(trial_id, self.now_s, attempt=1, resume_from=1))
        return self

    def report(self, trial_id, value, resource=1, **metrics):
        metrics = {"acc": value, "epoch": resource, **metrics}
        reward = self.sign * value
        self.history.apply(Reported(trial_id, self.now_s, resource, reward, metrics))
        return self

    def end(self, trial_id, state=TrialState.COMPLETED):
        self.history.apply(TrialEnded(trial_id, self.now_s, state))
        return self

    def end_run(self):
        self.history.apply(RunEnded(self.now_s, ""))
        return self

    def run_again(self):
        self.history.apply(RunResumed(self.now_s, None, None))
        return self


# -- incumbents ----------------------------------------------------------------------------


def test_an_incumbent_is_noted_whenever_the_best_rises():
    script = Script().start(0).wait(1).report(0, 0.5).wait(1).report(0, 0.4, 2)
    script.start(1).wait(2).report(1, 0.5).wait(1).report(1, 0.7, 2)
    found = [(i.elapsed_s, i.trial_id, i.resource, i.reward) for i in incumbents(script.history)]
    assert found == [(1.0, 0, 1, 0.5), (5.0, 1, 2, 0.7)]


def test_with_mode_min_incumbents_fall_and_keep_the_users_sign():
    script = Script(sign=-1).start(0)
    for epoch, loss in enumerate((0.9, 0.95, 0.3), start=1):
        script.report(0, loss, epoch)
    assert [i.reward for i in incumbents(script.history)] == [0.9, 0.3]


def test_trials_that_failed_or_diverged_are_no_incumbents():
    script = Script().start(0).report(0, 0.9).end(0, TrialState.FAILED)
    script.start(1).report(1, 0.8).report(1, math.nan, 2).end(1, TrialState.DIVERGED)
    script.start(2).report(2, 0.1).end(2)
    assert [i.trial_id for i in incumbents(script.history)] == [2]


def test_without_reports_there_are_none():
    assert incumbents(Script().start(0).history) == []
    assert incumbents(RunHistory()) == []


def test_where_the_last_report_counts_better_ones_before_it_are_passed_over():
    script = Script(trial_value="last").start(0).start(1)
    for epoch, value in enumerate((0.3, 0.9, 0.5), start=1):
        script.report(0, value, epoch)
    script.report(1, 0.4)
    assert [i.reward for i in incumbents(script.history)] == [0.3, 0.5]


@given(
    reports=st.lists(st.tuples(st.integers(0, 3), st.floats(-9, 9, width=16)), max_size=30),
    states=st.lists(st.sampled_from(TrialState), min_size=4, max_size=4),
    trial_value=st.sampled_from(["best", "last"]),
    sign=st.sampled_from([1, -1]),
)
def test_incumbents_improve_and_the_last_is_the_best(reports, states, trial_value, sign):
    script = Script(sign, trial_value)
    for trial_id in range(4):
        script.start(trial_id)
    for trial_id, value in reports:
        script.wait(1).report(trial_id, value, script.history.trials[trial_id].resource + 1)
    for trial_id, state in enumerate(states):
        script.end(trial_id, state)
    rewards = [sign * i.reward for i in incumbents(script.history)]
    assert rewards == sorted(set(rewards))
    best = script.history.best()
    assert (best is None) == (not rewards)
    assert best is None or sign * best.reward == rewards[-1]


# -- time ----------------------------------------------------------------------------------


def test_time_is_told_by_the_state_in_which_trials_ended():
    script = Script().wait(1).start(0, suggest_s=0.5).start(1, suggest_s=0.25).wait(4)
    script.end(0, TrialState.STOPPED).wait(2).end(1).wait(1).end_run()
    spent = time_spent(script.history, slots=2)
    assert spent.by_state == {TrialState.STOPPED: 4.0, TrialState.COMPLETED: 6.0}
    assert spent.trials_by_state == {TrialState.STOPPED: 1, TrialState.COMPLETED: 1}
    assert (spent.run_s, spent.idle_s, spent.suggest_s) == (8.0, 6.0, 0.75)
    assert spent.total_s == 16.0
    assert spent.share(spent.idle_s) == 0.375
    assert list(spent.rows()) == [
        ("completed", 1, 6.0),
        ("stopped", 1, 4.0),
        ("idle slots", None, 6.0),
    ]


def test_all_attempts_of_a_promoted_trial_count():
    script = Script().start(0).wait(3).end(0, TrialState.PAUSED).wait(1).resume(0)
    spent = time_spent(script.wait(2).end(0).end_run().history, slots=1)
    assert spent.by_state == {TrialState.COMPLETED: 5.0}
    assert spent.idle_s == 1.0


def test_the_pause_between_two_runs_is_nobodys_time():
    script = Script().start(0).wait(2).end(0).end_run().wait(3600).run_again()
    script.start(1).wait(3).report(1, 0.5).end(1).end_run()
    spent = time_spent(script.history, slots=1)
    assert (spent.run_s, spent.idle_s) == (5.0, 0.0)
    assert [i.elapsed_s for i in incumbents(script.history)] == [5.0]
    assert curves_over_time(script.history)[0].x == [5.0]


def test_a_run_that_goes_on_counts_until_its_last_event():
    script = Script().start(0).wait(2).start(1).wait(2).report(0, 0.5)
    spent = time_spent(script.history, slots=2)
    assert spent.by_state == {TrialState.RUNNING: 6.0}
    assert (spent.run_s, spent.idle_s) == (4.0, 2.0)


def test_a_trial_that_was_only_proposed_is_not_counted():
    script = Script()
    script.history.apply(TrialProposed(0, script.now_s, {}, "random"))
    spent = time_spent(script.wait(1).end_run().history, slots=1)
    assert spent.trials_by_state == {}
    assert spent.idle_s == 1.0


def test_nothing_is_spent_before_a_run():
    spent = time_spent(RunHistory(), slots=2)
    assert spent.total_s == 0
    assert spent.share(0.0) == 0.0


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 5), st.sampled_from(FINAL)), max_size=25
    ),
    ends=st.booleans(),
)
def test_busy_and_idle_time_add_up_to_the_time_of_all_slots(steps, ends):
    script, running, next_id = Script(), {}, 0
    for slot, seconds, state in steps:
        script.wait(seconds)
        if slot in running:
            script.end(running.pop(slot), state)
        else:
            running[slot] = next_id
            script.start(next_id)
            next_id += 1
    if ends:
        for trial_id in running.values():
            script.end(trial_id, TrialState.INTERRUPTED)
        script.end_run()
    spent = time_spent(script.history, slots=3)
    busy_s = sum(spent.by_state.values())
    assert busy_s + spent.idle_s == pytest.approx(3 * spent.run_s, abs=1e-6)
    assert sum(spent.trials_by_state.values()) == next_id


# -- tables and curves ---------------------------------------------------------------------


def test_the_table_has_a_row_for_every_report():
    script = Script(sign=-1).start(0, lr=0.1).wait(1).report(0, 0.5).wait(1).report(0, 0.4, 2)
    script.end(0).start(1, lr=0.2, units=3).wait(1).report(1, 0.3, note="x")
    table = to_pandas(script.history)
    assert list(table.columns) == [
        "trial_id",
        "state",
        "bracket",
        "elapsed_s",
        "acc",
        "epoch",
        "config.lr",
        "note",
        "config.units",
    ]
    assert table["elapsed_s"].tolist() == [1.0, 2.0, 3.0]
    assert table["acc"].tolist() == [0.5, 0.4, 0.3]
    assert table["state"].tolist() == ["completed", "completed", "running"]
    assert table["config.units"].isna().tolist() == [True, True, False]


def test_an_empty_table_has_its_fixed_columns():
    table = to_pandas(Script().start(0).history)
    assert table.empty
    assert list(table.columns) == ["trial_id", "state", "bracket", "elapsed_s"]


def test_a_metric_does_not_overwrite_a_fixed_column():
    script = Script().start(0).wait(2).report(0, 0.5, state="warm", elapsed_s=9.0)
    row = to_pandas(script.history).iloc[0]
    assert (row["state"], row["elapsed_s"]) == ("running", 2.0)
    assert (row["metric.state"], row["metric.elapsed_s"]) == ("warm", 9.0)


def test_a_curve_holds_the_reports_of_a_trial_in_the_users_sign():
    script = Script(sign=-1).start(0).start(1).wait(1).report(1, 0.5).wait(2).report(1, 0.25, 2)
    (curve,) = curves_over_time(script.end(1, TrialState.STOPPED).history)
    assert (curve.label, curve.state) == ("trial 1", TrialState.STOPPED)
    assert (curve.x, curve.y) == ([1.0, 3.0], [0.5, 0.25])


def test_clouds_are_the_first_two_objectives_of_all_reports():
    history = RunHistory()
    history.apply(RunStarted(0.0, 0, {}, {}, {}))
    for trial_id, state in enumerate((TrialState.COMPLETED, TrialState.FAILED)):
        history.apply(TrialProposed(trial_id, 0.0, {}, "random"))
        history.apply(TrialStarted(trial_id, 0.0))
        if state is TrialState.COMPLETED:
            for resource in (1, 2):
                metrics = {"a": resource / 4, "b": 3, "c": math.nan}
                history.apply(Reported(trial_id, 0.0, resource, 0.5, metrics))
        history.apply(TrialEnded(trial_id, 0.0, state))
    (cloud,) = objective_clouds(history, Objectives(("a", "b", "c"), ("max", "min", "max")))
    assert (cloud.label, cloud.x, cloud.y) == ("trial 0", [0.25, 0.5], [3.0, 3.0])
    assert cloud.state is TrialState.COMPLETED
