"""The search space as keys: canonical configs, their numbering, and what users may write."""

from __future__ import annotations

import itertools
import json
import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore.space import (
    Bool,
    Categorical,
    Dict,
    Hyperparameter,
    Int,
    List,
    Ordinal,
    Real,
    SearchSpace,
)
from agcore.train_fn import obj


@obj(lr=Real(1e-4, 1e-1, log=True), momentum=0.9)
class Sgd:
    def __init__(self, lr, momentum):
        self.lr, self.momentum = lr, momentum


@obj(beta=Real(0.5, 0.75, step=0.25), inner=Categorical("x", Dict(n=Int(1, 3))))
class Adam:
    def __init__(self, beta, inner):
        self.beta, self.inner = beta, inner


class Thing:
    pass


THING = Thing()


def everything() -> SearchSpace:
    return SearchSpace(
        {
            "b": Bool(),
            "a": Int(1, 4),
            "constant": 7,
            "opt": Categorical(Sgd(), Adam(), "none"),
            "l": List(Int(0, 9), "c", Categorical("p", "q")),
            "d": Dict(sub=Real(0, 1), more=Dict(deep=Ordinal("s", "m"))),
            "model.name": Categorical("m1", THING),
            "nested": Categorical(Categorical(1, 2), Int(5, 6), "z"),
        }
    )


# -- a strategy for random trees of spaces -------------------------------------------------

words = st.sampled_from(["a", "ab", "b", "lr", "lr_factor", "x", "y1", "1", "10"])
simple = st.one_of(
    st.builds(Int, st.integers(0, 3), st.integers(4, 6)),
    st.builds(lambda n: Real(0, n, step=0.5), st.integers(1, 2)),
    st.builds(Bool),
    st.just(Ordinal("s", 1, None)),
)


def nested(children):
    items = st.lists(children | st.sampled_from(["const", 3]), min_size=1, max_size=3)
    options = st.lists(children | st.text("uvw", max_size=3), min_size=1, max_size=3, unique_by=str)
    return st.one_of(
        items.map(lambda parts: List(*parts)),
        st.dictionaries(words, children, min_size=1, max_size=2).map(lambda d: Dict(**d)),
        options.map(lambda parts: Categorical(*parts)),
        children.map(lambda child: Adam(inner=child)),
    )


trees = st.recursive(simple, nested, max_leaves=5)


@st.composite
def search_spaces(draw):
    try:
        return SearchSpace(draw(st.dictionaries(words, trees, max_size=4)))
    except SpecError:  # names that clash: {'a': Dict(b=...), 'a.b': ...} and the like
        return SearchSpace({})


def typed_items(config):
    return [(key, type(value), value) for key, value in config.items()]


# -- keys ----------------------------------------------------------------------------------


def test_keys_stand_in_the_order_of_declaration_with_dots():
    assert everything().names == [
        "b",
        "a",
        "opt",
        "opt.Sgd.lr",
        "opt.Adam.beta",
        "opt.Adam.inner",
        "opt.Adam.inner.1.n",
        "l.0",
        "l.2",
        "d.sub",
        "d.more.deep",
        "model.name",
        "nested",
        "nested.0",
        "nested.1",
    ]


def test_hyperparameters_name_the_choice_they_depend_on():
    by_name = {hp.name: hp for hp in everything().get_hyperparameters()}
    assert (by_name["opt.Sgd.lr"].parent, by_name["opt.Sgd.lr"].parent_label) == ("opt", "Sgd")
    deep = by_name["opt.Adam.inner.1.n"]
    assert (deep.parent, deep.parent_label) == ("opt.Adam.inner", 1)
    assert by_name["l.2"].parent is None
    assert (by_name["nested.0"].parent, by_name["nested.0"].parent_label) == ("nested", 0)
    assert by_name["opt"].space.labels == ("Sgd", "Adam", "none")
    assert Hyperparameter("a", Int(1, 4)) == Hyperparameter("a", Int(1, 4))


@pytest.mark.parametrize(
    "spaces",
    [
        {"a": Dict(b=Int(1, 2)), "a.b": Int(1, 2)},
        {"a": List(Int(1, 2)), "a.0": Bool()},
        {"k": Categorical(Dict(x=Bool()), "c"), "k.0.x": Bool()},
    ],
)
def test_a_clash_of_dotted_names_is_refused(spaces):
    with pytest.raises(SpecError, match=r"would both have the key '.*'.*rename"):
        SearchSpace(spaces)


