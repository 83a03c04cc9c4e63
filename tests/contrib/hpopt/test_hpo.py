import logging

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore_contrib import hpopt
from agcore_contrib.hpopt.hpo import MAX_OUT_OF_MEMORY_IN_A_ROW
from tests.contrib.hpopt.trainings import make_space, play, quality, train

KEYS = {
    "trial_id",
    "params",
    "param",
    "iterations",
    "file_path",
    "subset_ratio",
    "resize_width",
    "resize_height",
    "mode",
}


def of(configs, name):
    return [config["params"][name] for config in configs]


@pytest.mark.parametrize(
    ("algorithm", "more"), [("baye_opt", {"early_stop"}), ("asha", {"bracket", "rungs"})]
)
def test_a_trial_says_what_is_to_be_trained(create, tmp_path, algorithm, more):
    config = create(search_alg=algorithm, image_resize=[32, 16]).get_next_sample()
    assert config.keys() >= KEYS | more
    assert config["params"] is config["param"]
    assert config["params"].keys() == {"lr", "bs"}
    assert (config["trial_id"], config["iterations"], config["subset_ratio"]) == (0, 4, 0.5)
    assert (config["resize_width"], config["resize_height"], config["mode"]) == (32, 16, "max")
    assert config["file_path"] == str(tmp_path / "hpo" / "hpopt_trial_0.json")
    assert config["file_path"] == hpopt.get_trial_path(tmp_path / "hpo", 0)
    if algorithm == "baye_opt":
        assert config["early_stop"] is None
    else:
        assert config["rungs"] == [4, 2, 1][: len(config["rungs"])]


def test_bayesian_optimisation_is_given_all_trials_and_gets_better_than_chance(create):
    hpo = create(num_trials=20, max_iterations=1, num_init_trials=5)
    configs = play(hpo)
    assert [config["trial_id"] for config in configs] == list(range(20))
    assert quality(hpo.get_best_config()) > -0.05
    assert max(map(quality, (c["params"] for c in configs[5:]))) > max(
        map(quality, (c["params"] for c in configs[:5]))
    )


def test_the_proposals_come_from_the_confidence_bound_with_its_schedule(create):
    hpo = create(num_trials=9, num_init_trials=3, kappa=2, kappa_decay=0.5, kappa_decay_delay=4)
    play(hpo)
    trials = hpo._history.trials.values()
    assert [trial.origin for trial in trials] == ["random"] * 3 + ["model"] * 6
    assert [trial.why["kappa"] for trial in trials if trial.why] == [2, 2, 1, 0.5, 0.25, 0.125]


def test_both_modes_are_the_same_with_turned_scores(create):
    ups = play(create(num_trials=9, num_init_trials=3, early_stop="median_stop"))
    hpo = create(num_trials=9, num_init_trials=3, early_stop="median_stop", mode="min")

    def turned(config):
        for epoch in range(1, config["iterations"] + 1):
            if hpopt.report(config, 1 / epoch - quality(config["params"])) is hpopt.Status.STOP:
                return

    downs = play(hpo, turned)
    assert [c["params"] for c in downs] == [c["params"] for c in ups]
    assert hpo.get_best_config() == max((c["params"] for c in ups), key=quality)


def test_median_stop_is_that_of_the_specification(create):
    finals = [0.5, 0.9, 0.6, 0.8, 0.65, 0.1]
    hpo = create(num_init_trials=2, max_iterations=5, early_stop="median_stop")
    epochs = []

    def growing(config):
        for epoch in range(1, 6):
            score = finals[config["trial_id"]] * epoch / 5
            if hpopt.report(config, score) is hpopt.Status.STOP:
                break
        epochs.append(epoch)

    play(hpo, growing)
    assert epochs == [5, 5, 1, 5, 1, 1]


