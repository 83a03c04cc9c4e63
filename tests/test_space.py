"""Spaces: the values they hold, how [0, 1] maps onto them, and what they refuse."""

from __future__ import annotations

import copy
import enum
import importlib
import json
import math
import os
import pickle
import random
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, strategies as st

import agcore.space
from agcore.errors import SpecError
from agcore.space import (
    AutoGluonObject,
    AutoGluonWarning,
    Bool,
    Categorical,
    Choice,
    Dict,
    Int,
    Linear,
    List,
    LogLinear,
    NestedSpace,
    Ordinal,
    Real,
    SimpleSpace,
    Space,
    legacy,
)
from agcore.space.copying import fresh, is_immutable
from agcore.train_fn import func, obj

unit = st.floats(0, 1)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Plain:
    """An option without a name of its own."""


def a_function():
    return None


@obj(lr=Real(1e-4, 1e-1, log=True), momentum=0.9)
class Sgd:
    """Steps downhill."""

    family = "gradient"

    def __init__(self, lr, momentum=0.0, wd=0.0, name="sgd"):
        self.lr, self.momentum, self.wd, self.name = lr, momentum, wd, name

    def __call__(self, x):
        return (self.lr, x)


@obj(beta=Real(0.8, 0.99))
class Adam:
    def __init__(self, beta):
        self.beta = beta


@func(depth=Int(1, 9), width=8)
def network(depth, width):
    """A network."""
    return ("net", depth, width)


# -- strategies ----------------------------------------------------------------------------

bounds = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def reals(draw):
    lower, upper = sorted(draw(st.tuples(bounds, bounds).filter(lambda b: abs(b[0] - b[1]) > 1e-3)))
    return Real(lower, upper)


@st.composite
def log_reals(draw):
    lower = draw(st.floats(1e-8, 1e3))
    return Real(lower, lower * draw(st.floats(1.01, 1e6)), log=True)


@st.composite
def stepped_reals(draw):
    digits = draw(st.integers(0, 4))
    lower, steps = draw(st.integers(-5000, 5000)), draw(st.integers(1, 300))
    step, slack = draw(st.integers(1, 700)), draw(st.floats(0, 0.9))
    unit_length = 10**digits
    upper = (lower + steps * step) / unit_length + slack * step / unit_length
    return Real(lower / unit_length, upper, step=step / unit_length)


@st.composite
def ints(draw):
    log = draw(st.booleans())
    lower = draw(st.integers(1 if log else -(10**6), 10**6))
    upper = lower + draw(st.integers(1, 10**6))
    step = None if log else draw(st.none() | st.integers(1, upper - lower))
    return Int(lower, upper, log=log, step=step)


ordinals = st.lists(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=3),
    min_size=1,
    max_size=6,
    unique_by=lambda v: (type(v), v),
).map(lambda values: Ordinal(*values))
discrete = ints() | stepped_reals() | ordinals | st.builds(Bool)
simple = discrete | reals() | log_reals()


# -- simple spaces -------------------------------------------------------------------------


@given(space=simple, u=unit)
def test_every_point_of_the_unit_interval_gives_a_value_of_the_space(space, u):
    assert space.contains(space.from_unit(u))


@given(space=simple)
def test_both_ends_of_the_unit_interval_give_the_first_and_last_value(space):
    if space.size is None:
        assert (space.from_unit(0.0), space.from_unit(1.0)) == (space.lower, space.upper)
    else:
        first, last = space.value_at(0), space.value_at(space.size - 1)
        assert (space.from_unit(0.0), space.from_unit(1.0)) == (first, last)


@given(space=simple, u=st.floats(-1e-9, 1 + 1e-9))
def test_rounding_beyond_the_unit_interval_stays_in_the_space(space, u):
    assert space.contains(space.from_unit(u))


@given(space=discrete, data=st.data())
def test_the_centre_of_a_cell_leads_back_to_its_value(space, data):
    value = space.value_at(data.draw(st.integers(0, space.size - 1)))
    assert 0 < space.to_unit(value) < 1
    assert space.from_unit(space.to_unit(value)) == value
    assert type(space.from_unit(space.to_unit(value))) is type(value)


@given(space=reals() | log_reals(), u=unit)
def test_to_unit_is_the_inverse_of_from_unit(space, u):
    assert space.to_unit(space.from_unit(u)) == pytest.approx(u, abs=1e-6)


