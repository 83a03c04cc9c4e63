import math

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import Trial, TrialStatus
from agcore_contrib.otx.trial import best_of


def trial_with(scores, **fields):
    trial = Trial("0", {"lr": 0.1}, **fields)
    for epoch, score in scores.items():
        trial.register_score(score, epoch)
    return trial


def test_the_numbers_of_the_statuses_are_those_of_otx():
    assert {status.name: status.value for status in TrialStatus} == {
        "UNKNOWN": -1,
        "READY": 0,
        "RUNNING": 1,
        "STOP": 2,
        "CUDAOOM": 3,
    }


def test_the_train_function_is_told_config_iterations_and_environment():
    trial = Trial("7", {"lr": 0.1}, {"subset_ratio": 0.5})
    trial.aim_at(4)
    assert trial.told() == {
        "id": "7",
        "configuration": {"lr": 0.1, "iterations": 4},
        "train_environment": {"subset_ratio": 0.5},
    }


@pytest.mark.parametrize("iteration", [0, -1, 1.5, "3", True])
def test_iterations_are_whole_numbers_above_0(iteration):
    with pytest.raises(SpecError, match=r"iteration=.* must be a whole number of at least 1"):
        Trial("0", {}).aim_at(iteration)


@pytest.mark.parametrize(
    ("score", "resource", "message"),
    [(1, 0, "resource=0"), (1, -2, "resource=-2"), ("1", 1, "score='1' must be a number")],
)
def test_scores_need_a_resource_above_0_and_a_number(score, resource, message):
    with pytest.raises(SpecError, match=message):
        Trial("0", {}).register_score(score, resource)


def test_the_best_score_follows_mode_and_resource():
    trial = trial_with({1: 0.5, 2: np.float32(0.25), 3: 0.75, 4: math.nan, 5: math.inf})
    assert (trial.best_score("max"), trial.best_score("min")) == (0.75, 0.25)
    assert trial.best_score("max", resource_limit=2) == 0.5
    assert trial.progress == 5
    assert Trial("0", {}).best_score() is None
    assert trial_with({1: math.nan}).best_score() is None


def test_the_best_trial_is_found_the_same_way_in_both_modes():
    ups = [trial_with({1: a, 2: b}) for a, b in ((5, 5), (1, 9), (9, 1))]
    downs = [trial_with({1: -a, 2: -b}) for a, b in ((5, 5), (1, 9), (9, 1))]
    assert ups.index(best_of(ups, "max")) == downs.index(best_of(downs, "min")) == 1
    # What goes from 9 to 1 beats what is stuck at 5, if 1 is better.
    assert best_of(ups, "min") in ups[1:]
    assert best_of([], "max") is None
    assert best_of([trial_with({})], "max") is None


def test_an_end_without_a_score_is_an_error():
    with pytest.raises(RuntimeError, match="trial 0 has ended without any score"):
        Trial("0", {}).finalize()


def test_being_done_needs_to_know_for_how_long():
    with pytest.raises(RuntimeError, match="trial 0 has no iteration"):
        _ = Trial("0", {}).is_done


def test_who_was_asked_for_less_than_is_wanted_goes_on_later():
    trial = trial_with({})
    trial.aim_at(1)
    trial.hand_out()
    trial.register_score(0.5, 1)
    trial.aim_at(2)  # its bracket wants more than its process was told
    trial.finalize()
    assert trial.is_waiting


def test_who_ends_its_own_training_early_is_done_until_it_is_promoted():
    trial = trial_with({})
    trial.aim_at(9)
    trial.hand_out()
    trial.register_score(0.5, 4)
    trial.finalize()
    assert trial.is_done
    trial.aim_at(9)
    assert trial.is_done
    trial.aim_at(27)
    assert trial.is_waiting
