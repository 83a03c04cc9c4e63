import json
import math

import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore_contrib.otx import HyperBand, SearchSpace, TrialStatus
from agcore_contrib.otx.hyperband import MAX_ATTEMPTS

SPACE = {
    "lr": {"param_type": "qloguniform", "range": [0.0007, 0.07, 0.0001]},
    "bs": {"param_type": "qloguniform", "range": [32, 128, 2]},
}


def quality(trial, epoch):
    """A score that grows with training and is the better the nearer lr is to 0.01."""
    return 1 - abs(math.log(trial.configuration["lr"] / 0.01)) / 10 - 1 / (epoch + 1)


def train(algorithm, trial, score_of=quality, until=None):
    """Train a trial as a process would; the epochs it has been told to train in this attempt."""
    for epoch in range(trial.progress + 1, (until or trial.promised) + 1):
        status = algorithm.report_score(score_of(trial, epoch), epoch, trial.id)
        if status is TrialStatus.STOP:
            break
    algorithm.report_score(0, 0, trial.id, done=True)


def play(algorithm, score_of=quality, num_workers=1):
    """Run a search, ``num_workers`` trials at once; the trials in the order of their starts."""
    running, started = [], []
    while not algorithm.is_done():
        while len(running) < num_workers:
            trial = algorithm.get_next_sample()
            if trial is None:
                break
            assert not any(other is trial for other in running)
            running.append(trial)
            started.append(trial)
        if not running:
            assert algorithm.is_done()
            break
        train(algorithm, running.pop(0), score_of)
        assert algorithm.get_progress() <= 1
    return started


def known(**options):
    defaults = {"maximum_resource": 9, "minimum_resource": 1, "num_full_iterations": 9}
    return HyperBand(SPACE, **{**defaults, **options})


# -- arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "up"}, "mode='up' must be one of 'max', 'min'"),
        ({"metric": ""}, "metric=''"),
        ({"num_trials": 0}, "num_trials=0"),
        ({"num_workers": 0}, "num_workers=0"),
        ({"num_full_iterations": 0}, "num_full_iterations=0"),
        ({"full_dataset_size": -1}, "full_dataset_size=-1"),
        ({"expected_time_ratio": 0}, "expected_time_ratio=0 must be above 0"),
        ({"expected_time_ratio": "4"}, "expected_time_ratio='4'"),
        ({"acceptable_additional_time_ratio": 0.9}, "must be a number of at least 1"),
        ({"maximum_resource": 0}, "maximum_resource=0"),
        ({"minimum_resource": 2.5}, "minimum_resource=2.5"),
        ({"minimum_resource": 10}, "minimum_resource=10 must not exceed maximum_resource=9"),
        ({"reduction_factor": 1}, "reduction_factor=1 must be a whole number of at least 2"),
        ({"asynchronous_sha": 1}, "asynchronous_sha=1 must be True or False"),
        ({"asynchronous_bracket": None}, "asynchronous_bracket=None must be True or False"),
        ({"non_pure_train_ratio": 1}, "non_pure_train_ratio=1 must be"),
        ({"subset_ratio": 0}, "subset_ratio=0 must be"),
        ({"min_subset_size": -1}, "min_subset_size=-1"),
        ({"batch_size_name": "batch"}, "batch_size_name='batch' is not in the search space"),
        ({"prior_hyper_parameters": {"lr": 1}}, r"prior_hyper_parameters\[0\] lacks 'bs'"),
        (
            {"prior_hyper_parameters": [{"lr": 1, "bs": 2}, {"lr": 1, "bs": 2, "b": 3}]},
            r"prior_hyper_parameters\[1\] has 'b', which is not in the search space",
        ),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(SpecError, match=message):
        known(**options)


def test_a_budget_that_holds_no_trial_is_refused_with_both_numbers():
    message = "the budget of 36 epochs holds no trial of maximum_resource=100 epochs"
    with pytest.raises(SpecError, match=message):
        known(maximum_resource=100, expected_time_ratio=4)


def test_a_batch_size_without_steps_cannot_be_lowered():
    with pytest.raises(SpecError, match="batch_size_name='b' has the type uniform"):
        HyperBand({"b": {"param_type": "uniform", "range": [1, 9]}}, batch_size_name="b")


def test_the_space_of_the_caller_is_never_changed():
    space = SearchSpace(SPACE)
    algorithm = HyperBand(space, maximum_resource=9, minimum_resource=1, batch_size_name="bs")
    algorithm.report_out_of_memory(algorithm.get_next_sample().id)
    assert dict(space) == dict(SearchSpace(SPACE))