@given(space=simple, u=unit, v=unit)
def test_from_unit_keeps_the_order(space, u, v):
    u, v = sorted((u, v))
    if not isinstance(space, Ordinal):
        assert space.from_unit(u) <= space.from_unit(v)


@given(space=simple)
def test_the_default_and_a_random_value_belong_to_the_space(space):
    assert space.contains(space.default)
    assert space.contains(space.rand)
    assert space.config_default == space.default


@given(space=simple, u=unit)
def test_canonical_leaves_canonical_values_alone(space, u):
    value = space.from_unit(u)
    assert space.canonical(value) == value
    assert type(space.canonical(value)) is type(value)


@given(space=simple, u=unit)
def test_values_survive_json_with_their_type(space, u):
    value = space.from_unit(u)
    back = json.loads(json.dumps(value))
    assert back == value
    assert type(back) is type(value)


@given(space=simple)
def test_simple_spaces_are_equal_by_content_after_pickling(space):
    twin = pickle.loads(pickle.dumps(space))
    assert twin == space
    assert hash(twin) == hash(space)
    assert twin.default == space.default


def test_cells_of_an_int_are_of_equal_width():
    counts = Counter(Int(1, 4).from_unit((i + 0.5) / 4000) for i in range(4000))
    assert counts == {1: 1000, 2: 1000, 3: 1000, 4: 1000}


def test_a_logarithmic_int_has_a_cell_of_one_unit_round_each_value():
    space = Int(1, 100, log=True)
    width = math.log(100.5) - math.log(0.5)
    ones = sum(space.from_unit((i + 0.5) / 10_000) == 1 for i in range(10_000)) / 10_000
    assert ones == pytest.approx((math.log(1.5) - math.log(0.5)) / width, abs=1e-3)


@pytest.mark.parametrize(
    ("space", "default"),
    [
        (Real(0, 0.75), 0.375),
        (Real(1e-6, 1, log=True), 1e-3),
        (Real(1e-5, 1, log=True), 0.0031622777),
        (Real(0, 1, step=0.25), 0.5),
        (Real(0.1, 0.9, step=0.3), 0.4),
        (Int(0, 10), 5),
        (Int(1, 10), 6),
        (Int(1, 2), 2),
        (Int(1, 10, step=1), 6),
        (Int(1, 10, step=4), 5),
        (Int(1, 1024, log=True), 32),
        (Bool(), False),
        (Bool(default=True), True),
        (Ordinal("s", "m", "l"), "s"),
        (Ordinal("s", "m", "l", default="m"), "m"),
        (Real(0, 1, default=0), 0.0),
        (Int(0, 10, default=0), 0),
        (Int(-5, 5, 3), 3),
        (Ordinal(1, 0, default=0), 0),
    ],
)
def test_default_is_the_middle_unless_given_even_if_falsy(space, default):
    assert space.default == pytest.approx(default, abs=1e-10)
    assert type(space.default) is type(default)


def test_the_default_can_be_set_and_is_checked():
    space = Real(0, 1)
    space.default = 0
    assert space.default == 0.0
    assert space != Real(0, 1)
    with pytest.raises(SpecError, match=r"default: 2 must lie in \[0.0, 1.0\]"):
        space.default = 2


def test_stepped_reals_are_clean_decimals():
    values = [Real(0.1, 1, step=0.1).value_at(i) for i in range(10)]
    assert values == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert Real(0.1, 0.3, step=0.2).size == 2  # although 0.1 + 0.2 > 0.3 in floats
    assert Real(0, 1, step=0.3).size == 4
    assert Real(1e-5, 3e-5, step=1e-5).value_at(2) == 3e-5
    assert Real(-0.3, 0.3, step=0.1).value_at(3) == 0.0


@given(space=stepped_reals())
def test_steps_are_distinct_and_stay_below_upper(space):
    values = [space.value_at(i) for i in range(space.size)]
    assert values == sorted(set(values))
    assert values[0] == space.lower
    assert values[-1] <= space.upper
    assert values[-1] + space.step > space.upper


def test_sums_of_steps_with_rounding_errors_are_recognised():
    assert Real(0, 1, step=0.1).canonical(0.1 + 0.1 + 0.1) == 0.3
    with pytest.raises(SpecError, match=r"between two steps .* nearest is 0.3"):
        Real(0, 1, step=0.1).canonical(0.31)


