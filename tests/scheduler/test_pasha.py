import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import TrialState
from agcore.scheduler import PASHAScheduler


@ag.args(x=ag.Real(0, 1), epochs=27)
def steady(args, reporter):
    for epoch in range(args.scheduler.resume_from + 1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * (1 - 0.5**epoch))


@ag.args(x=ag.Real(0, 1), epochs=27)
def crossing(args, reporter):
    """Those that are bad at first are good from epoch 3 on, and bad again from epoch 9 on."""
    for epoch in range(args.scheduler.resume_from + 1, args.epochs + 1):
        is_turned = 3 <= epoch < 9
        reporter(epoch=epoch, accuracy=epoch + (1 - args.x if is_turned else args.x))


def run(function, **arguments):
    arguments.setdefault("num_trials", 40)
    scheduler = PASHAScheduler(function, executor="inline", progress=False, **arguments)
    scheduler.run()
    return scheduler


def most_used(scheduler):
    return max(trial.resource for trial in scheduler.trials.values())


def test_trials_stay_small_while_rankings_agree_and_grow_when_they_do_not():
    scheduler = run(steady)
    assert most_used(scheduler) == 3
    assert {trial.state for trial in scheduler.trials.values()} == {TrialState.PAUSED}
    assert scheduler.get_best_config()["x"] == max(
        trial.config["x"] for trial in scheduler.trials.values() if trial.resource == 3
    )
    assert most_used(run(crossing)) >= 9


def test_the_log_says_why_it_has_grown():
    reasons = [
        decided.decision.reason
        for trial in run(crossing).trials.values()
        for decided in trial.decisions
    ]
    grown = [reason for reason in reasons if "disagrees" in reason]
    assert "at epoch=3 disagrees with that at epoch=1" in grown[0]
    assert grown[0].endswith("so trials may go on to 9")


def test_options_reach_the_policy():
    assert most_used(run(crossing, epsilon=2)) == 3
    assert most_used(run(steady, reduction_factor=2, grace_period=2)) == 4
    assert PASHAScheduler(steady, max_t=9, num_trials=1).max_t == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": -1}, "epsilon=-1"),
        ({"epsilon_percentile": 200}, "epsilon_percentile=200"),
        ({"grace_period": 27}, "grace_period"),
        ({"searcher_data": "trial"}, "searcher_data"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        run(steady, **arguments)


@pytest.mark.parametrize("first", [5, 12, 31])
def test_a_resumed_run_decides_as_one_that_was_never_cut_off(first, tmp_path):
    in_two = run(crossing, num_trials=first)  # in one process, as the comparison
    in_two.run(num_trials=40)
    run(crossing, num_trials=first, checkpoint=tmp_path / "run")
    resumed = run(crossing, num_trials=40, checkpoint=tmp_path / "run", resume=True)
    assert fates(resumed) == fates(in_two)


def fates(scheduler):
    return {
        trial_id: (trial.config, trial.state, [d.decision for d in trial.decisions])
        for trial_id, trial in scheduler.trials.items()
    }


def test_the_best_trial_can_be_trained_on():
    scheduler = run(steady)
    assert scheduler.refit().reports[-1]["epoch"] == 27