def test_a_subset_is_at_least_so_many_samples():
    def ratio(**options):
        return known(**options).get_next_sample().train_environment["subset_ratio"]

    assert ratio() is None
    assert ratio(subset_ratio=0.1, full_dataset_size=10_000) == 0.1
    assert ratio(subset_ratio=0.1, full_dataset_size=1000) == 0.5
    assert ratio(subset_ratio=0.1, full_dataset_size=400) == 1.0
    assert ratio(subset_ratio=0.1, full_dataset_size=1000, min_subset_size=0) == 0.1


# -- configs -------------------------------------------------------------------------------


def test_values_are_within_bounds_and_on_steps():
    for trial in play(known()):
        config = trial.configuration
        assert 0.0007 <= config["lr"] <= 0.07
        assert config["lr"] == round(config["lr"], 4)
        assert config["bs"] in range(32, 129, 2)
        assert type(config["bs"]) is int


@pytest.mark.parametrize("count", [1, 10, 100, 1000])
def test_given_configs_are_tried_first_and_in_order(count):
    priors = [{"lr": 0.001, "bs": 32 + i} for i in range(count)]
    algorithm = HyperBand(
        SPACE,
        maximum_resource=64,
        minimum_resource=1,
        reduction_factor=4,
        num_full_iterations=64,
        expected_time_ratio=120,
        asynchronous_sha=False,
        asynchronous_bracket=True,
        prior_hyper_parameters=priors,
    )
    drawn = [algorithm.get_next_sample().configuration for _ in range(count)]
    assert drawn == priors


def test_given_configs_may_lie_outside_the_ranges():
    prior = {"lr": 9.0, "bs": 4}
    assert known(prior_hyper_parameters=prior).get_next_sample().configuration == prior


def test_the_same_seed_gives_the_same_search():
    first, again, other = (
        [trial.configuration for trial in play(known(random_seed=seed))] for seed in (1, 1, 2)
    )
    assert first == again != other


# -- the plan ------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [4, 100])
@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("num_workers", [1, 4])
def test_decrease_and_increase_use_most_of_the_budget_and_never_more(
    ratio, asynchronous, num_workers
):
    algorithm = HyperBand(
        SPACE,
        maximum_resource=64,
        minimum_resource=1,
        reduction_factor=4,
        num_full_iterations=64,
        expected_time_ratio=ratio,
        asynchronous_sha=asynchronous,
        asynchronous_bracket=True,
    )
    play(algorithm, num_workers=num_workers)
    assert 0.8 * 64 * ratio <= algorithm.spent_epochs <= 64 * ratio
    assert algorithm.get_progress() == 1


@pytest.mark.parametrize(
    ("ratio", "num_trials", "epochs"),
    # OTX trains 72 and 146 epochs in the last two: it rounds 6.67 epochs up, and we down.
    [(1, 1, 20), (2, 2, 40), (4, 10, 64), (8, 15, 136)],
)
def test_the_worked_examples_with_unknown_resources_come_out(ratio, num_trials, epochs):
    algorithm = HyperBand(SPACE, num_full_iterations=20, expected_time_ratio=ratio)
    started = play(algorithm)
    assert len({trial.id for trial in started}) == num_trials
    assert algorithm.spent_epochs == epochs


def test_workers_multiply_the_budget():
    plan = known(maximum_resource=90, num_full_iterations=90, expected_time_ratio=2, num_workers=4)
    assert {i: bracket.num_top for i, bracket in plan.auto_config().items()} == {0: 1, 3: 1, 4: 1}
    assert plan.auto_config()[3].num_trials == 27


def test_acceptable_additional_time_widens_the_budget():
    def cost(factor):
        plan = known(expected_time_ratio=4, acceptable_additional_time_ratio=factor).auto_config()
        return sum(bracket.cost for bracket in plan.values())

    assert cost(1.0) <= 36 < cost(2.0) <= 72


def test_the_geometry_that_a_float_logarithm_gets_wrong_runs():
    algorithm = HyperBand(
        SPACE,
        maximum_resource=125,
        minimum_resource=1,
        reduction_factor=5,
        num_full_iterations=125,
        expected_time_ratio=4,
    )
    started = play(algorithm)
    assert max(trial.progress for trial in started) == 125
    assert algorithm.spent_epochs <= 500


