import pytest

from agcore.errors import SpecError
from agcore_contrib import hpopt
from agcore_contrib.hpopt.arguments import ArgumentTypeError
from agcore_contrib.hpopt.hyperparameters import hyperparameters


@pytest.mark.parametrize(
    ("type", "range", "first", "last"),
    [
        ("uniform", [-5, 10], -5, 10),
        ("quniform", [2, 14, 2], 2, 14),
        ("loguniform", [1e-4, 0.1], 1e-4, 0.1),
        ("qloguniform", [2, 256, 2], 2, 256),
        ("choice", ["sgd", "adam", "adamw"], "sgd", "adamw"),
    ],
)
def test_each_type_takes_its_bounds_there_and_back(type, range, first, last):
    space = hpopt.SearchSpace(type, range)
    lower, upper = space.lower_space(), space.upper_space()
    assert space.space_to_real(lower) == pytest.approx(first)
    assert space.space_to_real(upper) == pytest.approx(last)
    if type != "choice":
        assert space.real_to_space(first) == pytest.approx(lower)
        assert space.real_to_space(last) == pytest.approx(upper)
    assert (space.from_unit(0.0), space.from_unit(1.0)) == pytest.approx((first, last)) or (
        (space.from_unit(0.0), space.from_unit(1.0)) == (first, last)
    )


def test_quantised_values_begin_at_the_minimum_and_stay_in_the_range():
    space = hpopt.SearchSpace("quniform", [5, 14, 4])
    assert {space.from_unit(u / 100) for u in range(101)} == {5, 9, 13}
    space = hpopt.SearchSpace("qloguniform", [3, 100, 7])
    assert min(space.from_unit(u / 100) for u in range(101)) == 3
    values = {hpopt.SearchSpace("quniform", [0, 0.01, 0.001]).from_unit(u / 50) for u in range(51)}
    assert 0.009 in values


def test_the_logarithm_has_base_ten_unless_said_otherwise():
    assert hpopt.SearchSpace("loguniform", [0.01, 1]).lower_space() == pytest.approx(-2)
    assert hpopt.SearchSpace("loguniform", [0.25, 1, 2]).lower_space() == pytest.approx(-2)
    bounds = [1, 100]
    hpopt.SearchSpace("loguniform", bounds)
    assert bounds == [1, 100]


def test_both_names_are_one_class():
    assert hpopt.search_space is hpopt.SearchSpace


@pytest.mark.parametrize(
    ("type", "range", "message"),
    [
        ("uniform", [1], "must hold min, max"),
        ("uniform", [2, 1], "min=2 must be below max=1"),
        ("uniform", [1, 1], "must be below"),
        ("uniform", ["a", 1], "min='a' must be a finite number"),
        ("quniform", [1, 2], "must hold min, max, step"),
        ("quniform", [1, 2, 0], "step=0 must be above 0"),
        ("quniform", [1, 2, 3], "step=3 must not exceed"),
        ("loguniform", [0, 1], "min=0 must be above 0"),
        ("loguniform", [1, 2, 1], "log_base=1 must be a number above 1"),
        ("qloguniform", [1, 2], "must hold min, max, step"),
        ("choice", ["sgd"], "at least two values"),
    ],
)
def test_a_range_that_breaks_its_rule_is_refused(type, range, message):
    with pytest.raises(ValueError, match=message):
        hpopt.SearchSpace(type, range)


@pytest.mark.parametrize("type", ["unifrom", None, 3])
def test_an_unknown_type_is_a_type_error(type):
    with pytest.raises(TypeError, match="must be one of 'uniform'"):
        hpopt.SearchSpace(type, [0, 1])
    with pytest.raises(TypeError, match="must be a list"):
        hpopt.SearchSpace("uniform", 3)


def test_the_space_of_a_search_holds_named_spaces_that_json_can_hold():
    with pytest.raises(ArgumentTypeError, match="must be a dict"):
        hyperparameters([1, 2])
    with pytest.raises(SpecError, match="holds nothing to tune"):
        hyperparameters({})
    with pytest.raises(SpecError, match=r"lr: the space is 3"):
        hyperparameters({"lr": 3})
    with pytest.raises(SpecError, match=r"opt: the choices .* use their names"):
        hyperparameters({"opt": hpopt.SearchSpace("choice", [object(), object()])})
