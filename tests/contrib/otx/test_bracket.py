from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError
from agcore_contrib.otx import Bracket, Trial
from agcore_contrib.otx.bracket import highest_rung


def bracket_of(count, minimum=1, maximum=9, **options):
    return Bracket(0, minimum, maximum, [Trial(str(i), {}) for i in range(count)], **options)


def play(bracket, score_of, fails=lambda trial: False):
    """Train one trial after another until the bracket has nothing to give."""
    order = []
    while (trial := bracket.next_trial()) is not None:
        order.append((trial.id, trial.iteration))
        trial.hand_out()
        if fails(trial):
            trial.fail()
            continue
        trial.register_score(score_of(trial), trial.iteration)
        trial.finalize()
    return order


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minimum": 0}, "minimum_resource=0 must be above 0"),
        ({"minimum": 10}, "not exceed maximum_resource=9"),
        ({"reduction_factor": 1}, "reduction_factor=1 must be at least 2"),
        ({"mode": "up"}, "mode='up'"),
        ({"count": 8}, "bracket 0 has 8 trials; 3 rungs with reduction_factor=3 need at least 9"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(SpecError, match=message):
        bracket_of(**{"count": 9, **arguments})


@given(st.integers(2, 6), st.integers(0, 6), st.integers(1, 5))
def test_the_highest_rung_is_counted_exactly(eta, k, minimum):
    assert highest_rung(minimum, minimum * eta**k, eta) == k
    assert highest_rung(Fraction(minimum, eta**k), minimum, eta) == k
    assert highest_rung(minimum, minimum * eta**k + 1, eta) == k + 1


def test_each_rung_has_one_in_eta_of_the_trials_below():
    rungs = bracket_of(10, minimum=Fraction(10, 9), maximum=10).rungs
    assert [(rung.num_required, rung.iteration) for rung in rungs] == [(10, 1), (3, 3), (1, 10)]


def test_synchronous_halving_trains_rung_by_rung():
    bracket = bracket_of(9, asynchronous_sha=False)
    order = play(bracket, lambda trial: int(trial.id))
    assert [iteration for _, iteration in order] == [1] * 9 + [3] * 3 + [9]
    assert [number for number, _ in order[9:]] == ["8", "7", "6", "8"]
    assert bracket.is_done
    assert bracket.best_trial().id == "8"


def test_asynchronous_halving_promotes_first():
    bracket = bracket_of(9)
    order = play(bracket, lambda trial: int(trial.id))
    assert order[:5] == [("0", 1), ("1", 1), ("2", 1), ("2", 3), ("3", 1)]
    assert sorted(iteration for _, iteration in order) == [1] * 9 + [3] * 3 + [9]
    assert bracket.is_done


@pytest.mark.parametrize("asynchronous", [True, False])
@given(failing=st.sets(st.integers(0, 8)))
def test_a_bracket_ends_whoever_fails(asynchronous, failing):
    bracket = bracket_of(9, asynchronous_sha=asynchronous)
    play(bracket, lambda trial: int(trial.id), lambda trial: int(trial.id) in failing)
    assert bracket.is_done
    good = [number for number in range(9) if number not in failing]
    assert (bracket.best_trial() is None) == (not good)
    if good and not asynchronous:
        assert bracket.best_trial().id == str(good[-1])
        assert bracket.best_trial().progress == 9  # somebody reaches the top


def test_both_modes_do_the_same_with_turned_scores():
    ups, downs = bracket_of(9), bracket_of(9, mode="min")
    score = {str(i): (i * 7) % 9 for i in range(9)}
    assert play(ups, lambda t: score[t.id]) == play(downs, lambda t: -score[t.id])
    assert ups.best_trial().id == downs.best_trial().id


def test_the_inferior_are_those_that_no_rung_will_take():
    bracket = bracket_of(9, asynchronous_sha=False)
    assert bracket.inferior_trials() == []
    play(bracket, lambda trial: int(trial.id))
    assert {trial.id for trial in bracket.inferior_trials()} == set("01234567")


def test_the_record_has_the_keys_of_otx():
    record = bracket_of(9).record()
    assert record["rung_status"][1] == {
        "rung_idx": 1,
        "num_trial": 0,
        "num_required_trial": 3,
        "resource": 3.0,
    }
    assert {key: record[key] for key in record if key != "rung_status"} == {
        "minimum_resource": 1.0,
        "maximum_resource": 9,
        "reduction_factor": 3,
        "mode": "max",
        "asynchronous_sha": True,
        "num_trials": 9,
    }
