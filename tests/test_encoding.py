"""Configs as rows of the unit cube: there and back, activity, and new rows."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.encoding import INACTIVE, BlockKind, Encoding
from agcore.errors import SpecError
from agcore.space import Bool, Categorical, Dict, Int, List, Ordinal, Real, SearchSpace
from agcore.train_fn import obj

# -- a strategy for random trees of spaces -------------------------------------------------


@obj(lr=Real(1e-4, 1e-1, log=True), momentum=0.9)
class Sgd:
    def __init__(self, lr, momentum):
        self.lr, self.momentum = lr, momentum


def ints(log):
    return st.integers(1 if log else -(10**6), 10**6).flatmap(
        lambda low: st.integers(1, 10**6).map(lambda width: Int(low, low + width, log=log))
    )


finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(5e-324, 1.7e308)


@st.composite
def reals(draw, log):
    """Reals of any width, from one float to all of them."""
    lower = draw(positive if log else finite)
    width_in_floats = draw(st.none() | st.integers(1, 40))
    if width_in_floats is None:
        upper = draw(positive if log else finite)
        lower, upper = min(lower, upper), max(lower, upper)
    else:
        upper = lower
        for _ in range(width_in_floats):
            upper = math.nextafter(upper, math.inf)
    if not lower < upper < math.inf or not math.isfinite(upper - lower):
        return Real(1e-5, 2.0, log=log)
    return Real(lower, upper, log=log)


steps = st.builds(
    lambda low, count, digits: Real(low / 10**digits, (low + count) / 10**digits, step=10**-digits),
    st.integers(-50, 50),
    st.integers(1, 300),
    st.integers(0, 4),
)
plain = st.sampled_from([1, 1.0, True, False, 0, None, "a", "b", "1"])
plain_values = st.lists(plain, min_size=1, max_size=5, unique_by=lambda v: (type(v), v))
simple = st.one_of(
    ints(log=False),
    ints(log=True),
    steps,
    reals(log=False),
    reals(log=True),
    st.builds(Bool),
    plain_values.map(lambda values: Ordinal(*values)),
    plain_values.map(lambda values: Categorical(*values)),
    st.builds(Int, st.just(0), st.integers(1, 4), step=st.just(1)),
)


def nested(children):
    options = st.lists(children | st.text("uvw", max_size=3), min_size=1, max_size=3, unique_by=str)
    return st.one_of(
        st.lists(children, min_size=1, max_size=2).map(lambda parts: List(*parts)),
        st.dictionaries(st.sampled_from("abc"), children, min_size=1, max_size=2).map(
            lambda d: Dict(**d)
        ),
        options.map(lambda parts: Categorical(*parts)),
        children.map(lambda child: Sgd(lr=child)),
    )


trees = st.recursive(simple, nested, max_leaves=6)
spaces = st.dictionaries(st.sampled_from(["x", "y", "z", "lr"]), trees, max_size=4).map(SearchSpace)
seeds = st.integers(0, 2**32 - 1)


def configs_of(space, seed, count=8):
    rng = np.random.default_rng(seed)
    extremes = [
        space.config_from_units([0.0] * space.num_units),
        space.config_from_units([1.0] * space.num_units),
        space.get_default_configuration(),
    ]
    rows = Encoding(space).random(rng, count)
    return extremes + [Encoding(space).decode(row) for row in rows]


def assert_close(space, got, wanted):
    """Equal by key, type and value, but for the last digits of Reals."""
    assert list(got) == list(wanted)
    by_name = {hp.name: hp.space for hp in space.get_hyperparameters()}
    for name, value in wanted.items():
        assert type(got[name]) is type(value)
        if isinstance(by_name[name], Real) and by_name[name].size is None:
            width = by_name[name].upper - by_name[name].lower
            relative = 1e-10 if by_name[name].log else 1e-15
            assert math.isclose(got[name], value, rel_tol=relative, abs_tol=1e-15 * width)
        else:
            assert got[name] == value


def network() -> SearchSpace:
    return SearchSpace(
        {
            "lr": Real(1e-4, 1e-1, log=True),
            "layers": Int(1, 4),
            "net": Categorical(
                "linear", Dict(depth=Int(1, 3), act=Categorical("relu", Dict(slope=Real(0, 1))))
            ),
            "size": Ordinal("s", "m", "l"),
            "bias": Bool(),
        }
    )


# -- there and back ------------------------------------------------------------------------


@given(space=spaces, seed=seeds)
def test_a_decoded_row_of_a_config_is_the_config(space, seed):
    encoding = Encoding(space)
    for config in configs_of(space, seed):
        assert_close(space, encoding.decode(encoding.encode(config)), config)


@given(space=spaces, seed=seeds)
def test_rows_lie_in_the_unit_cube_and_are_finite(space, seed):
    encoding = Encoding(space)
    rng = np.random.default_rng(seed)
    rows = encoding.encode_all(configs_of(space, seed))
    near = encoding.neighbours(rows[[0] * 5], rng, scale=1.0)
    for some in (rows, encoding.random(rng, 5), near):
        assert some.shape[1] == encoding.num_columns
        assert np.isfinite(some).all()
        assert (some >= 0).all()
        assert (some <= 1).all()


@given(space=spaces, seed=seeds)
def test_any_row_decodes_to_a_canonical_config(space, seed):
    encoding = Encoding(space)
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [
            rng.uniform(-0.2, 1.2, (6, encoding.num_columns)),
            np.zeros((1, encoding.num_columns)),
            np.ones((1, encoding.num_columns)),
        ]
    )
    assert all(space.check(config) for config in encoding.decode_all(rows))


@given(space=spaces, seed=seeds)
def test_snapping_gives_the_row_of_the_decoded_config_and_is_idempotent(space, seed):
    encoding = Encoding(space)
    rows = np.random.default_rng(seed).random((6, encoding.num_columns))
    snapped = encoding.snap(rows)
    np.testing.assert_allclose(snapped, encoding.encode_all(encoding.decode_all(rows)), atol=1e-9)
    np.testing.assert_allclose(encoding.snap(snapped), snapped, atol=1e-9)
    exact = [b for b in encoding.blocks if b.kind is not BlockKind.REAL]
    for block in exact:
        np.testing.assert_array_equal(
            encoding.snap(snapped)[:, block.columns], snapped[:, block.columns]
        )


@given(space=spaces, seed=seeds)
def test_random_rows_and_neighbours_are_rows_of_configs(space, seed):
    encoding = Encoding(space)
    rng = np.random.default_rng(seed)
    rows = encoding.random(rng, 4)
    rows = np.concatenate([rows, encoding.neighbours(rows, rng, np.array([0.1, 0.2, 0.0, 1.0]))])
    configs = encoding.decode_all(rows)
    assert all(space.check(config) for config in configs)
    np.testing.assert_allclose(encoding.encode_all(configs), rows, atol=1e-9)


@given(space=spaces, seed=seeds)
def test_keys_are_equal_if_and_only_if_configs_are(space, seed):
    encoding = Encoding(space)
    configs = configs_of(space, seed)
    exact = [[(k, type(v), v) for k, v in config.items()] for config in configs]
    keys = [encoding.key(config) for config in configs]
    for i in range(len(configs)):
        for j in range(len(configs)):
            assert (keys[i] == keys[j]) == (exact[i] == exact[j])
    assert len(set(keys)) <= len(keys)  # hashable


@given(space=spaces, seed=seeds)
def test_encoding_many_is_encoding_each(space, seed):
    encoding = Encoding(space)
    configs = configs_of(space, seed)
    one_by_one = [encoding.encode(config) for config in configs]
    np.testing.assert_allclose(encoding.encode_all(configs), one_by_one, rtol=0, atol=1e-12)


def test_values_that_python_calls_equal_have_rows_and_keys_of_their_own():
    encoding = Encoding(SearchSpace({"k": Categorical(1, 1.0, True, "1")}))
    configs = [{"k": value} for value in (1, 1.0, True, "1")]
    np.testing.assert_array_equal(encoding.encode_all(configs), np.eye(4))
    assert len({encoding.key(config) for config in configs}) == 4
    assert encoding.column_names == ("k=1", "k=1.0", "k=True", "k='1'")
    assert [type(c["k"]) for c in encoding.decode_all(np.eye(4))] == [int, float, bool, str]


@pytest.mark.parametrize(
    "space",
    [
        Real(1.0, math.nextafter(1.0, 2.0)),
        Real(1e300, math.nextafter(1e300, math.inf), log=True),
        Real(0.0, 5e-324),
        Real(5e-324, 1e-323, log=True),
        Real(1e-300, 1e300, log=True),
        Real(5e-324, 1.7976931348623157e308, log=True),
        Real(-8e307, 8e307),
        Real(0.1, 1e9, step=1e-6),
        Int(-(2**53), 2**53),
        Int(1, 2**53, log=True),
        Int(2**53 - 3, 2**53, log=True),
    ],
)
def test_extreme_numbers_never_leave_the_unit_interval(space):
    encoding = Encoding(SearchSpace({"x": space}))
    with np.errstate(all="raise", under="ignore"):
        configs = encoding.decode_all(np.linspace(-0.1, 1.1, 25)[:, np.newaxis])
        rows = encoding.encode_all(configs)
    values = [config["x"] for config in configs]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (space.lower, space.upper)
    assert all(space.contains(value) for value in values)
    assert (rows >= 0).all() and (rows <= 1).all() and (np.diff(rows[:, 0]) >= 0).all()
    np.testing.assert_allclose(encoding.snap(rows), rows, atol=1e-9)


# -- the layout ----------------------------------------------------------------------------


def test_columns_have_names_kinds_and_activity():
    encoding = Encoding(network())
    assert encoding.column_names == (
        "lr",
        "layers",
        "net=linear",
        "net=1",
        "net.1.depth",
        "net.1.act=relu",
        "net.1.act=1",
        "net.1.act.1.slope",
        "size",
        "bias",
    )
    assert encoding.num_columns == 10
    blocks = {b.name: (b.kind.value, b.columns, b.activity) for b in encoding.blocks}
    assert blocks == {
        "lr": ("real", slice(0, 1), None),
        "layers": ("steps", slice(1, 2), None),
        "net": ("one-hot", slice(2, 4), None),
        "net.1.depth": ("steps", slice(4, 5), 3),
        "net.1.act": ("one-hot", slice(5, 7), 3),
        "net.1.act.1.slope": ("real", slice(7, 8), 6),
        "size": ("ordered", slice(8, 9), None),
        "bias": ("ordered", slice(9, 10), None),
    }
    assert np.flatnonzero(encoding.is_continuous).tolist() == [0, 1, 4, 7]


def test_inactive_columns_are_fixed_and_do_not_matter():
    encoding = Encoding(network())
    rows = encoding.random(np.random.default_rng(1), 50)
    linear = rows[:, 2] == 1.0
    assert 10 < linear.sum() < 40
    assert (rows[linear][:, 3:8] == [0.0, INACTIVE, 0.0, 0.0, INACTIVE]).all()
    changed = rows.copy()
    changed[np.ix_(linear, [4, 5, 6, 7])] = 0.9
    assert encoding.decode_all(changed) == encoding.decode_all(rows)
    np.testing.assert_allclose(encoding.snap(changed), rows, atol=1e-12)
    movable = encoding.movable(rows)
    assert not movable[linear, 4].any() and movable[~linear, 4].all() and movable[:, 0].all()


@given(space=spaces, seed=seeds)
def test_the_activity_column_is_one_exactly_where_the_parameter_is_active(space, seed):
    encoding = Encoding(space)
    configs = configs_of(space, seed)
    rows = encoding.encode_all(configs)
    for block in encoding.blocks:
        present = [block.name in config for config in configs]
        if block.activity is not None:
            assert rows[:, block.activity].tolist() == [float(flag) for flag in present]
        else:
            assert all(present)


def test_a_single_value_takes_no_column_even_if_it_has_parameters():
    space = SearchSpace({"only": Categorical(Dict(x=Int(1, 2))), "one": Ordinal(7)})
    encoding = Encoding(space)
    assert encoding.column_names == ("only.0.x",)
    assert encoding.decode(np.array([0.9])) == {"only": 0, "only.0.x": 2, "one": 7}
    assert Encoding(SearchSpace({})).decode(np.empty(0)) == {}


def test_an_int_stands_where_the_classic_encoding_puts_it():
    encoding = Encoding(SearchSpace({"n": Int(16, 128)}))
    assert encoding.encode({"n": 16})[0] == pytest.approx(0.00442, abs=1e-5)
    assert encoding.encode({"n": 128})[0] == pytest.approx(0.99558, abs=1e-5)


def test_an_encoding_can_be_pickled():
    encoding = pickle.loads(pickle.dumps(Encoding(network())))
    assert encoding.num_columns == 10


# -- new rows ------------------------------------------------------------------------------


def test_random_rows_are_spread_like_random_configs():
    space = network()
    encoding = Encoding(space)
    rng = np.random.default_rng(0)
    rows = encoding.random(rng, 4000)
    drawn = encoding.encode_all([space.sample_configuration(rng) for _ in range(4000)])
    np.testing.assert_allclose(rows.mean(axis=0), drawn.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(rows.std(axis=0), drawn.std(axis=0), atol=0.04)


def test_the_same_seed_gives_the_same_rows():
    encoding = Encoding(network())
    one, two = (encoding.random(np.random.default_rng(3), 9) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_neighbours_are_near_and_change_categories_now_and_then():
    encoding = Encoding(network())
    rng = np.random.default_rng(5)
    row = encoding.encode({**network().get_default_configuration(), "lr": 1e-2})
    near = encoding.neighbours(np.tile(row, (2000, 1)), rng, scale=0.05)
    assert np.abs(near[:, 0] - row[0]).std() < 0.06
    assert (near[:, 2] != row[2]).mean() == pytest.approx(0.2, abs=0.04)
    assert set(near[:, 8]) == {1 / 6, 3 / 6}  # 's' and its one neighbour 'm'
    assert len(set(near[:, 1])) > 1  # steps narrower than a cell still lead out of it
    fresh = near[near[:, 3] == 1.0]
    assert set(np.round(fresh[:, 4], 3)) == {0.167, 0.5, 0.833}  # random where newly active


def test_nothing_changes_without_a_step_but_numbers_with_cells():
    encoding = Encoding(SearchSpace({"x": Real(0, 1), "c": Categorical("a", "b", "c")}))
    row = encoding.encode({"x": 0.25, "c": "b"})
    rng = np.random.default_rng(0)
    still = encoding.neighbours(np.tile(row, (5, 1)), rng, 0.0, change_probability=0.0)
    np.testing.assert_array_equal(still, np.tile(row, (5, 1)))
    other = encoding.neighbours(np.tile(row, (500, 1)), rng, 0.0, change_probability=1.0)
    assert not other[:, 2].any()
    assert 150 < other[:, 1].sum() < 350


@pytest.mark.parametrize(
    "config",
    [
        {"lr": 1e-3},
        {**network().get_default_configuration(), "net": "resnet"},
        {**network().get_default_configuration(), "bias": 1},
        {**network().get_default_configuration(), "net": 1},
        {**network().get_default_configuration(), "lr": None},
    ],
)
def test_a_config_that_is_not_canonical_is_refused_with_the_remedy(config):
    with pytest.raises(SpecError, match=r"not canonical; pass it through SearchSpace.complete"):
        Encoding(network()).encode_all([network().get_default_configuration(), config])


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(10), np.full((1, 10), math.nan)])
def test_rows_of_a_wrong_shape_or_with_nan_are_refused(rows):
    with pytest.raises(SpecError, match=r"shape|finite"):
        Encoding(network()).decode_all(rows)


def test_all_columns_of_a_categorical_are_one_input():
    space = SearchSpace({"x": Real(0, 1), "k": Categorical(*"abcd"), "one": Categorical("a")})
    encoding = Encoding(space)
    assert (encoding.num_columns, encoding.num_inputs) == (5, 2)