def test_a_name_must_be_a_string():
    with pytest.raises(SpecError, match="must be a non-empty string"):
        SearchSpace({1: Bool()})
    with pytest.raises(SpecError, match="must be a non-empty string"):
        SearchSpace({"": Bool()})


def test_describe_is_what_stands_at_each_key():
    space = SearchSpace({"a": Int(1, 4), "o": Categorical("x", Sgd())})
    assert space.describe() == {
        "a": "Int: lower=1, upper=4",
        "o": "Categorical['x', AutoGluonObject -- Sgd]",
        "o.Sgd.lr": "Real: lower=0.0001, upper=0.1, log=True",
    }
    assert repr(SearchSpace({"a": Int(1, 4)})) == "SearchSpace(a=Int: lower=1, upper=4)"


def test_a_space_without_parameters_has_one_config():
    space = SearchSpace({"epochs": 9})
    assert space.size == 1
    assert space.config_at(0) == space.get_default_configuration() == {}
    assert space.sample_configuration(np.random.default_rng(0)) == {}
    assert space.complete({}) == {}
    assert space.check({})
    assert space.names == []


# -- sampling ------------------------------------------------------------------------------


@given(space=search_spaces(), seed=st.integers(0, 2**32))
def test_random_and_default_configs_are_canonical_and_survive_json(space, seed):
    for config in (
        space.sample_configuration(np.random.default_rng(seed)),
        space.get_default_configuration(),
    ):
        back = json.loads(json.dumps(config))
        assert typed_items(back) == typed_items(config)
        assert typed_items(space.complete(back)) == typed_items(config)
        assert space.check(config)
        assert space.check(back)


def test_the_same_seed_gives_the_same_configs():
    space = everything()
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(20):
        assert space.sample_configuration(first) == space.sample_configuration(second)
    assert space.sample_configuration() != space.sample_configuration()


def test_the_number_of_draws_does_not_depend_on_what_is_chosen():
    space = everything()
    used, reference = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(10):
        space.sample_configuration(used)
        reference.random(len(space.names))
    assert used.random() == reference.random()


def test_sampling_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    everything().sample_configuration()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_parameters_of_options_not_chosen_are_absent():
    space, rng = everything(), np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        config = space.sample_configuration(rng)
        seen.add(config["opt"])
        assert ("opt.Sgd.lr" in config) == (config["opt"] == "Sgd")
        assert ("opt.Adam.beta" in config) == (config["opt"] == "Adam")
        chosen = config["opt"] == "Adam" and config["opt.Adam.inner"] == 1
        assert ("opt.Adam.inner.1.n" in config) == chosen
    assert seen == {"Sgd", "Adam", "none"}


def test_the_default_config_takes_the_first_options():
    config = everything().get_default_configuration()
    assert config == {
        "b": False,
        "a": 2,
        "opt": "Sgd",
        "opt.Sgd.lr": pytest.approx(10**-2.5),
        "l.0": 4,
        "l.2": "p",
        "d.sub": 0.5,
        "d.more.deep": "s",
        "model.name": "m1",
        "nested": 0,
        "nested.0": 1,
    }


def test_sampling_is_quick():
    space = SearchSpace({f"x{i}": Real(0, 1) if i % 2 else Int(1, 99) for i in range(8)})
    rng = np.random.default_rng(0)
    best = min(timed(lambda: space.sample_configuration(rng)) for _ in range(5))
    assert best < 60e-6  # 4 microseconds here; generous, for machines that do other things


def timed(function):
    start = time.perf_counter()
    for _ in range(500):
        function()
    return (time.perf_counter() - start) / 500


# -- numbering -----------------------------------------------------------------------------


@settings(max_examples=50)
@given(space=search_spaces().filter(lambda s: s.size is not None and s.size <= 3000))
def test_every_index_gives_a_distinct_valid_config_and_there_are_no_others(space):
    configs = [space.config_at(i) for i in range(space.size)]
    assert len({space.key(config) for config in configs}) == space.size
    assert all(space.check(config) for config in configs)
    keys = {space.key(config) for config in configs}
    rng = np.random.default_rng(0)
    assert all(space.key(space.sample_configuration(rng)) in keys for _ in range(50))


def test_the_first_parameter_varies_slowest():
    space = SearchSpace({"a": Int(1, 2), "b": Bool(), "c": Categorical("x", "y", "z")})
    expected = itertools.product((1, 2), (False, True), "xyz")
    assert [tuple(space.config_at(i).values()) for i in range(space.size)] == list(expected)


