import logging

import numpy as np
import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import TrialState


def hyperband(train_fn, executor, **arguments):
    arguments.setdefault("num_trials", 20)
    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn, executor=executor, progress=False, **arguments
    )
    scheduler.run()
    return scheduler


def train_with(**arguments):
    @ag.args(x=ag.Real(0, 1), **arguments)
    def train(args, reporter):
        """Never run."""

    return train


def test_max_t_comes_from_epochs_before_max_t_and_an_explicit_one_wins_with_a_warning(caplog):
    make = ag.scheduler.HyperbandScheduler
    assert make(train_with(epochs=9, max_t=27), num_trials=1).max_t == 9
    assert make(train_with(max_t=27), num_trials=1).max_t == 27
    with caplog.at_level(logging.WARNING, "agcore"):
        assert make(train_with(epochs=9), num_trials=1, max_t=3).max_t == 3
    assert "max_t=3 differs from args.epochs=9" in caplog.text
    caplog.clear()
    make(train_with(epochs=9), num_trials=1, max_t=9)
    assert not caplog.records


def test_max_t_comes_from_replaced_args_too():
    scheduler = ag.scheduler.HyperbandScheduler(
        train_with(), args={"x": 0.5, "epochs": 27}, num_trials=1
    )
    assert scheduler.max_t == 27


def test_without_max_t_the_remedy_is_named():
    with pytest.raises(SpecError, match=r"@ag.args\(..., epochs=9\)"):
        ag.scheduler.HyperbandScheduler(train_with(), num_trials=1)
    with pytest.raises(SpecError, match=r"args.epochs='nine' must be a whole number"):
        ag.scheduler.HyperbandScheduler(train_with(epochs="nine"), num_trials=1)
    with pytest.raises(SpecError, match="max_t='27' must be a whole number"):
        ag.scheduler.HyperbandScheduler(train_with(epochs=9), num_trials=1, max_t="27")


def test_max_t_follows_arguments_that_were_changed_and_numpy_integers():
    train = train_with(epochs=9)
    train.args.epochs = 3
    assert ag.scheduler.HyperbandScheduler(train, num_trials=1).max_t == 3
    scheduler = ag.scheduler.HyperbandScheduler(train_with(epochs=np.int64(27)), num_trials=1)
    assert scheduler.max_t == 27


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "stoping"}, "did you mean 'stopping'"),
        ({"grace_period": 9}, "grace_period"),
        ({"reduction_factor": 1}, "reduction_factor"),
        ({"brackets": 0}, "brackets"),
        ({"rung_levels": [3, 1]}, "rung_levels"),
        ({"searcher_data": "trial"}, "searcher_data"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        ag.scheduler.HyperbandScheduler(train_with(epochs=9), num_trials=1, **arguments)


def test_stopping_lets_about_a_third_go_on(train_fn, scripted, one_second_epochs):
    scheduler = hyperband(train_fn, scripted(one_second_epochs), num_trials=200)
    past_first = sum(trial.resource > 1 for trial in scheduler.trials.values())
    assert 50 <= past_first <= 85
    states = {trial.state for trial in scheduler.trials.values()}
    assert states == {TrialState.STOPPED, TrialState.COMPLETED}


def test_promotion_pauses_at_rungs_and_promotes_exactly_the_quota(
    train_fn, scripted, one_second_epochs
):
    scheduler = hyperband(
        train_fn, scripted(one_second_epochs, slots=4), num_trials=90, type="promotion"
    )
    resources = [trial.resource for trial in scheduler.trials.values()]
    assert set(resources) == {1, 3, 9}
    past_first = sum(resource > 1 for resource in resources)
    assert past_first >= 30
    assert scheduler.get_best_reward() == pytest.approx(
        9 * max(trial.config["x"] for trial in scheduler.trials.values())
    )


def test_with_delayed_promotion_no_more_go_on_than_a_third(train_fn, scripted, one_second_epochs):
    def resources(**more):
        executor = scripted(one_second_epochs, slots=4)
        scheduler = hyperband(train_fn, executor, num_trials=90, type="promotion", **more)
        return [trial.resource for trial in scheduler.trials.values()]

    past = {
        delays: sum(r > 1 for r in resources(delay_promotion=delays)) for delays in (False, True)
    }
    assert past[True] == 30 < past[False]


def test_brackets_are_sampled_and_the_same_seed_repeats_them(train_fn, scripted, one_second_epochs):
    def brackets(seed):
        executor = scripted(one_second_epochs)
        scheduler = hyperband(train_fn, executor, brackets=3, random_seed=seed, num_trials=40)
        return [trial.bracket for trial in scheduler.trials.values()]

    first = brackets(1)
    assert set(first) == {0, 1, 2}
    assert first == brackets(1)
    assert first != brackets(2)
    counts = [first.count(bracket) for bracket in range(3)]
    assert counts[0] > counts[1]


def test_a_trial_at_max_t_is_completed_not_stopped(train_fn, scripted, one_second_epochs):
    scheduler = hyperband(train_fn, scripted(one_second_epochs), num_trials=1)
    assert scheduler.trials[0].state is TrialState.COMPLETED
    assert scheduler.trials[0].resource == 9


def test_a_function_that_goes_beyond_max_t_is_ended_there(train_fn, scripted, one_second_epochs):
    executor = scripted(lambda job: one_second_epochs(job, count=50))
    scheduler = hyperband(train_fn, executor, num_trials=1)
    assert scheduler.trials[0].resource == 9


def test_a_trial_that_is_lost_on_its_way_into_the_pause_is_not_promoted(train_fn, scripted):
    from agcore.jobs import Outcome

    def script(job):
        x = job.config["x"]
        if job.trial_id == 0:
            return [(1.0, {"epoch": 1, "accuracy": 100.0}), (0.0, Outcome.VANISHED)]
        return [(1.0, {"epoch": e + 1, "accuracy": x}) for e in range(9)]

    executor = scripted(script)
    end = executor._end

    def end_badly(trial_id, outcome):
        end(trial_id, Outcome.VANISHED if trial_id == 0 else outcome)

    executor._end = end_badly
    scheduler = hyperband(train_fn, executor, num_trials=9, type="promotion")
    assert scheduler.trials[0].state is TrialState.LOST
    assert scheduler.trials[0].attempts == 1
    assert scheduler.get_best_reward() < 100
