"""What the arguments of a fit ask for."""

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore_contrib.vision.presets import PRESETS
from agcore_contrib.vision.request import AUTO_TRIALS, MOST_TRIALS, fit_request
from agcore_contrib.vision.strategies import Strategy

NOTHING = dict.fromkeys(
    (
        "presets",
        "hyperparameters",
        "search_strategy",
        "num_trials",
        "epochs",
        "hyperparameter_tune_kwargs",
        "scheduler_options",
        "search_options",
    )
)


def request(**given):
    return fit_request(**{**NOTHING, "time_limit": "auto", **given})


def test_nothing_asked_for_is_one_trial_in_two_hours():
    found = request()
    assert (found.num_trials, found.time_limit_s, found.is_search) == (1, 7200.0, False)


def test_a_space_alone_is_a_search():
    found = request(hyperparameters={"lr": ag.Real(0.1, 1)})
    assert found.is_search
    assert found.num_trials == AUTO_TRIALS
    assert request(hyperparameters={"lr": ag.Real(0.1, 1)}, time_limit=60).num_trials == MOST_TRIALS


def test_a_strategy_may_be_an_argument_or_among_the_hyperparameters():
    asked = {"search_strategy": "hyperband", "grace_period": 2}
    inside = request(hyperparameters={"lr": 0.1, **asked})
    beside = request(
        search_strategy="hyperband",
        scheduler_options={"grace_period": 2},
        hyperparameters={"lr": 0.1},
    )
    in_a_dict = request(hyperparameter_tune_kwargs=asked, hyperparameters={"lr": 0.1})
    assert inside == beside == in_a_dict
    assert inside.strategy == Strategy("hbs", "random")
    assert inside.scheduler_options == {"reduction_factor": 2, "brackets": 1, "grace_period": 2}
    assert dict(inside.hyperparameters) == {"lr": 0.1}


def test_an_argument_wins_over_the_same_thing_elsewhere():
    found = request(
        search_strategy="bayesopt",
        num_trials=3,
        epochs=4,
        hyperparameters={"search_strategy": "random", "num_trials": 5, "epochs": 9},
    )
    assert found.strategy.searcher == "bayesopt"
    assert found.num_trials == 3
    assert found.hyperparameters["epochs"] == 4


def test_presets_give_way_to_arguments_and_dicts_are_joined():
    found = request(presets="medium_quality_faster_train", hyperparameters={"batch_size": 8})
    assert found.num_trials == 8
    assert found.time_limit_s == 3600
    assert found.hyperparameters["batch_size"] == 8
    assert found.hyperparameters["epochs"] == 30
    assert request(presets="medium_quality_faster_train", time_limit=9).time_limit_s == 9


def test_a_strategy_among_the_hyperparameters_wins_over_that_of_a_preset():
    asked = {"search_strategy": "hyperband", "grace_period": 1}
    found = request(presets="best_quality", hyperparameters=asked)
    assert found.strategy == Strategy("hbs", "random")
    assert found.scheduler_options["grace_period"] == 1
    assert found.num_trials == 1024


@pytest.mark.parametrize("name", ["sync", "pasha"])
def test_all_with_rungs_halve_the_trials_by_default(name):
    assert request(search_strategy=name).scheduler_options == {"reduction_factor": 2}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_request(name):
    found = request(presets=name)
    assert found.is_search
    assert found.num_trials >= 8


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hyperparameters": {"learning_rate": 1}}, "unknown key 'learning_rate'"),
        ({"hyperparameters": {"batchsize": 1}}, "did you mean 'batch_size'"),
        ({"hyperparameters": {"model": "resnet19_v1b"}}, "is no network"),
        ({"hyperparameters": {"model": ag.Categorical("small_cnm")}}, "did you mean 'small_cnn'"),
        ({"hyperparameters": {"optimizer": "sdg"}}, "did you mean 'sgd'"),
        ({"hyperparameters": {"lr": -1}}, "lr=-1 must be above 0"),
        ({"hyperparameters": {"input_size": 100_000}}, "at most 1024"),
        ({"hyperparameters": {"lr_scheduler": "cosin"}}, "did you mean 'cosine'"),
        ({"hyperparameters": 3}, "must be a dict"),
        ({"hyperparameter_tune_kwargs": {"trials": 3}}, "unknown key 'trials'"),
        ({"hyperparameter_tune_kwargs": {"scheduler_options": 3}}, "scheduler_options=3"),
        ({"scheduler_options": {"searcher": "grid"}}, "pass it beside them"),
        ({"hyperparameters": {"lr_decay": "x"}}, "lr_decay='x'"),
        ({"search_strategy": ["random"]}, "must be a name"),
        ({"presets": 3}, "presets=3 must be"),
        ({"search_strategy": "bayes"}, "search_strategy='bayes' is unknown"),
        ({"num_trials": 0}, "num_trials=0"),
        ({"time_limit": -3}, "time_limit=-3"),
        ({"presets": "best"}, "presets='best' is unknown"),
        (
            {"search_strategy": "random", "scheduler_options": {"grace_period": 1}},
            "grace_period= has no effect",
        ),
        ({"scheduler_options": {"reward_attr": "x"}}, "reward_attr= has no effect"),
    ],
)
def test_what_breaks_a_rule_is_answered_before_anything_runs(given, why):
    with pytest.raises(SpecError, match=why):
        request(**given)
