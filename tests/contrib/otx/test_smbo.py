import json
import math

import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import Smbo, TrialStatus, run_hpo_loop
from agcore_contrib.otx.hyperband import MAX_ATTEMPTS

SPACE = {
    "lr": {"param_type": "qloguniform", "range": [0.001, 0.1, 0.001]},
    "bs": {"param_type": "quniform", "range": [8, 64, 8]},
    "opt": {"param_type": "choice", "range": ["sgd", "adam"]},
}


def quality(trial):
    config = trial.configuration
    return -abs(math.log(config["lr"] / 0.01)) - config["bs"] / 64 + (config["opt"] == "adam")


def play(algorithm, score_of=quality):
    started = []
    while (trial := algorithm.get_next_sample()) is not None:
        started.append(trial)
        for epoch in range(1, trial.iteration + 1):
            status = algorithm.report_score(score_of(trial), epoch, trial.id)
        assert status is TrialStatus.STOP
        algorithm.report_score(0, 0, trial.id, done=True)
    assert algorithm.is_done()
    return started


def test_as_many_trials_are_trained_in_full_as_the_budget_holds():
    algorithm = Smbo(SPACE, num_full_iterations=3, expected_time_ratio=4, num_workers=2)
    started = play(algorithm)
    assert [trial.progress for trial in started] == [3] * 8
    assert algorithm.get_progress() == 1
    assert len(play(Smbo(SPACE, num_trials=2))) == 2
    shorter = Smbo(SPACE, num_full_iterations=4, maximum_resource=2, expected_time_ratio=1)
    assert [trial.progress for trial in play(shorter)] == [2, 2]


def test_given_configs_come_first_also_outside_the_ranges():
    priors = [{"lr": 9.0, "bs": 8, "opt": "sgd"}, {"lr": 0.01, "bs": 16, "opt": "adam"}]
    started = play(Smbo(SPACE, prior_hyper_parameters=priors, num_trials=4))
    assert [trial.configuration for trial in started[:2]] == priors


def test_values_are_those_of_the_space_and_no_config_comes_twice():
    configs = [trial.configuration for trial in play(Smbo(SPACE, num_trials=15))]
    assert all(config["lr"] == round(config["lr"], 3) for config in configs)
    assert all(config["bs"] in range(8, 65, 8) for config in configs)
    assert len({json.dumps(config) for config in configs}) == 15


def test_both_modes_are_the_same_with_turned_scores():
    ups, downs = Smbo(SPACE, num_trials=8), Smbo(SPACE, num_trials=8, mode="min")
    play(ups)
    play(downs, lambda trial: -quality(trial))
    assert ups.get_best_config() == downs.get_best_config()


def test_what_was_observed_guides_what_is_proposed():
    started = play(Smbo(SPACE, num_trials=24))
    early = sorted(map(quality, started[:8]))[4]
    late = sorted(map(quality, started[-8:]))[4]
    assert late > early


def test_a_small_space_is_used_up():
    space = {"c": {"param_type": "choice", "range": ["a", "b", "c"]}}
    algorithm = Smbo(space, num_trials=9)
    started = play(algorithm, lambda trial: ord(trial.configuration["c"]))
    assert sorted(trial.configuration["c"] for trial in started) == ["a", "b", "c"]
    assert algorithm.get_best_config()["config"] == {"c": "c"}


def test_a_space_without_candidates_ends_at_once():
    algorithm = Smbo({})
    assert algorithm.is_done()
    assert algorithm.get_next_sample() is None
    assert algorithm.get_best_config() is None


def test_out_of_memory_lowers_the_batch_size_for_good():
    prior = {"lr": 0.01, "bs": 32, "opt": "sgd"}
    algorithm = Smbo(SPACE, num_trials=8, batch_size_name="bs", prior_hyper_parameters=prior)
    trial = algorithm.get_next_sample()
    algorithm.report_out_of_memory(trial.id)
    started = play(algorithm)
    assert started[0] is trial
    assert all(trial.configuration["bs"] <= 24 for trial in started)


