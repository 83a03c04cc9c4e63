import math

import pytest

from agcore.errors import JournalError, SpecError
from agcore_contrib import hpopt
from agcore_contrib.hpopt.settings import HpoSettings
from tests.contrib.hpopt.trainings import make_space

WRONG_VALUES = {
    "mode": ["maximum", None],
    "search_alg": ["bayes", "hyperband", None],
    "num_full_iterations": [0, -1],
    "num_init_trials": [0, -3],
    "max_iterations": [0, -1],
    "num_trials": [0],
    "num_workers": [0],
    "num_brackets": [0],
    "reduction_factor": [0, 1, -2],
    "min_iterations": [0, -1],
    "non_pure_train_ratio": [0, 1, 1.5, -0.1],
    "subset_ratio": [0, -0.2, 1.1, math.nan],
    "image_resize": [[], [3], [-1, 5], [5, -1]],
    "expected_time_ratio": [0, -1, 1, 0.5, math.inf],
    "full_dataset_size": [-1],
    "kappa": [-1, math.nan],
    "kappa_decay": [0, -0.5],
    "kappa_decay_delay": [-1],
    "early_stop": ["median", 3],
    "resume": ["yes", 1],
    "random_seed": [-1],
    "default_hyper_parameters": [{"lr": 0.1}, [{"lr": 5, "bs": 8}], {"lr": 0.1, "bs": 9}],
    "batch_size_name": ["lr", "batch"],
}
WRONG_TYPES = {
    "num_full_iterations": ["3", 2.5, True],
    "num_init_trials": ["string", 2.5, True],
    "max_iterations": ["string", 2.5],
    "num_trials": ["string", 1.0],
    "num_workers": ["string", None],
    "num_brackets": ["string", 1.5],
    "reduction_factor": ["string", 2.5, None],
    "min_iterations": ["string", 1.5],
    "subset_ratio": ["string", [0.5], True],
    "non_pure_train_ratio": ["string", None],
    "image_resize": [3, "ab", ["a", "b"], [1.5, 2]],
    "expected_time_ratio": ["4", None, True],
    "full_dataset_size": [1.5, "9", None],
    "kappa": ["2"],
    "kappa_decay": ["1", None],
    "kappa_decay_delay": [1.5],
    "search_space": [[1], None],
}


def pairs(wrong):
    return [(name, value) for name, values in wrong.items() for value in values]


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
@pytest.mark.parametrize(("name", "value"), pairs(WRONG_VALUES))
def test_a_value_out_of_range_is_a_value_error_that_names_it(auto, name, value, algorithm):
    with pytest.raises(ValueError, match=name):
        auto(**{"search_alg": algorithm, name: value})


@pytest.mark.parametrize(("name", "value"), pairs(WRONG_TYPES))
def test_a_value_of_the_wrong_type_is_a_type_error_that_names_it(auto, name, value):
    with pytest.raises(TypeError, match=name):
        auto(**{name: value})


def test_nothing_is_deleted_by_a_call_with_wrong_arguments(create, tmp_path):
    create().get_next_sample()
    before = sorted(path.name for path in (tmp_path / "hpo").iterdir())
    with pytest.raises(SpecError):
        create(mode="maximum")
    assert sorted(path.name for path in (tmp_path / "hpo").iterdir()) == before


@pytest.mark.parametrize("name", ["baye_opt", "bayes_opt", "smbo"])
def test_bayesian_optimisation_has_three_names(create, tmp_path, name):
    create(search_alg=name).get_next_sample()
    status = hpopt.load_json(hpopt.get_status_path(tmp_path / "hpo"))
    assert status["search_algorithm"] == "smbo"


def test_both_spellings_of_the_random_trials_are_one_setting(create):
    for name in ("num_init_trial", "num_init_trials"):
        hpo = create(**{name: 2, "early_stop": "median_stop"})
        stops = [hpo.get_next_sample()["early_stop"] for _ in range(3)]
        assert stops == [None, None, "median_stop"]
    with pytest.raises(SpecError, match="two names of the same setting"):
        create(num_init_trial=2, num_init_trials=3)


def test_min_iterations_must_not_exceed_the_epochs_of_a_trial(create, auto):
    for make in (create, auto):
        with pytest.raises(ValueError, match="min_iterations=20 must be at most max_iterations="):
            make(search_alg="asha", min_iterations=20)


def test_with_everything_set_the_ratio_does_not_matter(create):
    assert create(expected_time_ratio=1).num_trials == 6


def test_without_auto_config_there_are_as_many_brackets_as_rungs(create):
    hpo = create(search_alg="asha", max_iterations=243, reduction_factor=3, num_trials=30)
    configs = [hpo.get_next_sample() for _ in range(30)]
    assert max(config["bracket"] for config in configs) > 1
    for config in configs:
        assert config["rungs"] == [243, 81, 27, 9, 3, 1][: 6 - config["bracket"]]


def test_text_none_and_factors_above_one_mean_nothing(create):
    assert create(early_stop="None", kappa_decay=2).get_next_sample()["early_stop"] is None


def test_settings_are_read_back_as_they_were_written(create, tmp_path):
    create(default_hyper_parameters={"lr": 0.01, "bs": 8}, image_resize=[10, 20])
    path = tmp_path / "hpo" / "hpopt_settings.json"
    record = hpopt.load_json(path)
    found = HpoSettings.from_json(record, "it")
    assert found.to_json() == {
        **record,
        "image_resize": (10, 20),
        "default_hyper_parameters": ({"lr": 0.01, "bs": 8},),
    }
    assert list(found.space()) == list(make_space())
    for damaged in ([], {"mode": "max"}, {**record, "extra": 1}):
        with pytest.raises(JournalError, match="holds no settings"):
            HpoSettings.from_json(damaged, "it")


def test_the_level_of_the_log_is_that_of_the_environment(create, monkeypatch):
    monkeypatch.setenv("HPOPT_LOG_LEVEL", "LOUD")
    with pytest.raises(SpecError, match="HPOPT_LOG_LEVEL='LOUD'"):
        create()
