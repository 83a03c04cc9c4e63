"""What the keeper answers, and that simulated runs keep their budgets."""

import itertools
import shutil
import statistics

import pytest

import agcore as ag
from agcore.budget import BudgetKeeper, TimeBudget
from agcore.journal import read_journal
from agcore.policy import RungLevels
from agcore.records import (
    Action,
    Decided,
    Decision,
    NewTrial,
    PlanChanged,
    Reported,
    ResumeTrial,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)
from tests.budget.workloads import EPOCHS, KINDS, curve_of, make, overshoot_and_unused

GO_ON = Decision(Action.CONTINUE, "a test")


def keeper(events, budget_s=100.0, num_trials=None, *, rungs=None, epochs=9, fixed=None):
    events.append(RunStarted(0.0, 0, {"num_trials": num_trials, "time_out": budget_s}, {}, {}))
    return BudgetKeeper(events, TimeBudget(budget_s, epochs=fixed), rungs=rungs, epochs=epochs)


def start(events, trial_id, time_s, milestone=None, *, is_new=True):
    if is_new:
        events.append(TrialProposed(trial_id, time_s, {}, "random"))
    events.append(TrialStarted(trial_id, time_s, milestone=milestone))


def report(events, trial_id, time_s, resource, reward=0.5):
    events.append(Reported(trial_id, time_s, resource, reward, {}))


def measured(pace_s, budget_s=100.0, **arguments):
    """A keeper that knows six trials of one pace, all paused."""
    events = []
    found = keeper(events, budget_s, **arguments)
    for number in range(6):
        start(events, number, 0.0, 1)
    for number in range(6):
        report(events, number, pace_s, 1, number / 10)
        events.append(TrialEnded(number, pace_s, TrialState.PAUSED))
    return found, events


RUNGS = RungLevels.geometric(9)


def test_a_trial_starts_only_if_it_comes_to_its_first_rung_in_time():
    found, _ = measured(10.0, rungs=RUNGS)
    assert found.may_start(NewTrial(0, 1), 89.0)
    assert not found.may_start(NewTrial(0, 1), 90.0)  # 10 s and a margin
    assert found.may_start(NewTrial(0, 3), 65.0)
    assert not found.may_start(NewTrial(0, 3), 70.0)


def test_a_promoted_trial_is_judged_by_its_own_pace():
    events = []
    found = keeper(events, rungs=RUNGS)
    for number in range(4):
        start(events, number, 0.0, 1)
    for number, pace_s in enumerate((1.0, 2.0, 3.0, 8.0)):
        report(events, number, pace_s, 1)
        events.append(TrialEnded(number, pace_s, TrialState.PAUSED))
    assert found.may_start(ResumeTrial(0, 1, 3, 0, "good"), 95.0)
    assert not found.may_start(ResumeTrial(3, 1, 3, 0, "good"), 95.0)


def test_everything_may_start_before_anything_is_known():
    found = keeper([], epochs=None)
    assert found.may_start(NewTrial(), 99.0)


def test_the_first_plan_is_made_when_the_first_epoch_is_measured():
    events = []
    found = keeper(events, epochs=20)
    (first,) = found.take_changes(0.0)
    assert (first.reason, first.plan.get("seconds_per_epoch")) == ("the run begins", None)
    start(events, 0, 0.0)
    report(events, 0, 2.0, 1)
    (second,) = found.take_changes(2.0)
    assert second.reason == "the first epoch has been measured"
    assert second.plan["seconds_per_epoch"] == 2.0
    assert second.plan["epochs"] * second.plan["num_trials"] <= 50
    assert found.plan.fits


def test_an_estimate_that_moved_changes_the_plan_and_small_moves_do_not():
    found, events = measured(2.0, budget_s=500.0)
    found.take_changes(2.0)
    start(events, 6, 2.0)
    report(events, 6, 4.1, 1)
    assert found.take_changes(5.0) == []
    for number in range(7, 20):
        start(events, number, 5.0)
    for number in range(7, 20):
        report(events, number, 10.0, 1)
    reasons = [change.reason for change in found.take_changes(10.0)]
    assert any(reason.startswith("the median epoch takes") for reason in reasons)