def test_lost_processes_are_tried_again_and_failures_are_not():
    algorithm = Smbo(SPACE, num_trials=3)
    first = algorithm.get_next_sample()
    for _ in range(MAX_ATTEMPTS - 1):
        algorithm.report_trial_exit_abnormally(first.id)
        assert algorithm.get_next_sample() is first
    algorithm.report_trial_exit_abnormally(first.id)
    second = algorithm.get_next_sample()
    assert second is not first
    algorithm.report_failure(second.id)
    assert len(play(algorithm)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "up"}, "mode='up'"),
        ({"num_trials": 0}, "num_trials=0"),
        ({"expected_time_ratio": 0.5}, "the budget of 0.5 epochs holds no trial of 1 epochs"),
        ({"expected_time_ratio": "4"}, "expected_time_ratio='4'"),
        ({"maximum_resource": 1.5}, "maximum_resource=1.5"),
        ({"batch_size_name": "lrr"}, "batch_size_name='lrr' is not in the search space"),
        ({"prior_hyper_parameters": {"lr": 1}}, "lacks 'bs'"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(SpecError, match=message):
        Smbo(SPACE, **options)


def test_results_are_saved_and_printed(tmp_path, capsys):
    algorithm = Smbo(SPACE, num_trials=2, save_path=tmp_path)
    play(algorithm)
    algorithm.save_results()
    assert json.loads((tmp_path / "0" / "1.json").read_text())["id"] == "1"
    algorithm.print_result()
    assert f"best trial: {algorithm.get_best_config()}" in capsys.readouterr().out
    with pytest.raises(SpecError, match="pass save_path="):
        Smbo(SPACE).save_results()


def test_the_loop_runs_it():
    def train(hp_config, report_func):
        for epoch in range(1, hp_config["configuration"]["iterations"] + 1):
            report_func(hp_config["configuration"]["lr"], epoch)

    algorithm = Smbo(SPACE, num_full_iterations=2, expected_time_ratio=2)
    run_hpo_loop(algorithm, train, "cpu", num_parallel_trial=2)
    assert algorithm.is_done()
    assert algorithm.get_best_config() is not None


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_search_that_was_killed_goes_on_as_if_nothing_had_been(tmp_path, after):
    options = {"num_full_iterations": 2, "expected_time_ratio": 7}
    whole = [trial.told() for trial in play(Smbo(SPACE, **options))]
    first = Smbo(SPACE, save_path=tmp_path, **options)
    for _ in range(after):
        trial = first.get_next_sample()
        for epoch in (1, 2):
            first.report_score(quality(trial), epoch, trial.id)
        first.report_score(0, 0, trial.id, done=True)
    cut_off = first.get_next_sample()
    first.report_score(quality(cut_off), 1, cut_off.id)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('["report_sc')
    again = Smbo(SPACE, save_path=tmp_path, resume=True, **options)
    assert [trial.told() for trial in play(again)] == whole[after:]
    assert again.best_trial.told() in whole


def test_a_search_that_is_killed_again_and_again_goes_on_as_if_nothing_had_been(tmp_path):
    whole = [trial.told() for trial in play(Smbo(SPACE, num_trials=6))]
    told = []
    for session in range(3):
        search = Smbo(SPACE, save_path=tmp_path, num_trials=6, resume=session > 0)
        trial = search.get_next_sample()
        told.append(trial.told())
        search.report_score(quality(trial), 1, trial.id)
        search.report_score(0, 0, trial.id, done=True)
        search.get_next_sample()  # its process dies with the session
    last = Smbo(SPACE, save_path=tmp_path, num_trials=6, resume=True)
    assert told + [trial.told() for trial in play(last)] == whole


def test_another_search_is_not_resumed(tmp_path):
    Smbo(SPACE, save_path=tmp_path)
    with pytest.raises(SpecError, match="holds a search with the other mode: 'max', now 'min'"):
        Smbo(SPACE, save_path=tmp_path, resume=True, mode="min")
    with pytest.raises(SpecError, match="another search space"):
        Smbo({"lr": SPACE["lr"]}, save_path=tmp_path, resume=True)


def test_the_cap_of_memory_is_kept_over_a_restart(tmp_path):
    first = Smbo(SPACE, save_path=tmp_path, batch_size_name="bs", num_trials=12)
    trial = first.get_next_sample()
    failed = trial.configuration["bs"]
    first.report_out_of_memory(trial.id)
    again = Smbo(SPACE, save_path=tmp_path, batch_size_name="bs", num_trials=12, resume=True)
    assert max(trial.configuration["bs"] for trial in play(again)) < failed
