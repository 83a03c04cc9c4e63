import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError
from agcore.scheduler.scalarization import Scalarization

unit = st.floats(0, 1)
ALL = [
    Scalarization(),
    Scalarization("random_weights", num_weights=5),
    Scalarization("parego", num_weights=5, rho=0.1),
]


def test_the_mean_is_the_mean():
    assert Scalarization().function(3, 0)(np.asarray([0.1, 0.2, 0.6])) == pytest.approx(0.3)


@pytest.mark.parametrize("scalarization", ALL, ids=lambda s: s.algorithm)
@given(low=st.tuples(unit, unit), more=st.tuples(unit, unit), seed=st.integers(0, 5))
def test_it_never_falls_when_an_objective_rises(scalarization, low, more, seed):
    function = scalarization.function(2, seed)
    assert function(np.asarray(low) + np.asarray(more)) >= function(np.asarray(low))


def test_weights_follow_from_the_seed():
    scalarization = Scalarization("parego", num_weights=7)
    same = scalarization.function(2, 3).weights, scalarization.function(2, 3).weights
    assert np.array_equal(*same)
    assert same[0].shape == (7, 2)
    assert not np.array_equal(same[0], scalarization.function(2, 4).weights)


def test_with_many_weights_random_weights_near_the_best_objective_and_parego_wants_balance():
    lopsided, balanced = np.asarray([1.0, 0.0]), np.asarray([0.6, 0.6])
    weighted = Scalarization("random_weights", num_weights=1000).function(2, 0)
    assert weighted(lopsided) == pytest.approx(1.0, abs=0.02)
    assert weighted(lopsided) > weighted(balanced)
    parego = Scalarization("parego", num_weights=1000).function(2, 0)
    assert parego(balanced) == pytest.approx(0.33, abs=0.01)
    assert parego(balanced) > parego(lopsided)


def test_options_have_the_classic_defaults():
    assert Scalarization.parse(None) == Scalarization("random_weights", 100, 0.05)
    assert Scalarization.parse({"algorithm": "parego"}) == Scalarization("parego", 100, 0.05)
    given = {"algorithm": "parego", "num_weights": 3, "rho": 0.5}
    assert Scalarization.parse(given) == Scalarization("parego", 3, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "parego "}, "algorithm='parego '.*'parego'"),
        ({"num_weight": 3}, "no 'num_weight'.*num_weights"),
        ({"num_weights": 0}, "num_weights=0"),
        ({"algorithm": "parego", "rho": -1}, "rho=-1"),
        ({"rho": 0.1}, "rho=0.1 has no effect with algorithm='random_weights'"),
        ("parego", "must be a dict"),
    ],
)
def test_options_that_break_a_rule_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        Scalarization.parse(options)


def test_a_description_holds_what_fixes_the_function():
    assert Scalarization().described() == {"algorithm": "mean"}
    assert ALL[1].described() == {"algorithm": "random_weights", "num_weights": 5}
    assert ALL[2].described() == {"algorithm": "parego", "num_weights": 5, "rho": 0.1}