def test_bounds_may_be_numpy_scalars_and_are_stored_as_python_numbers():
    space = Int(np.int64(1), np.uint8(9), default=np.int32(3), step=np.int16(2))
    assert [type(v) for v in (space.lower, space.upper, space.default, space.step)] == [int] * 4
    real = Real(np.float32(0.5), np.int64(2), np.float64(1))
    assert [type(v) for v in (real.lower, real.upper, real.default)] == [float] * 3


def test_bounds_work_by_position_and_by_name():
    assert Real(0, 1) == Real(lower=0, upper=1)
    assert Int(1, 9, 3, True) == Int(lower=1, upper=9, default=3, log=True, step=None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Real(1, 1), r"lower must be below upper; write the constant 1.0"),
        (lambda: Int(3, 3), r"write the constant 3"),
        (lambda: Int(4, 3), r"lower=4, upper=3: lower must be below upper; swap"),
        (lambda: Real(0, math.inf), r"upper=inf must be finite"),
        (lambda: Real(math.nan, 1), r"lower=nan must be finite"),
        (lambda: Real(0, 10**400), r"must be finite"),
        (lambda: Real(-1.7e308, 1.7e308), r"upper - lower must be a finite float"),
        (lambda: Real("0", 1), r"lower='0' must be a number"),
        (lambda: Real(False, 1), r"lower=False must be a number"),
        (lambda: Real(0, 1, log=True), r"log needs lower > 0"),
        (lambda: Int(0, 9, log=True), r"log needs lower > 0"),
        (lambda: Int(0.5, 9), r"lower=0.5 must be a whole number"),
        (lambda: Int(1, 1e3), r"upper=1000.0 must be a whole number; write int"),
        (lambda: Int(True, 3), r"must be a whole number"),
        (lambda: Int(0, 2**60), r"within ±2\*\*53"),
        (lambda: Int(1, 9, default=10), r"default: 10 must lie in 1\.\.9"),
        (lambda: Int(1, 9, default=2, step=2), r"between two steps .* one below is 1"),
        (lambda: Int(1, 9, default=2.5), r"2.5 is not a whole number"),
        (lambda: Int(1, 9, step=0), r"step must be above 0"),
        (lambda: Int(1, 9, step=9), r"step must not exceed upper - lower"),
        (lambda: Real(0, 1, step=-0.1), r"step must be above 0"),
        (lambda: Real(0, 1, step=1.5), r"step must not exceed"),
        (lambda: Real(1e15, 2e15, step=1e-3), r"finer than floats"),
        (lambda: Real(1e-300, 1e300, step=1e299), r"more than 308 decimal places"),
        (lambda: Real(0.0, 1e-310, step=1e-311), r"more than 308 decimal places"),
        (lambda: Real(1, 9, log=True, step=1), r"step and log exclude each other"),
        (lambda: Int(1, 9, log=True, step=1), r"step and log exclude each other"),
        (lambda: Ordinal(), r"at least one value"),
        (lambda: Ordinal(1, 1), r"names a value twice"),
        (lambda: Ordinal((1, 2)), r"use Categorical for other objects"),
        (lambda: Ordinal(math.nan), r"finite float"),
        (lambda: Ordinal("small", "large", default="smal"), r"did you mean 'small'"),
        (lambda: Bool(default="yes"), r"'yes' is not True or False"),
        (lambda: Real(0, 1).canonical(True), r"True is not a number"),
        (lambda: Int(0, 1).canonical(True), r"True is not a whole number"),
        (lambda: Real(0, 1).value_at(0), r"infinitely many values; give it a step"),
        (lambda: Int(0, 1).value_at(2), r"index=2 must lie in 0\.\.1"),
        (lambda: Ordinal(1, 2).canonical(1.0), r"matched by type as well"),
    ],
)
def test_a_broken_rule_is_answered_with_value_and_rule(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_values_are_told_apart_by_type():
    space = Ordinal(1, 1.0, True)
    assert [space.to_unit(v) for v in (1, 1.0, True)] == [1 / 6, 1 / 2, 5 / 6]
    assert Ordinal(1) != Ordinal(True)
    assert not Int(0, 5).contains(1.0)
    assert not Int(0, 5).contains(True)
    assert not Real(0, 5).contains(1)
    assert not Bool().contains(1)


def test_an_ordinal_behaves_like_a_tuple_of_its_values():
    space = Ordinal("s", "m", "l")
    assert (len(space), list(space), space[1], space.values) == (
        3,
        ["s", "m", "l"],
        "m",
        tuple(space),
    )


def test_canonical_turns_numbers_into_the_type_of_the_space():
    assert repr(Int(0, 9).canonical(np.float64(3.0))) == "3"
    assert repr(Real(0, 9).canonical(3)) == "3.0"
    assert repr(Real(-1, 9).canonical(-0.0)) == "0.0"
    assert [Bool().canonical(v) for v in (0, 1, np.bool_(True))] == [False, True, True]


def test_reprs_are_those_of_the_classic_spaces():
    assert repr(Real(0.5, 1)) == "Real: lower=0.5, upper=1.0"
    assert repr(Int(1, 9)) == "Int: lower=1, upper=9"
    assert repr(Int(1, 9, log=True)) == "Int: lower=1, upper=9, log=True"
    assert repr(Real(0, 1, step=0.5)) == "Real: lower=0.0, upper=1.0, step=0.5"
    assert repr(Bool()) == "Bool"
    assert repr(Ordinal("a", 1)) == "Ordinal['a', 1]"
    assert repr(Categorical("a", Colour.RED, Sgd(), 2)) == (
        "Categorical['a', Colour.RED, AutoGluonObject -- Sgd, 2]"
    )
    assert repr(List(Int(1, 2), "x")) == "List[Int: lower=1, upper=2, 'x']"
    assert repr(Dict(a=Bool(), b=1)) == "Dict{'a': Bool, 'b': 1}"
    assert repr(Categorical(Plain())) == "Categorical[<Plain>]"


def test_random_values_leave_the_global_generators_alone():
    random.seed(1)
    before = random.getstate()
    draws = {Real(0, 1).rand for _ in range(20)}
    assert random.getstate() == before
    assert len(draws) == 20


def test_the_class_tree_is_that_of_the_classic_spaces():
    assert all(issubclass(c, SimpleSpace) for c in (Real, Int, Bool, Ordinal))
    assert all(issubclass(c, NestedSpace) for c in (Categorical, List, Dict, AutoGluonObject))
    assert issubclass(SimpleSpace, Space)
    assert issubclass(NestedSpace, Space)


def test_legacy_names_make_the_spaces_of_today():
    assert Linear(0, 1) == Real(0, 1)
    assert LogLinear(1, 10) == Real(1, 10, log=True)


def test_choice_warns_once():
    legacy.warn_renamed.cache_clear()
    with pytest.warns(AutoGluonWarning, match="Choice is now called Categorical") as caught:
        choice = Choice(1, 2)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Choice(3).labels == (3,)
    assert isinstance(choice, Categorical)
    assert issubclass(AutoGluonWarning, DeprecationWarning)


# -- Categorical ---------------------------------------------------------------------------


def test_plain_options_are_their_own_labels():
    options = (None, True, 1, 1.0, "1", -2.5)
    assert Categorical(*options).labels == options
    assert [type(v) for v in Categorical(np.float32(0.5), np.int64(3), np.str_("x")).labels] == [
        float,
        int,
        str,
    ]


@pytest.mark.parametrize(
    ("option", "label"),
    [
        (Plain, "Plain"),
        (a_function, "a_function"),
        (Colour.RED, "Colour.RED"),
        ((1, "a"), "(1, 'a')"),
        ([np.int64(1), 2.5], "[1, 2.5]"),
        ({"a": (1, None)}, "{'a': (1, None)}"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (Sgd(), "Sgd"),
        (Sgd, "Sgd"),
        (network(), "network"),
        (Plain(), 1),
        ((1, Plain()), 1),
        ({1, 2}, 1),
        (List(1, Int(1, 2)), 1),
        (Int(1, 2), 1),
        (math, "math"),
    ],
)
def test_other_options_are_written_by_their_name_or_else_their_index(option, label):
    assert Categorical("first", option).labels == ("first", label)


def test_a_name_that_is_not_unique_gives_way_to_the_index():
    assert Categorical(Sgd(), Sgd(lr=1.0), Adam()).labels == (0, 1, "Adam")
    assert Categorical("Plain", Plain).labels == ("Plain", 1)
    assert Categorical((1, 2), "(1, 2)", "c").labels == (0, "(1, 2)", "c")


def test_an_index_that_is_an_option_itself_cannot_be_a_label():
    with pytest.raises(SpecError, match=r"option 1, <Plain>, .* index 1 is another option; give"):
        Categorical(1, Plain())
    assert Categorical(1.0, Plain()).labels == (1.0, 1)


def test_an_empty_or_repetitive_categorical_is_refused():
    with pytest.raises(SpecError, match="at least one option"):
        Categorical()
    with pytest.raises(SpecError, match="'a' twice"):
        Categorical("a", "b", "a")
    with pytest.raises(SpecError, match=r"plain dict is not searched; use ag.space.Dict"):
        Categorical({"lr": Real(0, 1)})


def test_labels_and_objects_are_both_understood():
    thing = Plain()
    space = Categorical("a", Colour.BLUE, (1, 2), thing, Plain, math.inf, 5)
    assert [space.canonical(option) for option in space] == list(space.labels)
    assert [space.canonical(label) for label in space.labels] == list(space.labels)
    for stranger in (Plain(), (1, 2.0), Colour.RED, "b", 5.0, -math.inf, [1, 2]):
        with pytest.raises(SpecError, match="is not one of"):
            space.canonical(stranger)


def test_a_categorical_behaves_like_a_list_of_its_options():
    space = Categorical("a", "b")
    assert (len(space), list(space), space[1]) == (2, ["a", "b"], "b")
    space[1] = Plain
    assert space.labels == ("a", "Plain")
    with pytest.raises(SpecError, match="twice"):
        space[1] = "a"
    assert space.labels == ("a", "Plain")


@given(u=unit, count=st.integers(1, 40))
def test_cells_of_a_categorical_lead_back_to_their_label(u, count):
    space = Categorical(*(f"option{i}" for i in range(count)))
    label = space.from_unit(u)
    assert space.contains(label)
    assert space.from_unit(space.to_unit(label)) == label
    assert space.value_at(count - 1) == space.from_unit(1.0)
    assert space.size == count


def test_sampling_a_categorical_gives_the_option_itself():
    space = Categorical("a", Plain, Sgd(), Dict(x=Int(1, 9), y="c"))
    assert space.default == "a"
    assert space.sample(choice="Plain") is Plain
    assert space.sample(**{"choice": "Sgd", "choice.Sgd.lr": 0.01}).lr == 0.01
    assert space.sample(**{"choice": 3, "choice.3.x": 7}) == {"x": 7, "y": "c"}
    assert list(space.kwspaces) == ["choice", "choice.Sgd.lr", "choice.3.x"]
    assert Categorical(1, 2).rand in (1, 2)


# -- List and Dict -------------------------------------------------------------------------


def test_a_list_samples_a_list_and_keeps_constants():
    space = List(Int(1, 9), "constant", Categorical("a", "b"), List(Real(0, 1), 2))
    assert space.default == [5, "constant", "a", [0.5, 2]]
    assert space.sample(**{"0": 3, "2": "b", "3.0": 0.25}) == [3, "constant", "b", [0.25, 2]]
    assert list(space.kwspaces) == ["0", "2", "3.0"]
    rand = space.rand
    assert rand[1] == "constant"
    assert 1 <= rand[0] <= 9


def test_a_list_tells_item_1_from_item_10():
    space = List(*(Int(0, 100) for _ in range(11)))
    values = {str(i): i for i in range(11)}
    assert space.sample(**values) == list(range(11))


def test_a_list_behaves_like_its_inner_list():
    space = List(1, 2)
    space.append(3)
    space[0] = 0
    assert (len(space), list(space), space[2], space.index(3)) == (3, [0, 2, 3], 3, 2)
    with pytest.raises(AttributeError):
        _ = space.no_such_method


def test_a_dict_samples_a_dict_and_keeps_constants():
    space = Dict(lr=Real(0, 1), name="x", inner=Dict(n=Int(1, 3)), self=1)
    assert space.default == {"lr": 0.5, "name": "x", "inner": {"n": 2}, "self": 1}
    assert space.sample(**{"lr": 0.25, "inner.n": 3})["inner"] == {"n": 3}
    assert space.cs.names == ["lr", "inner.n"]


def test_a_dict_behaves_like_its_inner_dict():
    space = Dict(a=1, b=2)
    space["c"] = 3
    assert (space["a"], space.b, len(space), list(space.keys())) == (1, 2, 3, ["a", "b", "c"])
    assert "c" in space
    assert list(space) == ["a", "b", "c"]
    with pytest.raises(AttributeError):
        _ = space.missing


def test_samples_do_not_share_mutable_constants():
    list_of, dict_of, choice = List([1], Int(1, 2)), Dict(a=[1]), Categorical([1])
    list_of.default[0].append(9)
    dict_of.default["a"].append(9)
    choice.default.append(9)
    assert (list_of.default[0], dict_of.default["a"], choice.default) == ([1], [1], [1])


def test_nested_spaces_survive_pickle_and_deepcopy():
    space = Dict(a=List(Int(1, 9), "c"), b=Categorical("x", Dict(y=Bool())))
    for twin in (pickle.loads(pickle.dumps(space)), copy.deepcopy(space), copy.copy(space)):
        assert twin.default == space.default
        assert twin.cs.describe() == space.cs.describe()


def test_a_space_hidden_in_a_plain_container_is_refused():
    with pytest.raises(SpecError, match=r"use ag.space.List"):
        Dict(layers=[Int(1, 2)]).default  # noqa: B018
    with pytest.raises(SpecError, match=r"use ag.space.Dict"):
        List({"a": Int(1, 2)}).default  # noqa: B018


def test_unknown_keys_and_bad_values_of_a_sample_are_refused():
    space = Dict(lr=Real(0, 1))
    with pytest.raises(SpecError, match=r"unknown key 'lrr'; did you mean 'lr'"):
        space.sample(lrr=0.1)
    with pytest.raises(SpecError, match=r"config\['lr'\]: 2 must lie in"):
        space.sample(lr=2)


# -- obj and func --------------------------------------------------------------------------


def test_a_decorated_class_keeps_its_name_and_docstring():
    assert (Sgd.__name__, Sgd.__doc__, Sgd.__qualname__) == ("Sgd", "Steps downhill.", "Sgd")
    assert Sgd.__module__ == __name__
    assert Sgd.family == "gradient"
    lazy = Sgd()
    assert (lazy.__name__, lazy.__doc__) == ("Sgd", "Steps downhill.")
    assert network.__name__ == "network"


def test_calling_a_decorated_class_makes_a_lazy_object():
    lazy = Sgd(wd=Real(0, 1), name="mine")
    assert isinstance(lazy, AutoGluonObject)
    assert list(lazy.kwspaces) == ["lr", "wd"]
    assert lazy.kwargs == {
        "lr": pytest.approx(10**-2.5),
        "momentum": 0.9,
        "wd": 0.5,
        "name": "mine",
    }
    assert lazy.kwvars["wd"] == Real(0, 1)
    made = lazy.init()
    assert (made.lr, made.momentum, made.wd, made.name) == (
        pytest.approx(10**-2.5),
        0.9,
        0.5,
        "mine",
    )
    assert lazy.sample(lr=0.05, wd=1).lr == 0.05
    assert lazy.init() is not lazy.init()
    assert 1e-4 <= lazy.rand.lr <= 1e-1
    assert lazy.default.wd == 0.5


def test_calling_a_lazy_object_makes_it_once_and_forwards():
    lazy = Sgd(lr=0.1)
    assert lazy(7) == (0.1, 7)
    lazy(8)
    assert len(lazy._made) == 1


def test_positional_arguments_are_passed_through():
    @obj()
    class Pair:
        def __init__(self, a, b):
            self.pair = (a, b)

    lazy = Pair(1, b=Int(1, 3))
    assert lazy.args == (1,)
    assert lazy.init().pair == (1, 2)
    with pytest.raises(SpecError, match="pass it by keyword"):
        Pair(Int(1, 2), b=1)


def test_overrides_leak_neither_to_the_class_nor_to_other_instances():
    first = Sgd(lr=0.5, extra=1)
    second = Sgd()
    assert "extra" not in second.kwvars
    assert "extra" not in Sgd.kwvars
    assert second.kwvars["lr"] == Real(1e-4, 1e-1, log=True)
    second.kwvars["lr"] = 0.25
    assert first.kwvars["lr"] == 0.5
    assert Sgd().cs.names == ["lr"]


def test_a_lazy_function_returns_what_the_function_returns():
    assert network().init() == ("net", 5, 8)
    assert network(width=Int(1, 3)).sample(depth=2, width=3) == ("net", 2, 3)
    assert repr(network()) == "AutoGluonObject"
    assert repr(Sgd()) == "AutoGluonObject -- Sgd"


def test_lazy_objects_inside_nested_spaces_are_made_wherever_they_stand():
    constant = Sgd(lr=0.5)
    space = Dict(a=constant, b=List(constant, 1), c=Categorical(constant))
    value = space.default
    assert value["a"].lr == value["b"][0].lr == value["c"].lr == 0.5


def test_a_decorated_class_can_be_derived_from():
    class Nesterov(Sgd):
        pass

    assert issubclass(Nesterov, Sgd.target)
    assert Nesterov(0.5).lr == 0.5


def test_a_decorated_class_of_an_importable_module_is_pickled_by_name(tmp_path, monkeypatch):
    (tmp_path / "lazy_module_a.py").write_text(
        "import agcore.train_fn as ag\nfrom agcore.space import Int\n"
        "@ag.obj(n=Int(1, 9))\nclass Thing:\n    def __init__(self, n):\n        self.n = n\n"
        "    def again(self):\n        return Thing(n=self.n)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("lazy_module_a")
    for pickler in (pickle, cloudpickle):
        assert pickle.loads(pickler.dumps(module.Thing)) is module.Thing
        lazy = pickle.loads(pickler.dumps(module.Thing(n=Int(2, 4))))
        assert (lazy.init().n, lazy.cs.describe()["n"]) == (3, "Int: lower=2, upper=4")
    assert copy.deepcopy(module.Thing) is module.Thing
    assert copy.deepcopy(module.Thing()).init().n == 5

    cloudpickle.register_pickle_by_value(module)
    try:
        shipped = cloudpickle.dumps(module.Thing(n=Int(2, 4)))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).init().again().init().n)"
    assert run_python(script, shipped) == "3"


def test_a_decorated_class_of_a_script_travels_by_value(tmp_path):
    out = tmp_path / "lazy.pkl"
    script = (
        "import cloudpickle, sys\nimport agcore.train_fn as ag\nfrom agcore.space import Int\n"
        "@ag.obj(n=Int(1, 9))\nclass Thing:\n    def __init__(self, n):\n        self.n = n\n"
        "    def again(self):\n        return Thing(n=self.n)\n"
        f"open({str(out)!r}, 'wb').write(cloudpickle.dumps(Thing(n=7)))\n"
    )
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, tmp_path / "script.py"], check=True, env=environment())
    lazy = pickle.loads(out.read_bytes())
    assert lazy.init().again().init().n == 7
    assert lazy.__name__ == "Thing"