def test_a_recorded_plan_counts_whatever_this_version_would_plan():
    events = []
    found = keeper(events)
    found.look()
    plan = {**found.plan.described(), "num_trials": 77}
    events.append(PlanChanged(0.0, "the run begins", plan))
    assert found.take_changes(0.0) == []
    assert found.plan.num_trials == 77


def test_the_last_trials_get_fewer_epochs_but_at_least_a_third():
    found, _ = measured(1.0, budget_s=10_000.0)
    assert found.may_start(NewTrial(), 5000.0)
    assert found.plan.last_epochs is None
    full = found.plan.epochs
    assert full == 9
    assert found.may_start(NewTrial(), 9995.0)
    assert found.plan.last_epochs == 4
    assert "of the last trials       4" in str(found.plan)
    changes = found.take_changes(9995.0)
    assert changes[-1].reason == "the time left has room for trials of 4 epochs only"
    assert not found.may_start(NewTrial(), 9997.5)


def test_epochs_that_the_user_fixed_are_not_shortened():
    found, _ = measured(1.0, fixed=9)
    assert found.may_start(NewTrial(), 90.0)
    assert not found.may_start(NewTrial(), 93.0)
    assert found.plan.fixed == ("epochs",)


def slow_trial(found, events, budget_left_s, best):
    """A seventh trial that has reported once, ten times as slow as the others."""
    begin_s = 100.0 - budget_left_s - 20.0
    start(events, 6, begin_s, 9)
    report(events, 6, begin_s + 20.0, 1, 0.99 if best else 0.1)
    return found.verdict(6, 1, 9, GO_ON)


@pytest.mark.parametrize(
    ("left_s", "best", "action"),
    [(30.0, False, Action.STOP), (30.0, True, Action.CONTINUE), (10.0, False, Action.CONTINUE)],
)
def test_a_hopeless_trial_makes_room_if_another_would_come_as_far(left_s, best, action):
    decision = slow_trial(*measured(2.0, rungs=RUNGS), left_s, best)
    assert decision.action is action
    if action is Action.STOP:
        assert decision.reason == (
            "it would come to epoch=9 in 160 s, but the time budget ends in 30 s, and another "
            "trial would come as far"
        )


def test_nobody_makes_room_when_no_trial_is_to_come():
    found, events = measured(2.0, rungs=RUNGS, num_trials=7)
    assert slow_trial(found, events, 30.0, best=False) is GO_ON


# -- whole runs ----------------------------------------------------------------------------