def test_branches_are_counted_by_themselves():
    space = SearchSpace({"o": Categorical("none", Dict(n=Int(1, 3), b=Bool())), "z": Bool()})
    assert space.size == (1 + 3 * 2) * 2
    assert space.config_at(0) == {"o": "none", "z": False}
    assert space.config_at(2) == {"o": 1, "o.1.n": 1, "o.1.b": False, "z": False}
    assert space.config_at(13) == {"o": 1, "o.1.n": 3, "o.1.b": True, "z": True}


def test_huge_spaces_are_numbered_exactly():
    space = SearchSpace({f"x{i}": Int(0, 10**9 - 1) for i in range(30)})
    assert space.size == 10**270
    assert set(space.config_at(10**270 - 1).values()) == {10**9 - 1}


def test_infinite_spaces_cannot_be_numbered():
    space = SearchSpace({"o": Categorical("a", Dict(x=Real(0, 1))), "n": Int(1, 2)})
    assert space.size is None
    with pytest.raises(SpecError, match=r"give \['o.0.x'\] a step|give \['o.1.x'\] a step"):
        space.config_at(0)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_out_of_range_is_refused(index):
    with pytest.raises(SpecError, match=rf"index={index} must lie in 0..1"):
        SearchSpace({"b": Bool()}).config_at(index)


# -- what users may write ------------------------------------------------------------------


def test_a_partial_config_is_filled_with_defaults_and_put_in_order():
    space = everything()
    config = space.complete({"opt.Adam.inner": 1, "opt": "Adam", "a": 3})
    assert list(config)[:6] == [
        "b",
        "a",
        "opt",
        "opt.Adam.beta",
        "opt.Adam.inner",
        "opt.Adam.inner.1.n",
    ]
    assert (config["a"], config["opt.Adam.beta"], config["opt.Adam.inner.1.n"]) == (3, 0.5, 2)
    assert space.check(config)


def test_numbers_are_turned_into_the_type_of_their_space():
    config = everything().complete({"b": 1, "a": 3.0, "d.sub": np.int64(1), "l.0": np.float32(2)})
    assert typed_items({k: config[k] for k in ("b", "a", "l.0", "d.sub")}) == [
        ("b", bool, True),
        ("a", int, 3),
        ("l.0", int, 2),
        ("d.sub", float, 1.0),
    ]


def test_an_option_may_be_given_as_the_object_itself():
    sgd = Sgd()
    space = SearchSpace({"o": Categorical(sgd, THING, Thing, (1, 2))})
    for option, label in ((sgd, "Sgd"), (THING, 1), (Thing, "Thing"), ((1, 2), "(1, 2)")):
        assert space.complete({"o": option})["o"] == label


def test_options_are_matched_by_type_and_value():
    space = SearchSpace({"o": Categorical(1, 1.0, True, "1")})
    for value in (1, 1.0, True, "1"):
        chosen = space.complete({"o": value})["o"]
        assert (type(chosen), chosen) == (type(value), value)
    assert len({space.key({"o": value}) for value in (1, 1.0, True, "1")}) == 4
    with pytest.raises(SpecError, match="matched by type as well"):
        SearchSpace({"o": Categorical(1, 2)}).complete({"o": 1.0})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"aa": 1}, r"unknown key 'aa'"),
        ({"model.nam": "m1"}, r"unknown key 'model.nam'; did you mean 'model.name'"),
        ({"constant": 7}, r"unknown key 'constant'"),
        ({"a": 9}, r"config\['a'\]: 9 must lie in 1\.\.4"),
        ({"a": "2"}, r"config\['a'\]: '2' is not a whole number"),
        ({"b": "yes"}, r"config\['b'\]: 'yes' is not True or False"),
        ({"opt": "Adan"}, r"config\['opt'\]: 'Adan' is not one of 'Sgd', .*did you mean 'Adam'"),
        ({"opt.Adam.beta": 0.5}, r"needs opt='Adam', but opt='Sgd' is chosen; leave it out or"),
        ({"opt.Adam.inner.1.n": 2}, r"needs opt='Adam', but opt='Sgd' is chosen"),
        ({"opt": "Adam", "opt.Adam.inner.1.n": 2}, r"needs opt.Adam.inner=1, but .*='x' is chosen"),
        ({"opt": 0, "opt\u2581choice": 0}, r"sets 'opt' twice, also as 'opt▁choice'"),
        ({"opt\u2581choice": "Sgd"}, r"must be the index of an option .* 0\.\.2"),
        ({"opt\u2581choice": 3}, r"3 must be the index"),
        ({"opt\u2581choice": True}, r"True must be the index"),
        ({"a": float("nan")}, r"nan is not a whole number"),
        ({"d.sub": float("nan")}, r"nan must lie in"),
        ({1: 2}, r"unknown key 1"),
    ],
)
def test_a_wrong_config_is_answered_with_key_and_rule(config, message):
    with pytest.raises(SpecError, match=message):
        everything().complete(config)


