import json

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import TrialState
from agcore.scheduler import MedianStoppingScheduler


@ag.args(x=ag.Real(0, 1))
def train(args, reporter):
    for epoch in range(1, 7):
        reporter(epoch=epoch, accuracy=args.x * (1 - 0.5**epoch), loss=2 - args.x)


@ag.args(x=ag.Real(0, 1))
def without_resource(args, reporter):
    for _ in range(6):
        reporter(accuracy=args.x)


def run(function=train, **arguments):
    arguments.setdefault("num_trials", 20)
    scheduler = MedianStoppingScheduler(function, executor="inline", progress=False, **arguments)
    scheduler.run()
    return scheduler


@pytest.mark.parametrize("function", [train, without_resource])
def test_bad_trials_are_stopped_and_the_others_run_to_their_own_end(function):
    scheduler = run(function)
    trials = scheduler.trials.values()
    stopped = [trial for trial in trials if trial.state is TrialState.STOPPED]
    completed = [trial for trial in trials if trial.state is TrialState.COMPLETED]
    assert len(stopped) >= 4
    assert len(completed) >= 6
    assert {len(trial.reports) for trial in completed} == {6}
    assert scheduler.get_best_config()["x"] == max(trial.config["x"] for trial in trials)
    for trial in stopped:
        decision = trial.decisions[-1].decision
        assert "is below the median" in decision.reason
        assert "other trials up to epoch=" in decision.reason


def test_losses_are_stopped_above_the_median():
    scheduler = run(mode="min", reward_attr="loss")
    xs = {state: [] for state in TrialState}
    for trial in scheduler.trials.values():
        xs[trial.state].append(trial.config["x"])
    assert min(xs[TrialState.COMPLETED][5:]) > sum(xs[TrialState.STOPPED]) / len(
        xs[TrialState.STOPPED]
    )


def test_options_reach_the_policy():
    assert not any(t.state is TrialState.STOPPED for t in run(grace_period=7).trials.values())
    assert not any(t.state is TrialState.STOPPED for t in run(min_samples=20).trials.values())
    scheduler = run(grace_period=3, min_samples=2)
    stopped = [t for t in scheduler.trials.values() if t.state is TrialState.STOPPED]
    assert min(trial.resource for trial in stopped) == 3


def test_wrong_arguments_are_refused():
    with pytest.raises(SpecError, match="grace_period=0"):
        run(grace_period=0)
    with pytest.raises(SpecError, match="min_samples=0"):
        run(min_samples=0)


def test_a_resumed_run_decides_as_one_that_was_never_cut_off(tmp_path):
    whole = run(num_trials=16)
    run(num_trials=9, checkpoint=tmp_path / "run")
    resumed = run(num_trials=16, checkpoint=tmp_path / "run", resume=True)
    assert fates(resumed) == fates(whole)


def fates(scheduler):
    return {
        trial_id: (trial.config, trial.state, [d.decision for d in trial.decisions])
        for trial_id, trial in scheduler.trials.items()
    }


def test_a_run_with_other_options_is_not_continued(tmp_path):
    run(num_trials=2, checkpoint=tmp_path / "run")
    with pytest.raises(ag.JournalError, match="min_samples was 5 and is 4"):
        run(num_trials=3, checkpoint=tmp_path / "run", resume=True, min_samples=4)


def test_spared_trials_are_never_stopped_and_runs_without_them_are_described_as_before(tmp_path):
    def stopped(**options):
        trials = run(min_samples=1, **options).trials.values()
        return {trial.trial_id for trial in trials if trial.state is TrialState.STOPPED}

    assert min(stopped()) < 12
    assert stopped(num_spared=12) <= set(range(12, 20))
    for name, options in (("without", {}), ("with", {"num_spared": 2})):
        run(num_trials=1, checkpoint=tmp_path / name, **options)
        described = json.loads((tmp_path / name / "run.json").read_text())["scheduler"]
        assert described.get("num_spared") == options.get("num_spared")
