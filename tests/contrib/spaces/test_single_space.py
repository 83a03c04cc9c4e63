import math

import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.errors import SpecError
from agcore_contrib.spaces import SingleSearchSpace
from agcore_contrib.spaces.search_space import single_space

BOUNDS = [
    ("uniform", [-5, 10]),
    ("quniform", [2, 14, 2]),
    ("loguniform", [1e-4, 0.1]),
    ("qloguniform", [2, 256, 2]),
    ("choice", ["first", 2, "last"]),
]


def space_of(kind, values):
    return single_space("x", {"param_type": kind, "range": values})


@pytest.mark.parametrize(("kind", "values"), BOUNDS)
def test_the_bounds_of_every_type_come_back_from_their_coordinates(kind, values):
    space = space_of(kind, values)
    low, high = (values[0], values[-1]) if kind == "choice" else values[:2]
    assert space.space_to_real(space.lower_space()) == pytest.approx(low)
    assert space.space_to_real(space.upper_space()) == pytest.approx(high)
    assert space.space_to_real(space.real_to_space(low)) == pytest.approx(low)
    assert space.space_to_real(space.real_to_space(high)) == pytest.approx(high)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "normal"}, "'normal' must be one of"),
        ({"type": "quinform"}, "did you mean 'quniform'"),
        ({"type": 3}, "type=3 must be one of"),
        ({"type": "uniform", "max": 1}, "needs min"),
        ({"type": "uniform", "min": 1}, "needs max"),
        ({"type": "uniform", "min": 1, "max": 1}, "min=1 must be below max=1"),
        ({"type": "loguniform", "min": 2, "max": 1}, "min=2 must be below max=1"),
        ({"type": "uniform", "min": "1", "max": 2}, "min='1' must be a finite number"),
        ({"type": "uniform", "min": False, "max": 2}, "min=False must be a finite number"),
        ({"type": "uniform", "min": 1, "max": math.inf}, "max=inf must be a finite number"),
        ({"type": "loguniform", "min": 0, "max": 1}, "min=0 must be above 0"),
        ({"type": "qloguniform", "min": -1, "max": 1, "step": 1}, "min=-1 must be above 0"),
        ({"type": "loguniform", "min": 1, "max": 2, "log_base": 1}, "log_base=1 must be"),
        ({"type": "loguniform", "min": 1, "max": 2, "log_base": "e"}, "log_base='e' must be"),
        ({"type": "quniform", "min": 1, "max": 2}, "needs step"),
        ({"type": "quniform", "min": 1, "max": 2, "step": 0}, "step=0 must be above 0"),
        ({"type": "quniform", "min": 1, "max": 2, "step": -1}, "step=-1 must be above 0"),
        ({"type": "quniform", "min": 1, "max": 2, "step": 1.5}, "step=1.5 must not exceed"),
        ({"type": "qloguniform", "min": 1, "max": 3, "step": 3}, "step=3 must not exceed"),
        ({"type": "choice"}, "choice_list=None must be a list of at least two"),
        ({"type": "choice", "choice_list": ["one"]}, "at least two"),
        ({"type": "choice", "choice_list": "ab"}, "at least two"),
    ],
)
def test_what_breaks_a_rule_is_refused_at_the_start_and_later(arguments, message):
    with pytest.raises(SpecError, match=message):
        SingleSearchSpace(**arguments)
    space = SingleSearchSpace("uniform", 3, 4)
    if arguments.keys() >= {"min", "max"} or arguments["type"] in ("choice", "normal", 3):
        with pytest.raises(SpecError, match=message):
            space.set_value(**arguments)
        assert space == SingleSearchSpace("uniform", 3, 4)  # nothing has been changed


def test_a_step_as_long_as_the_range_is_allowed():
    space = SingleSearchSpace("quniform", 0.1, 0.3, 0.2)
    assert {space.from_unit(i / 10) for i in range(11)} == {0.1, 0.3}


def test_set_value_keeps_what_is_not_given():
    space = SingleSearchSpace("quniform", 2, 14, 2)
    space.set_value(max=20)
    assert (space.min, space.max, space.step) == (2, 20, 2)
    space.set_value("choice", choice_list=["a", "b"])
    assert space.choice_list == ("a", "b")
    assert space.is_categorical
    assert space.min is None


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("quniform", [5, 14, 4], [5, 9, 13]),  # multiples of 4 from 4 to 16 in hpopt
        ("quniform", [4, 7, 2], [4, 6]),  # and 8 in OTX
        ("qloguniform", [3, 30, 7], [3, 10, 17, 24]),
        ("quniform", [0.001, 0.01, 0.001], [i / 1000 for i in range(1, 11)]),
        ("quniform", [0.5, 2, 0.5], [0.5, 1.0, 1.5, 2.0]),
        ("quniform", [2.0, 4.0, 1.0], [2, 3, 4]),
    ],
)
def test_quantised_values_begin_at_min_and_never_leave_the_range(kind, values, expected):
    space = space_of(kind, values)
    drawn = sorted({space.from_unit(i / 1000) for i in range(1001)})
    assert drawn == expected  # exactly: 0.009 and not 0.009000000000000001
    assert [type(value) for value in drawn] == [type(value) for value in expected]
    assert space.size == len(expected)
    assert space.space_to_real(space.upper_space() + 9) == expected[-1]


def test_the_last_choice_is_as_likely_as_the_others():
    space = SingleSearchSpace("choice", choice_list=["a", "b", "c"])
    drawn = [space.from_unit((i + 0.5) / 300) for i in range(300)]
    assert [drawn.count(item) for item in "abc"] == [100, 100, 100]


def test_choices_are_told_apart_by_type():
    space = SingleSearchSpace("choice", choice_list=[True, 1, 1.0])
    assert [space.real_to_space(value) for value in (True, 1, 1.0)] == [0, 1, 2]
    with pytest.raises(SpecError, match="'1' is not one of the choices"):
        space.real_to_space("1")


def test_the_base_changes_coordinates_and_nothing_else():
    ten, two = SingleSearchSpace("loguniform", 1, 100), SingleSearchSpace("loguniform", 1, 100)
    two.set_value(log_base=2)
    assert (ten.log_base, ten.upper_space()) == (10, 2.0)
    assert two.upper_space() == pytest.approx(math.log2(100))
    assert ten.from_unit(0.5) == pytest.approx(two.from_unit(0.5)) == pytest.approx(10)


@given(st.floats(0, 1), st.sampled_from(BOUNDS))
def test_the_spaces_of_agcore_draw_values_of_the_same_space(u, bounds):
    space = space_of(*bounds)
    value = space.from_agcore(space.to_agcore().from_unit(u))
    assert value == pytest.approx(space.from_unit(u)) or space.type == "qloguniform"
    assert space.space_to_real(space.real_to_space(value)) == pytest.approx(value)


def test_each_type_has_its_space_in_agcore():
    made = [type(space_of(*bounds).to_agcore()) for bounds in BOUNDS]
    assert made == [ag.Real, ag.Int, ag.Real, ag.Real, ag.Categorical]
    assert space_of(*BOUNDS[3]).to_agcore().log


def test_spaces_print_as_they_are_written():
    space = SingleSearchSpace("qloguniform", 2, 256, 2)
    assert repr(space) == (
        "SingleSearchSpace(type='qloguniform', min=2, max=256, step=2, log_base=10)"
    )