WORKLOADS = {
    "even": {"spread": 0.0, "noise": 0.0},
    "fast and slow": {"spread": 1.0},
    "noisy": {"noise": 0.6},
    "early stoppers": {"spread": 0.4, "early": 0.7},
    "slow starts": {"spread": 0.4, "startup_s": 2.0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_runs_keep_their_budget_and_use_it(kind):
    unused = []
    for (name, workload), workers in itertools.product(WORKLOADS.items(), (1, 3, 8)):
        scheduler = make(kind, 60, workers=workers, curve=curve_of(workers, **workload))
        scheduler.run()
        overshoot, share = overshoot_and_unused(scheduler, 60)
        assert overshoot <= 0.02, name
        assert scheduler.best() is not None, name
        unused.append(share)
    assert statistics.median(unused) <= 0.10
    assert max(unused) <= 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_starts_that_the_plan_knows_to_be_too_long(kind):
    even = curve_of(0, spread=0.0, noise=0.0)
    scheduler = make(kind, 100.5, workers=2, curve=even)
    scheduler.run()
    starts = [e for e in scheduler.history.events if isinstance(e, TrialStarted)]
    for event in starts[2:]:
        reach = (event.milestone or 1) - event.resume_from
        assert event.time_s + reach <= 100.5


def test_early_stoppers_make_the_plan_grow():
    few = make("fifo", 120, curve=curve_of(1, spread=0.0, noise=0.0))
    many = make("fifo", 120, curve=curve_of(1, spread=0.0, noise=0.0, early=0.95))
    few.run()
    many.run()
    assert len(many.trials) > len(few.trials)
    assert many.plan.num_trials >= len(many.trials)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_the_user_fixed_hold(kind):
    scheduler = make(kind, TimeBudget(400, epochs=EPOCHS), num_trials=5)
    scheduler.run()
    assert len(scheduler.trials) == 5
    assert scheduler.plan.fixed[:2] == ("num_trials", "epochs")
    assert scheduler.plan.epochs == EPOCHS
    if kind == "fifo":
        assert {trial.resource for trial in scheduler.trials.values()} == {EPOCHS}


def test_fewer_epochs_may_be_fixed():
    scheduler = make("fifo", TimeBudget(60, epochs=4))
    scheduler.run()
    ended = [t for t in scheduler.trials.values() if t.state is TrialState.COMPLETED]
    assert {trial.resource for trial in ended} == {4}
    assert ended[0].decisions[-1].decision.reason == "the time budget gives it 4 epochs"


def test_a_run_goes_on_with_more_time():
    scheduler = make("stopping", 30)
    scheduler.run()
    before = len(scheduler.trials)
    scheduler.run(time_out=60)
    assert len(scheduler.trials) > before
    assert overshoot_and_unused(scheduler, 60)[0] <= 0.02
    reasons = [e.reason for e in scheduler.history.events if isinstance(e, PlanChanged)]
    assert "the run goes on with other limits" in reasons


def what_happened(scheduler):
    """All that must not depend on a crash, plans included."""
    trials = {
        trial_id: (
            trial.config,
            trial.state,
            [(d.resource, d.decision) for d in trial.decisions],
            [(r.resource, r.reward, r.time_s) for r in trial.reports],
        )
        for trial_id, trial in scheduler.trials.items()
    }
    events = scheduler.history.events
    return trials, [(e.reason, e.plan) for e in events if isinstance(e, PlanChanged)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_cut_off_takes_the_same_decisions(kind, tmp_path):
    arguments = {"workers": 3, "seed": 3}
    arguments["curve"] = curve_of(3, early=0.4, startup_s=0.3)
    whole = make(kind, 40, checkpoint=tmp_path / "whole", **arguments)
    whole.run()
    expected = what_happened(whole)
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    # What is cut off within the last moment has no time left to be ended in.
    ends_s = max(e.time_s for e in whole.history.events if not isinstance(e, TrialEnded))
    last = sum(e.time_s < ends_s for e in whole.history.events)
    for count in range(1, last, 11):
        cut = tmp_path / f"cut{count}"
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "events.jsonl").write_bytes(b"".join(lines[:count]))
        resumed = make(kind, 40, checkpoint=cut, resume=True, **arguments)
        resumed.run()
        assert what_happened(resumed) == expected, f"cut after {lines[count - 1]!r}"
        shutil.rmtree(cut)


def test_why_says_what_the_budget_decided(tmp_path):
    scheduler = make("fifo", 40, checkpoint=tmp_path)
    scheduler.run()
    told = [e for e in read_journal(tmp_path / "events.jsonl") if isinstance(e, Decided)]
    text = " ".join(scheduler.explain(told[0].trial_id).split())
    assert "the time budget gives it" in text
    cut_off = [t for t in scheduler.trials.values() if t.state is TrialState.INTERRUPTED]
    text = " ".join(scheduler.explain(cut_off[0].trial_id).split())
    assert "cut off when the run ended (time_budget, 40 seconds)" in text


def test_functions_that_return_a_reward_keep_a_budget_too():
    @ag.args(x=ag.Real(0, 1))
    def once(args, reporter):
        """Never called: its curve is played."""

    def curve(config):
        yield {"accuracy": config["x"]}, 3 + 4 * config["x"]

    scheduler = make("fifo", 60, train_fn=once, curve=curve, workers=2)
    scheduler.run()
    overshoot, unused = overshoot_and_unused(scheduler, 60)
    assert overshoot <= 0.02
    assert unused <= 0.10
    assert scheduler.plan.epochs is None