def test_text_choices_are_searched_and_the_last_one_is_drawn(create):
    names = ["sgd", "adam", "adamw", "lamb"]
    space = {"opt": hpopt.SearchSpace("choice", names), **make_space()}
    hpo = create(search_space=space, num_trials=25, max_iterations=1, num_init_trials=15)
    drawn = of(play(hpo), "opt")
    assert set(drawn) == set(names)


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
@pytest.mark.parametrize(
    "space",
    [
        {"opt": hpopt.SearchSpace("choice", ["a", "b", "c"])},
        {"n": hpopt.SearchSpace("qloguniform", [1, 3, 1])},
    ],
)
def test_a_space_that_is_used_up_ends_the_search(create, caplog, algorithm, space):
    caplog.set_level(logging.INFO, "agcore_contrib.hpopt")

    def once(config):
        for _ in range(config["iterations"]):
            if hpopt.report(config, 1.0) is hpopt.Status.STOP:
                break

    hpo = create(search_space=space, search_alg=algorithm, num_trials=10, num_brackets=1)
    configs = play(hpo, once)
    assert len({config["trial_id"] for config in configs}) == 3
    assert "there are 3 trials instead of 10" in caplog.text
    assert hpo.get_next_sample() is None
    assert hpo.get_best_config() == configs[0]["params"]


def test_no_config_comes_twice(create):
    configs = play(create(num_trials=15, max_iterations=1))
    assert len({str(config["params"]) for config in configs}) == 15
    assert all(size in range(8, 65, 8) for size in of(configs, "bs"))


def test_given_configs_come_first_and_once(create):
    given = [{"lr": 0.01, "bs": 16}, {"lr": 0.02, "bs": 24}, {"lr": 0.01, "bs": 16}]
    for algorithm in ("baye_opt", "asha"):
        hpo = create(default_hyper_parameters=given, search_alg=algorithm, num_brackets=1)
        configs = [hpo.get_next_sample() for _ in range(3)]
        assert [config["params"] for config in configs[:2]] == given[:2]
        assert configs[2]["params"] not in given
    assert create(default_hyper_parameters=given[1]).get_next_sample()["params"] == given[1]
    few = create(default_hyper_parameters=given, num_trials=1)
    assert [config["params"] for config in play(few)] == given[:1]


def test_all_random_trials_can_be_had_at_once_then_one_by_one(create):
    hpo = create(num_trials=7, num_init_trials=5)
    first = hpo.get_next_samples()
    assert [config["trial_id"] for config in first] == [0, 1, 2, 3, 4]
    for config in first:
        train(config)
    for number in (5, 6):
        (config,) = hpo.get_next_samples()
        assert config["trial_id"] == number
        train(config)
    assert hpo.get_next_samples() is None
    asha = create(search_alg="asha")
    assert len(asha.get_next_samples()) == 1


# -- out of memory -------------------------------------------------------------------------


def test_a_given_config_that_is_too_large_comes_again_with_a_smaller_batch(create):
    hpo = create(batch_size_name="bs", default_hyper_parameters={"lr": 0.01, "bs": 64})
    configs = play(hpo, lambda config: train(config, limit=40))
    sizes = of(configs, "bs")
    assert sizes[:3] == [64, 56, 48]
    assert configs[3]["params"] == {"lr": 0.01, "bs": 40}
    assert max(sizes[3:]) <= 40
    assert len(configs) == 6 + 3


def test_a_batch_size_that_fails_everywhere_ends_in_words(create):
    hpo = create(batch_size_name="bs", num_trials=30)
    with pytest.raises(ValueError, match="bs: memory ran out at 8, and no smaller value is left"):
        play(hpo, lambda config: train(config, limit=0))
    assert hpo.get_best_config() is None
    again = create(batch_size_name="bs", num_trials=30, resume=True)
    assert again.get_best_config() is None
    with pytest.raises(SpecError, match="no smaller value is left"):
        again.get_next_sample()


def test_without_a_batch_size_name_the_number_of_attempts_is_limited(create):
    hpo = create()
    with pytest.raises(ValueError, match=r"20 trials in a row, .* name the batch size with"):
        play(hpo, lambda config: train(config, limit=0))
    assert len(hpo._history.trials) == MAX_OUT_OF_MEMORY_IN_A_ROW


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
def test_the_bound_is_kept_when_the_search_is_resumed(create, algorithm):
    hpo = create(
        batch_size_name="bs", search_alg=algorithm, default_hyper_parameters={"lr": 0.01, "bs": 24}
    )
    config = hpo.get_next_sample()
    hpopt.reportOOM(config)
    hpo = create(batch_size_name="bs", search_alg=algorithm, resume=True)
    assert set(of(play(hpo), "bs")) <= {8, 16}