def classic(key):
    return key.replace(".", "\u2581")


def test_the_classic_form_is_understood():
    space = everything()
    config = space.complete(
        {
            "b": 1,
            "a": 3,
            "opt\u2581choice": np.int64(1),
            "opt\u25810\u2581lr": 0.01,  # of an option that is not chosen: allowed, dropped
            "opt\u25811\u2581beta": 0.75,
            "opt\u25811\u2581inner\u2581choice": 1,
            "opt\u25811\u2581inner\u25811\u2581n": 3,
            "l\u25810": 9,
            "l\u25812\u2581choice": 1,
            "d\u2581sub": 0.25,
            "d\u2581more\u2581deep": "m",
            "model.name\u2581choice": 1,
            "nested\u2581choice": 1,
            "nested\u25810\u2581choice": 1,
            "nested\u25811": 6,
        }
    )
    assert config == {
        "b": True,
        "a": 3,
        "opt": "Adam",
        "opt.Adam.beta": 0.75,
        "opt.Adam.inner": 1,
        "opt.Adam.inner.1.n": 3,
        "l.0": 9,
        "l.2": "q",
        "d.sub": 0.25,
        "d.more.deep": "m",
        "model.name": 1,
        "nested": 1,
        "nested.1": 6,
    }
    assert space.check(config)


def test_a_parameter_whose_name_contains_the_delimiter_means_itself():
    space = SearchSpace({"a": Categorical(5, 6), "a\u2581choice": Int(1, 9)})
    assert space.complete({"a\u2581choice": 9}) == {"a": 5, "a\u2581choice": 9}
    assert space.resolve("a\u2581choice") == "a\u2581choice"


def test_check_refuses_everything_that_is_not_canonical():
    space = SearchSpace(
        {"a": Int(1, 4), "x": Real(-1, 1), "o": Categorical("p", Dict(n=Int(1, 2)))}
    )
    good = {"a": 1, "x": 0.0, "o": 1, "o.1.n": 1}
    assert space.check(good)
    for bad in (
        {"x": 0.0, "a": 1, "o": 1, "o.1.n": 1},  # order
        {"a": 1.0, "x": 0.0, "o": 1, "o.1.n": 1},
        {"a": True, "x": 0.0, "o": 1, "o.1.n": 1},
        {"a": 1, "x": 0, "o": 1, "o.1.n": 1},
        {"a": 1, "x": -0.0, "o": 1, "o.1.n": 1},
        {"a": 1, "x": np.float64(0.0), "o": 1, "o.1.n": 1},
        {"a": 1, "x": float("nan"), "o": 1, "o.1.n": 1},
        {"a": 1, "x": 0.0, "o": 1},  # incomplete
        {"a": 1, "x": 0.0, "o": "p", "o.1.n": 1},  # not chosen
        {"a": 1, "x": 0.0, "o": 1, "o.1.n": 1, "more": 1},
    ):
        assert not space.check(bad)


@given(space=search_spaces(), seed=st.integers(0, 99))
def test_key_is_equal_iff_configs_are_the_same(space, seed):
    rng = np.random.default_rng(seed)
    first, second = space.sample_configuration(rng), space.sample_configuration(rng)
    assert (space.key(first) == space.key(second)) == (typed_items(first) == typed_items(second))
    assert json.loads(space.key(first)) == first


def test_a_search_space_survives_pickling():
    space = SearchSpace({"a": Int(1, 4), "o": Categorical("x", Dict(n=Int(1, 3)))})
    assert space.size == 16
    twin = pickle.loads(pickle.dumps(space))
    assert twin.describe() == space.describe()
    assert twin.config_at(15) == space.config_at(15)
    assert list(twin.spaces) == ["a", "o"]
