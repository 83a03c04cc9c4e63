"""Tests of explore: perturb and resample as in the paper, and back into the space."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.errors import SpecError
from agcore.scheduler.exploring import Explorer, changes, nearest, perturbed, project
from agcore.space import SearchSpace

LR = ag.Real(1e-4, 1, log=True)
SPACE = SearchSpace(
    {
        "lr": LR,
        "momentum": ag.Real(0, 1, step=0.25),
        "units": ag.Int(1, 100),
        "size": ag.Ordinal("s", "m", "l"),
        "flag": ag.Bool(),
        "net": ag.Categorical("plain", ag.Dict(depth=ag.Int(1, 9)), ag.Dict(width=ag.Int(2, 5))),
    }
)


def explored(number, space=SPACE, config=None, **options):
    config = space.get_default_configuration() if config is None else config
    return Explorer(space, 7, **options).explore(config, number)


def test_numbers_are_multiplied_by_0_8_or_1_2_with_equal_chance():
    space = SearchSpace({"lr": LR, "x": ag.Real(1, 1000)})
    config = {"lr": 0.01, "x": 100.0}
    found = [explored(i, space, config, resample_probability=0) for i in range(400)]
    for key, factors in (("lr", (0.008, 0.012)), ("x", (80.0, 120.0))):
        values = [changed[key] for changed in found]
        assert {round(v, 9) for v in values} == set(factors)
        assert abs(values.count(max(values)) - 200) < 40
    both = {(c["lr"] > 0.01, c["x"] > 100) for c in found}
    assert len(both) == 4  # each goes its own way


def test_a_parameter_is_drawn_anew_with_the_given_probability():
    space = SearchSpace({"x": ag.Real(0, 1000)})
    found = [explored(i, space, {"x": 500.0})["x"] for i in range(800)]
    resampled = [x for x in found if x not in (400.0, 600.0)]
    assert abs(len(resampled) - 200) < 45
    assert np.mean(resampled) == pytest.approx(500, abs=80)
    assert explored(1, space, {"x": 500.0}, resample_probability=1)["x"] not in (400.0, 600.0)


def test_a_change_depends_on_seed_and_number_of_the_trial_only():
    assert explored(3) == explored(3)
    assert len({SPACE.key(explored(i)) for i in range(20)}) > 15
    other = Explorer(SPACE, 8).explore(SPACE.get_default_configuration(), 3)
    assert other != explored(3)


def test_every_explored_config_is_canonical_however_long_the_line():
    config = SPACE.get_default_configuration()
    nets = set()
    for number in range(300):
        config = explored(number, config=config)
        assert SPACE.check(config)
        nets.add(config["net"])
    assert len(nets) == 3


@pytest.mark.parametrize(
    ("space", "value", "u", "expected"),
    [
        (ag.Real(0, 1), 0.9, 0.7, 1.0),  # back into the range
        (ag.Real(-2, 2), -1.0, 0.7, -1.2),
        (ag.Int(1, 9), 1, 0.7, 2),  # rounding must not keep it where it is
        (ag.Int(1, 9), 2, 0.2, 1),
        (ag.Int(1, 9), 1, 0.2, 1),
        (ag.Int(0, 9), 0, 0.7, 1),
        (ag.Int(-9, 9), -1, 0.7, -2),
        (ag.Int(0, 100, step=10), 50, 0.2, 40),
        (ag.Int(16, 256, log=True), 100, 0.7, 120),
        (ag.Real(0, 1, step=0.25), 0.25, 0.7, 0.5),
        (ag.Real(0, 1, step=0.25), 1.0, 0.7, 1.0),
        (ag.Ordinal("s", "m", "l"), "m", 0.2, "s"),
        (ag.Ordinal("s", "m", "l"), "m", 0.7, "l"),
        (ag.Ordinal("s", "m", "l"), "l", 0.9, "m"),
        (ag.Ordinal("s"), "s", 0.9, "s"),
        (ag.Bool(), True, 0.9, False),
        (ag.Categorical("a", "b", "c"), "b", 0.2, "a"),
        (ag.Categorical("a", "b", "c"), "b", 0.9, "c"),
        (ag.Categorical("a"), "a", 0.9, "a"),
    ],
)
def test_where_a_value_goes(space, value, u, expected):
    changed = perturbed(space, value, u)
    assert changed == expected
    assert type(changed) is type(expected)


@given(value=st.floats(allow_nan=False), low=st.integers(-50, 50), width=st.integers(2, 99))
def test_any_number_is_put_back_into_its_range(value, low, width):
    for space in (
        ag.Real(low, low + width),
        ag.Real(low, low + width, step=0.5),
        ag.Int(low, low + width),
        ag.Int(low, low + width, step=2),
    ):
        assert space.contains(nearest(space, value))


def test_options_that_are_chosen_now_bring_their_parameters():
    config = {**SPACE.get_default_configuration(), "net": "plain"}
    found = [explored(i, config=config, resample_probability=0) for i in range(20)]
    assert all(changed["net"] != "plain" for changed in found)
    assert all(SPACE.check(changed) for changed in found)


def test_a_change_that_breaks_the_constraint_is_made_anew():
    space = SearchSpace({"x": ag.Real(1, 1000), "y": ag.Real(1, 1000)})
    config = {"x": 100.0, "y": 100.0}
    options = {"constraint": lambda c: c["x"] + c["y"] <= 200}
    free = [explored(i, space, config) for i in range(100)]
    found = [explored(i, space, config, **options) for i in range(100)]
    assert any(c["x"] + c["y"] > 200 for c in free)
    assert all(c["x"] + c["y"] <= 200 for c in found)
    assert all(c != config for c in found)
    kept = [(a, b) for a, b in zip(free, found, strict=True) if a["x"] + a["y"] <= 200]
    assert kept
    assert all(a == b for a, b in kept)  # nothing else is drawn for those


def test_where_no_change_keeps_the_constraint_the_config_stays():
    config = SPACE.get_default_configuration()
    assert explored(1, constraint=lambda c: c == config, resample_probability=1) == config
    asked = []
    explored(1, explore=lambda c: {**c, "lr": 0.5}, constraint=asked.append)
    assert len(asked) == 100


def test_a_function_of_the_user_takes_the_place_of_all_this():
    space = SearchSpace({"lr": LR, "units": ag.Int(1, 100)})
    before = {"lr": 0.5, "units": 10}

    def larger(config):
        config["lr"] *= 10  # its own copy
        return {**config, "units": 10.6}

    assert explored(0, space, before, explore=larger) == {"lr": 1.0, "units": 11}
    assert before == {"lr": 0.5, "units": 10}


def test_a_function_that_wants_a_generator_gets_that_of_the_trial():
    def drawn(config, rng):
        return {"lr": 10 ** -rng.uniform(0, 4)}

    space = SearchSpace({"lr": LR})
    found = [explored(i, space, explore=drawn) for i in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "explore returned None"),
        ({"lrr": 1}, "unknown key 'lrr'"),
        ({"lr": math.nan}, r"config\['lr'\]"),
        ({"lr": "much"}, r"config\['lr'\]"),
        ({"size": "xl"}, r"config\['size'\]"),
    ],
)
def test_what_cannot_be_put_back_is_refused(answer, message):
    with pytest.raises(SpecError, match=message):
        explored(0, explore=lambda config: answer)


def test_projecting_drops_parameters_of_options_that_are_not_chosen():
    given = {"net": "plain", "net.0.depth": 3} if "net.0.depth" in SPACE.names else None
    name = next(n for n in SPACE.names if n.endswith("depth"))
    given = {**SPACE.get_default_configuration(), "net": "plain", name: 3}
    assert name not in project(SPACE, given)
    assert SPACE.check(project(SPACE, {}))


@pytest.mark.parametrize(
    "options",
    [{"resample_probability": 1.5}, {"resample_probability": "often"}, {"explore": {"lr": 1}}],
)
def test_wrong_arguments_are_refused(options):
    with pytest.raises(SpecError, match=next(iter(options))):
        Explorer(SPACE, 0, **options)


def test_changes_are_told_in_words():
    assert changes({"lr": 0.01, "n": 1}, {"lr": 0.012, "n": 1}) == "lr 0.01 -> 0.012"
    assert changes({"net": "a"}, {"net": "b", "net.b.x": 2}) == "net a -> b, net.b.x (none) -> 2"
    assert changes({"x": 1}, {"x": 1}) == "the same config"