@given(
    maximum=st.integers(1, 60),
    minimum=st.integers(1, 60),
    eta=st.integers(2, 5),
    ratio=st.integers(1, 6),
    num_workers=st.integers(1, 4),
    asynchronous=st.booleans(),
    knows=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_every_search_ends_within_its_budget(
    maximum, minimum, eta, ratio, num_workers, asynchronous, knows
):
    resources = {"maximum_resource": maximum, "minimum_resource": min(minimum, maximum)}
    algorithm = HyperBand(
        {"lr": SPACE["lr"]},
        num_full_iterations=maximum,
        expected_time_ratio=ratio,
        reduction_factor=eta,
        asynchronous_sha=asynchronous,
        asynchronous_bracket=asynchronous,
        **(resources if knows else {}),
    )
    play(algorithm, num_workers=num_workers)
    assert algorithm.is_done()
    assert algorithm.spent_epochs <= maximum * ratio
    assert algorithm.get_best_config() is not None


def test_asynchronous_brackets_run_together_and_others_one_by_one():
    def brackets_in_use(**options):
        algorithm = known(asynchronous_sha=False, **options)
        trials = []
        while (trial := algorithm.get_next_sample()) is not None:
            trials.append(trial)
        return {trial.bracket for trial in trials}

    assert len(brackets_in_use(asynchronous_bracket=True)) > 1
    assert len(brackets_in_use(asynchronous_bracket=False)) == 1


def test_a_number_of_trials_given_by_the_user_is_never_exceeded():
    algorithm = known(num_trials=4)
    assert len({trial.id for trial in play(algorithm)}) == 4
    assert algorithm.is_done()


# -- unknown resources ---------------------------------------------------------------------


def test_the_maximum_is_what_the_first_trial_really_needed():
    algorithm = HyperBand(SPACE, num_full_iterations=50, expected_time_ratio=4)
    trial = algorithm.get_next_sample()
    assert (trial.id, trial.iteration, trial.bracket) == ("0", 50, 0)
    assert algorithm.maximum_resource is None
    train(algorithm, trial, until=12)  # its training ends itself
    assert algorithm.maximum_resource == 12
    play(algorithm)
    assert algorithm.spent_epochs <= 200


def test_a_given_maximum_never_moves():
    algorithm = HyperBand(SPACE, maximum_resource=20, num_full_iterations=20)
    train(algorithm, algorithm.get_next_sample(), until=12)
    assert algorithm.maximum_resource == 20
    assert len({trial.id for trial in play(algorithm)}) > 1


def test_the_smallest_target_follows_from_the_learnt_minimum():
    algorithm = HyperBand(SPACE, maximum_resource=81, num_full_iterations=81)
    train(algorithm, algorithm.get_next_sample(), lambda trial, epoch: abs(epoch - 5))
    play(algorithm)
    # The curve rises from 5 on, smoothed from 6 on: 81 / 3**2 is the smallest rung above.
    assert min(bracket.minimum_resource for bracket in algorithm.brackets.values()) == 9
    worse = HyperBand(SPACE, maximum_resource=81, num_full_iterations=81)
    train(worse, worse.get_next_sample(), lambda trial, epoch: -epoch)
    play(worse)
    assert min(bracket.minimum_resource for bracket in worse.brackets.values()) == 27


def test_other_workers_try_configs_for_a_few_epochs_meanwhile():
    algorithm = HyperBand(SPACE, num_full_iterations=20, expected_time_ratio=4, num_workers=3)
    full, second, third = (algorithm.get_next_sample() for _ in range(3))
    assert (full.iteration, second.iteration, third.iteration) == (20, 1, 1)
    assert algorithm.report_score(0.5, 1, second.id) is TrialStatus.STOP
    algorithm.report_score(0, 0, second.id, done=True)
    train(algorithm, full)
    assert second.bracket is not None
    assert second.is_waiting  # its rung wants more than one epoch
    train(algorithm, third)  # it ran when the brackets were made
    assert third.is_waiting
    play(algorithm)
    assert second.progress >= 2
    assert algorithm.spent_epochs <= 240


def test_there_are_no_more_of_them_than_places_for_them():
    algorithm = HyperBand(SPACE, num_full_iterations=20, expected_time_ratio=1)
    assert algorithm.get_next_sample() is not None
    assert algorithm.get_next_sample() is None  # the budget is one full trial


def test_the_end_of_the_first_trial_is_no_end_of_the_search():
    algorithm = HyperBand(SPACE, num_full_iterations=20, expected_time_ratio=4)
    first = algorithm.get_next_sample()
    algorithm.report_score(0.1, 1, first.id)
    algorithm.report_trial_exit_abnormally(first.id)
    assert algorithm.get_next_sample() is first  # offered again
    algorithm.report_failure(first.id)
    second = algorithm.get_next_sample()
    assert (second.id, second.iteration) == ("1", 20)  # another one shows how long it takes
    train(algorithm, second)
    play(algorithm)
    assert algorithm.is_done()
    assert algorithm.get_best_config() is not None


def test_a_search_whose_first_trials_all_die_ends():
    algorithm = HyperBand(SPACE, num_full_iterations=20, expected_time_ratio=4)
    count = 0
    while not algorithm.is_done():
        algorithm.report_trial_exit_abnormally(algorithm.get_next_sample().id)
        count += 1
    assert count == 3 * MAX_ATTEMPTS
    assert algorithm.get_next_sample() is None
    assert algorithm.get_best_config() is None


# -- reports and ends ----------------------------------------------------------------------


def test_a_trial_is_told_to_stop_when_it_has_been_trained_enough():
    algorithm = known()
    trial = algorithm.get_next_sample()
    trial_of_three = algorithm.get_next_sample()
    assert trial.iteration == trial_of_three.iteration == 1
    assert algorithm.report_score(0.5, 1, trial.id) is TrialStatus.STOP
    with pytest.raises(RuntimeError, match="ended without any score"):
        algorithm.report_score(0, 0, trial_of_three.id, done=True)
    with pytest.raises(SpecError, match="trial_id='99' is no trial"):
        algorithm.report_score(0.5, 1, "99")


def test_ids_may_be_numbers():
    algorithm = known(minimum_resource=9)
    trial = algorithm.get_next_sample()
    assert algorithm.report_score(0.5, 1, int(trial.id)) is TrialStatus.RUNNING


def test_an_abnormal_exit_offers_the_trial_again_a_few_times():
    algorithm = known()
    first = algorithm.get_next_sample()
    for _ in range(MAX_ATTEMPTS - 1):
        algorithm.report_trial_exit_abnormally(first.id)
        assert algorithm.get_next_sample() is first
    algorithm.report_trial_exit_abnormally(first.id)
    assert algorithm.get_next_sample() is not first
    assert first.has_failed


def test_nothing_is_best_before_anything_is_known():
    algorithm = known()
    assert algorithm.get_best_config() is None
    assert algorithm.get_progress() == 0
    trial = algorithm.get_next_sample()
    algorithm.report_score(math.nan, 1, trial.id)
    assert algorithm.get_best_config() is None


def test_searches_in_both_modes_are_the_same_with_turned_scores():
    ups, downs = known(), known(mode="min")
    play(ups)
    play(downs, lambda trial, epoch: -quality(trial, epoch))
    assert ups.get_best_config() == downs.get_best_config()
    assert ups.spent_epochs == downs.spent_epochs
    assert ups.get_inferior_trials() == downs.get_inferior_trials()


def test_in_min_mode_who_fell_from_9_to_1_beats_who_is_stuck_at_5():
    algorithm = known(mode="min", minimum_resource=3)
    stuck, falling = algorithm.get_next_sample(), algorithm.get_next_sample()
    for epoch, score in ((1, 9), (2, 3), (3, 1)):
        algorithm.report_score(5, epoch, stuck.id)
        algorithm.report_score(score, epoch, falling.id)
    assert algorithm.get_best_config()["id"] == falling.id


def test_the_best_config_has_the_searched_values_only():
    algorithm = known()
    play(algorithm)
    best = algorithm.get_best_config()
    assert best.keys() == {"id", "config"}
    assert best["config"].keys() == {"lr", "bs"}


def test_inferior_trials_are_neither_best_nor_trained_again():
    algorithm = known(asynchronous_bracket=True)
    inferior = set()
    while (trial := algorithm.get_next_sample()) is not None:
        assert trial.id not in inferior
        train(algorithm, trial)
        now = set(algorithm.get_inferior_trials())
        assert inferior - {algorithm.get_best_config()["id"]} <= now
        inferior |= now
    assert inferior
    assert algorithm.get_best_config()["id"] not in algorithm.get_inferior_trials()


def test_progress_is_the_share_of_the_budget():
    algorithm = known(expected_time_ratio=4)
    trial = algorithm.get_next_sample()
    train(algorithm, trial)
    assert algorithm.get_progress() == pytest.approx(1 / 36)
    play(algorithm)
    assert algorithm.get_progress() == 1


def test_what_crashes_have_cost_is_not_spent_again():
    algorithm = HyperBand(
        SPACE,
        maximum_resource=9,
        minimum_resource=9,
        num_full_iterations=9,
        expected_time_ratio=3,
    )
    first = algorithm.get_next_sample()
    for _ in range(2):
        for epoch in range(1, 9):  # without a checkpoint it begins anew each time
            algorithm.report_score(0.5, epoch, first.id)
        algorithm.report_trial_exit_abnormally(first.id)
        assert algorithm.get_next_sample() is first
    algorithm.report_score(0.5, 9, first.id)
    algorithm.report_score(0, 0, first.id, done=True)
    assert algorithm.spent_epochs == 17
    assert len(play(algorithm)) == 1  # 9 epochs more are 26 of 27; a third trial has none left
    assert algorithm.spent_epochs <= 27


# -- spaces that run out -------------------------------------------------------------------


def test_a_space_without_candidates_ends_at_once():
    for options in ({}, {"maximum_resource": 9, "minimum_resource": 1}):
        algorithm = HyperBand({}, **options)
        assert algorithm.get_next_sample() is None
        assert algorithm.is_done()
        assert algorithm.get_best_config() is None


@pytest.mark.parametrize("options", [{}, {"maximum_resource": 27, "minimum_resource": 1}])
def test_a_small_space_is_used_up_and_ends(options):
    space = {"c": {"param_type": "choice", "range": ["a", "b", "c", "d"]}}
    algorithm = HyperBand(space, num_full_iterations=27, **options)
    started = play(algorithm, lambda trial, epoch: ord(trial.configuration["c"]) * epoch)
    assert {trial.configuration["c"] for trial in started} == set("abcd")
    assert algorithm.is_done()
    assert algorithm.get_best_config()["config"] == {"c": "d"}


# -- memory --------------------------------------------------------------------------------


def fits(trial, limit=48):
    return trial.configuration["bs"] <= limit


@pytest.mark.parametrize("options", [{}, {"maximum_resource": 9, "minimum_resource": 1}])
def test_batch_sizes_that_failed_are_not_drawn_again(options):
    algorithm = HyperBand(SPACE, num_full_iterations=9, batch_size_name="bs", **options)
    cap = 999
    count = 0
    while (trial := algorithm.get_next_sample()) is not None:
        size = trial.configuration["bs"]
        assert size < cap
        if fits(trial):
            train(algorithm, trial)
        else:
            algorithm.report_out_of_memory(trial.id)
            cap = size
            count += 1
    assert count > 0
    assert algorithm.is_done()
    assert fits_best(algorithm)


def fits_best(algorithm):
    return algorithm.get_best_config()["config"]["bs"] <= 48


def test_a_trial_out_of_memory_keeps_its_id_and_gets_another_config():
    algorithm = known(batch_size_name="bs", prior_hyper_parameters={"lr": 0.01, "bs": 64})
    trial = algorithm.get_next_sample()
    algorithm.report_out_of_memory(trial.id)
    again = algorithm.get_next_sample()
    assert again is trial
    assert again.configuration["bs"] <= 62


def test_without_a_name_of_the_batch_size_retries_are_limited():
    algorithm = known()
    first = algorithm.get_next_sample()
    for _ in range(MAX_ATTEMPTS - 1):
        algorithm.report_out_of_memory(first.id)
        assert algorithm.get_next_sample() is first
    algorithm.report_out_of_memory(first.id)
    assert first.has_failed
    assert algorithm.get_next_sample() is not first


def test_a_trial_that_has_scores_is_out_when_memory_runs_out():
    algorithm = known(batch_size_name="bs", minimum_resource=9)
    trial = algorithm.get_next_sample()
    algorithm.report_score(0.5, 1, trial.id)
    algorithm.report_out_of_memory(trial.id)
    assert trial.has_failed


def test_a_model_that_fits_at_no_batch_size_is_an_error():
    space = {"bs": {"param_type": "quniform", "range": [2, 6, 2]}}
    algorithm = HyperBand(
        space, maximum_resource=1, minimum_resource=1, num_full_iterations=1, batch_size_name="bs"
    )
    with pytest.raises(SpecError, match="bs: memory ran out at 2, and no smaller value is left"):
        while (trial := algorithm.get_next_sample()) is not None:
            algorithm.report_out_of_memory(trial.id)


# -- files ---------------------------------------------------------------------------------


def test_results_are_saved_as_otx_lays_them_out(tmp_path):
    algorithm = known(save_path=tmp_path / "hpo")
    play(algorithm)
    algorithm.save_results()
    status = json.loads((tmp_path / "hpo" / "2" / "rung_status.json").read_text())
    assert [rung["num_trial"] for rung in status["rung_status"]] == [9, 3, 1]
    best = algorithm.get_best_config()
    files = list((tmp_path / "hpo").glob(f"*/{best['id']}.json"))
    assert len(files) == 1
    record = json.loads(files[0].read_text())
    assert record.keys() == {"id", "rung", "configuration", "train_environment", "score"}
    assert record["configuration"] == best["config"]
    with pytest.raises(SpecError, match="pass save_path="):
        known().save_results()


def test_the_result_is_printed(capsys):
    algorithm = known()
    algorithm.print_result()
    assert "no trial has a score" in capsys.readouterr().out
    play(algorithm)
    algorithm.print_result()
    text = capsys.readouterr().out
    best = algorithm.get_best_config()
    assert f"best trial: id {best['id']}, config {best['config']}" in text
    assert "number of brackets: 3" in text
    assert len([line for line in text.splitlines() if line.startswith("  id ")]) == 15


def answers(algorithm, count):
    """The first trials of a search, as what they were told, and the search afterwards."""
    told = []
    for _ in range(count):
        trial = algorithm.get_next_sample()
        if trial is None:
            break
        told.append(trial.told())
        train(algorithm, trial)
    return told


@pytest.mark.parametrize("options", [{}, {"maximum_resource": 9, "minimum_resource": 1}])
@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_a_search_that_was_killed_goes_on_as_if_nothing_had_been(tmp_path, options, after):
    settings = {"num_full_iterations": 9, **options}
    whole = answers(HyperBand(SPACE, **settings), 99)
    first = HyperBand(SPACE, save_path=tmp_path, **settings)
    assert answers(first, after) == whole[:after]
    cut_off = first.get_next_sample()
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('["report_sc')  # the process was killed while it wrote
    again = HyperBand(SPACE, save_path=tmp_path, resume=True, **settings)
    assert again.spent_epochs == first.spent_epochs
    assert cut_off.told() == whole[after]
    assert answers(again, 99) == whole[after:]


def test_a_search_that_is_killed_again_and_again_goes_on_as_if_nothing_had_been(tmp_path):
    settings = {"num_full_iterations": 9, "maximum_resource": 9, "minimum_resource": 1}
    whole = answers(HyperBand(SPACE, **settings), 99)
    told = []
    for session in range(4):
        search = HyperBand(SPACE, save_path=tmp_path, resume=session > 0, **settings)
        told += answers(search, 2)
        search.get_next_sample()  # its process dies with the session
    last = HyperBand(SPACE, save_path=tmp_path, resume=True, **settings)
    assert told + answers(last, 99) == whole
    assert all(trial.score for bracket in last.brackets.values() for trial in bracket.trials)


def test_the_cap_of_memory_is_kept_over_a_restart(tmp_path):
    options = {"batch_size_name": "bs", "prior_hyper_parameters": {"lr": 0.01, "bs": 100}}
    first = known(save_path=tmp_path, **options)
    first.report_out_of_memory(first.get_next_sample().id)
    again = known(save_path=tmp_path, resume=True, **options)
    assert max(trial.configuration["bs"] for trial in play(again)) <= 98
    assert max(trial.configuration["bs"] for trial in play(known(**options))) > 98


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mode": "min"}, "the other mode"),
        ({"metric": "accuracy"}, "another metric"),
        ({"reduction_factor": 2}, "another reduction_factor"),
        ({"prior_hyper_parameters": {"lr": 1.0, "bs": 2}}, "another prior_hyper_parameters"),
    ],
)
def test_another_search_is_not_resumed(tmp_path, options, what):
    known(save_path=tmp_path)
    with pytest.raises(SpecError, match=f"holds a search with {what}"):
        known(save_path=tmp_path, resume=True, **options)
    known(save_path=tmp_path, **options)  # starts anew


def test_another_space_is_not_resumed(tmp_path):
    known(save_path=tmp_path)
    with pytest.raises(SpecError, match="holds a search with another search space"):
        HyperBand(
            {"lr": SPACE["lr"]},
            save_path=tmp_path,
            resume=True,
            maximum_resource=9,
            minimum_resource=1,
            num_full_iterations=9,
        )