def test_a_late_failure_of_a_larger_batch_does_not_raise_the_bound(create):
    hpo = create(batch_size_name="bs", num_trials=20, num_init_trials=20)
    parallel = sorted((hpo.get_next_sample() for _ in range(6)), key=lambda c: c["params"]["bs"])
    failing = [config for config in parallel if config["params"]["bs"] > 16]
    for config in failing:  # the smaller ones fail first
        hpopt.reportOOM(config)
    sizes = of(failing, "bs")
    assert sizes[0] < sizes[-1]
    assert all(size < sizes[0] for size in of(play(hpo), "bs"))


# -- budget --------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
@pytest.mark.parametrize("ratio", [1.3, 2, 4])
@pytest.mark.parametrize("size", [0, 3000])
def test_the_budget_is_exceeded_neither_in_the_estimate_nor_in_what_is_trained(
    auto, algorithm, ratio, size
):
    hpo = auto(search_alg=algorithm, expected_time_ratio=ratio, full_dataset_size=size)
    epochs = []

    def trained(config):
        if len(epochs) % 4 == 1:
            hpopt.report(config, -5.0)
            epochs.append(1)
            hpopt.reportOOM(config)  # what it has cost stays spent
            return
        epochs.append(train(config))

    play(hpo, trained)
    cost = 0.8 * hpo.subset_ratio + 0.2
    assert 0 < sum(epochs) / 10 * cost <= ratio - 1 + 1e-9
    assert hpo.expected_epochs / 10 * cost <= ratio - 1 + 1e-9
    assert hpo.get_next_sample() is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{}, {"reduction_factor": 3, "num_brackets": 3}])
@pytest.mark.parametrize("goes_on", [False, True])
def test_nor_by_trials_that_go_on_from_a_rung_at_once(auto, seed, options, goes_on):
    hpo = auto(search_alg="asha", random_seed=seed, num_full_iterations=27, **options)
    rng, num_epochs = np.random.default_rng(seed), 0
    while (config := hpo.get_next_sample()) is not None:
        first = config["resume_from"] + 1 if goes_on else 1
        for epoch in range(first, config["iterations"] + 1):
            num_epochs += 1
            named = {"epoch": epoch} if goes_on else {}
            if hpopt.report(config, rng.random(), **named) is hpopt.Status.STOP:
                break
    cost = 0.8 * hpo.subset_ratio + 0.2
    assert 0.7 * 3 < num_epochs / 27 * cost <= 3


def test_what_the_user_has_set_stays(auto):
    hpo = auto(num_trials=8, full_dataset_size=2000, num_full_iterations=20)
    assert len(play(hpo)) == 8
    assert auto(max_iterations=3).max_iterations == 3
    assert auto(subset_ratio=0.6).subset_ratio == 0.6
    assert auto(subset_ratio=0.1).subset_ratio == 0.5  # 500 of 1000 samples


def test_asha_promotes_most_trials_where_stopping_would_train_the_first_ones_in_full(auto):
    """The second worked example: of 42 trials hpopt begins 3, the first two of 50 epochs."""
    hpo = auto(search_alg="asha", num_full_iterations=50, expected_time_ratio=2)
    assert hpo.num_trials == 23
    configs = play(hpo)
    assert len({config["trial_id"] for config in configs}) > 15
    assert hpo._search.budget.spent(hpo._history) <= 83  # a training, on half of the data


def test_trainings_with_checkpoints_reach_what_was_planned(auto):
    hpo = auto(search_alg="asha", num_full_iterations=20, expected_time_ratio=4)
    epochs = []

    def go_on(config):
        for epoch in range(config["resume_from"] + 1, config["iterations"] + 1):
            epochs.append(epoch)
            if hpopt.report(config, quality(config["params"]), epoch=epoch) is hpopt.Status.STOP:
                return

    play(hpo, go_on)
    assert len(hpo._history.trials) == hpo.num_trials
    assert hpo.expected_epochs * 0.8 <= len(epochs) <= hpo.expected_epochs


# -- asha ----------------------------------------------------------------------------------