def test_a_local_decorated_class_travels_by_value():
    @obj(n=Int(1, 9))
    class Local:
        def __init__(self, n):
            self.n = n

    assert cloudpickle.loads(cloudpickle.dumps(Local(n=3))).init().n == 3


def environment():
    root = Path(agcore.space.__file__).parents[2]
    return {**os.environ, "PYTHONPATH": str(root)}


def run_python(script, stdin):
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=stdin,
        capture_output=True,
        check=True,
        env=environment(),
    )
    return done.stdout.decode().strip()


# -- copies --------------------------------------------------------------------------------


def test_only_what_can_change_is_copied():
    for value in (1, "a", None, (1, (2, "b")), frozenset({1}), Plain, a_function, Colour.RED, math):
        assert is_immutable(value)
        assert fresh(value, "x") is value
    for value in ([1], {"a": 1}, ([1],), Plain()):
        assert not is_immutable(value)
        assert fresh(value, "x") is not value


def test_what_cannot_be_copied_is_named():
    with pytest.raises(SpecError, match=r"args.gen cannot be copied .* inside the train function"):
        fresh((i for i in range(3)), "args.gen")


def test_importing_the_spaces_does_not_import_numpy():
    script = (
        "import sys, agcore.train_fn; print([m for m in ('numpy', 'scipy') if m in sys.modules])"
    )
    assert run_python(script, b"") == "[]"