def test_the_decision_at_a_rung_follows_from_the_record(create):
    hpo = create(search_alg="asha", num_brackets=1, num_trials=4, reduction_factor=2)
    configs = [hpo.get_next_sample() for _ in range(4)]
    for config, score in zip(configs, (0.9, 0.8, 0.1, 0.2), strict=True):
        assert hpopt.report(config, score) is hpopt.Status.STOP  # the first rung is at epoch 1
    hpo = create(search_alg="asha", num_brackets=1, num_trials=4, reduction_factor=2, resume=True)
    promoted = [hpo.get_next_sample() for _ in range(2)]
    assert [config["trial_id"] for config in promoted] == [0, 1]
    assert [config["resume_from"] for config in promoted] == [1, 1]
    assert hpo.get_next_sample() is None
    assert hpopt.report(promoted[0], 0.9) is hpopt.Status.RUNNING  # epoch 1 again
    assert hpopt.report(promoted[0], 0.95) is hpopt.Status.STOP
    assert hpopt.report(configs[2], 0.99) is hpopt.Status.STOP  # it was not promoted


def test_an_automatic_asha_search_in_min_mode_beats_the_middle_of_the_space(auto, tmp_path):
    hpo = auto(search_alg="asha", mode="min", num_full_iterations=20, num_brackets=2)
    assert isinstance(hpo, hpopt.HpOpt)
    assert hpo.max_iterations > 1
    assert hpo.subset_ratio > 0.2

    def turned(config):
        for epoch in range(1, config["iterations"] + 1):
            if hpopt.report(config, 1 / epoch - quality(config["params"])) is hpopt.Status.STOP:
                return

    configs = play(hpo, turned)
    assert quality(hpo.get_best_config()) >= quality({"lr": 0.01 * 10**0.5, "bs": 36})
    assert {config["bracket"] for config in configs} == {0, 1}
    status = hpopt.load_json(hpopt.get_status_path(tmp_path / "hpo"))
    assert len(status["config_list"]) <= hpo.num_trials
    assert all("bracket" in entry for entry in status["config_list"])


def test_without_room_for_rungs_all_trials_are_trained_in_full(create):
    hpo = create(search_alg="asha", max_iterations=2, min_iterations=2)
    configs = play(hpo)
    assert [config["rungs"] for config in configs] == [[2]] * 6
    assert hpo._search.budget.spent(hpo._history) == 12


# -- progress and results ------------------------------------------------------------------


def test_progress_rises_to_almost_one(create):
    for algorithm in ("baye_opt", "asha"):
        hpo = create(search_alg=algorithm)
        seen = [hpo.get_progress()]

        def noted(config, hpo=hpo, seen=seen):
            train(config)
            seen.append(hpo.get_progress())

        play(hpo, noted)
        assert seen == sorted(seen)
        assert seen[0] == 0
        assert seen[-1] <= 0.99
        assert seen[-1] > 0.9 or algorithm == "asha"


def test_there_is_no_best_config_before_a_score(create, capsys):
    hpo = create()
    assert hpo.get_best_config() is None
    hpo.print_results()
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_first_of_equal_trials_is_the_best_and_the_status_says_so(create, tmp_path):
    hpo = create(num_trials=3, max_iterations=1)
    configs = play(hpo, lambda config: hpopt.report(config, 1.0))
    assert hpo.get_best_config() == configs[0]["params"]
    status = hpopt.load_json(hpopt.get_status_path(tmp_path / "hpo"))
    assert status["best_config_id"] == 0
    assert status["num_gen_config"] == 3
    assert status["search_space"] == {
        "lr": {"type": "loguniform", "range": [1e-4, 1, 10]},
        "bs": {"type": "quniform", "range": [8, 64, 8]},
    }
    assert [entry["score"] for entry in status["config_list"]] == [1.0] * 3
    assert [entry["config"] for entry in status["config_list"]] == [c["params"] for c in configs]


def test_the_table_has_a_line_for_each_trial_with_a_score(create, capsys):
    space = {"a_name_of_thirty_characters_xxx": hpopt.SearchSpace("quniform", [1, 9, 1])}
    hpo = create(search_space=space, num_trials=2, max_iterations=1)
    configs = play(hpo, lambda config: hpopt.report(config, 0.125))
    hpo.print_results()
    value = configs[1]["params"]["a_name_of_thirty_characters_xxx"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "|  #  | a_name_of_thirty_characters_xxx |        score        |"
    assert lines[2] == f"|  2  |{value!s:^33}|        0.125        |"
    assert len(lines) == 3
