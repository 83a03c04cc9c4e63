import logging

import pytest

from agcore.errors import SpecError
from agcore_contrib.spaces import SearchSpace

LR = {"param_type": "loguniform", "range": [0.001, 0.1]}
BATCH = {"param_type": "quniform", "range": [8, 64, 8]}


def batch_space(low=8, high=64, step=8):
    return SearchSpace({"bs": {"param_type": "quniform", "range": [low, high, step]}})


def test_all_forms_mean_the_same():
    named = {"type": "loguniform", "min": 0.001, "max": 0.1, "step": None, "log_base": 10}
    as_mapping = SearchSpace({"lr": LR, "bs": BATCH})
    assert dict(as_mapping) == dict(SearchSpace([{"lr": LR}, {"bs": BATCH}]))
    assert as_mapping["lr"] == SearchSpace({"lr": named})["lr"]
    assert dict(SearchSpace(as_mapping.description())) == dict(as_mapping)
    assert dict(SearchSpace(as_mapping)) == dict(as_mapping)


def test_it_is_a_mapping():
    space = SearchSpace({"lr": LR, "bs": BATCH})
    assert list(space) == ["lr", "bs"]
    assert len(space) == 2
    with pytest.raises(KeyError):
        space["momentum"]


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        (3, "the search space is 3; it must map names to spaces"),
        ([{"a": LR, "b": LR}], "must be a mapping of one name"),
        ([{"a": LR}, {"a": LR}], "names 'a' twice"),
        ({"a..b": LR}, "'a..b' must be the name of a hyperparameter"),
        ({3: LR}, "3 must be the name"),
        ({"lr": 3}, "lr: the space is 3"),
        ({"lr": {"range": [1, 2]}}, "lr: give param_type once"),
        ({"lr": {"param_type": "uniform", "type": "uniform"}}, "lr: give param_type once"),
        ({"lr": {**LR, "rnage": 1}}, "lr: unknown key 'rnage'; did you mean 'range'"),
        ({"lr": {"param_type": "uniform", "range": [1]}}, r"lr: range=\[1\] of a uniform space"),
        ({"lr": {"param_type": "quniform", "range": [1, 2]}}, "must hold min, max, step$"),
        ({"lr": {"param_type": "uniform", "range": [1, 2, 3]}}, "must hold min, max$"),
        ({"lr": {"param_type": "uniform", "range": "1,2"}}, "range='1,2' must be a list"),
        ({"lr": {"param_type": "unifrom", "range": [1, 2]}}, "lr: .*did you mean 'uniform'"),
        ({"lr": {"param_type": "uniform", "range": [2, 1]}}, "lr: min=2 must be below max=1"),
    ],
)
def test_what_is_no_space_is_refused_by_name(spaces, message):
    with pytest.raises(SpecError, match=message):
        SearchSpace(spaces)


def test_a_third_or_fourth_number_of_a_log_range_is_its_base():
    space = SearchSpace({"a": {"param_type": "qloguniform", "range": [1, 9, 2, 3]}})
    assert space["a"].log_base == 3
    assert SearchSpace({"a": {"param_type": "loguniform", "range": [1, 9, 2]}})["a"].log_base == 2


def test_bounds_beside_a_range_are_ignored_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        space = SearchSpace({"lr": {**LR, "max": 7}})
    assert space["lr"].max == 0.1
    assert caplog.messages == ["lr: range is given, so max is ignored"]


def test_configs_and_points_have_the_names_of_the_space():
    space = SearchSpace({"lr": LR, "bs": BATCH})
    assert space.from_unit({"lr": 0.5, "bs": 0.0}) == {"lr": pytest.approx(0.01), "bs": 8}
    config = {"lr": 0.1, "bs": 16}
    assert space.space_to_real(space.real_to_space(config)) == pytest.approx(config)
    with pytest.raises(SpecError, match=r"point=0\.5 must be a mapping"):
        space.from_unit(0.5)
    with pytest.raises(SpecError, match="point lacks 'bs'"):
        space.from_unit({"lr": 0.5})
    with pytest.raises(SpecError, match="config has 'batch', which is not in the search space"):
        space.real_to_space({**config, "batch": 3})


def test_a_searcher_of_agcore_can_propose_configs():
    from agcore.searcher import RandomSearcher
    from agcore.space import SearchSpace as AgcoreSpace

    space = SearchSpace({"lr": LR, "bs": BATCH, "c": {"param_type": "choice", "range": ["a", []]}})
    searcher = RandomSearcher(AgcoreSpace(space.to_agcore()))
    for _ in range(20):
        config = space.from_agcore(searcher.get_config())
        assert 0.001 <= config["lr"] <= 0.1
        assert config["bs"] in range(8, 65, 8)
        assert config["c"] in ("a", [])


def test_the_cap_of_memory_follows_the_trace_of_the_specification():
    space = batch_space()
    for failed, bounds in ((56, (8, 48)), (24, (8, 16))):
        space.lower("bs", failed)
        assert (space["bs"].min, space["bs"].max) == bounds
    space.lower("bs", 16)
    assert (dict(space), space.fixed) == ({}, {"bs": 8})
    assert space.from_unit({}) == {"bs": 8}
    with pytest.raises(SpecError, match="bs: memory ran out at 8, and no smaller value is left"):
        space.lower("bs", 8)


def test_the_cap_of_memory_only_falls():
    space = batch_space()
    space.lower("bs", 24)
    space.lower("bs", 64)  # the news of a trial that began before
    assert space["bs"].max == 16
    assert space.allows({"bs": 16}, "bs")
    assert not space.allows({"bs": 24}, "bs")
    space.lower("bs", 16)
    space.lower("bs", 32)
    assert space.fixed == {"bs": 8}


def test_a_minimum_that_is_too_large_falls_to_half_of_what_is_left():
    space = batch_space(32, 128, 2)
    space.lower("bs", 32)
    assert (space["bs"].min, space["bs"].max) == (15, 30)


@pytest.mark.parametrize(
    ("num_samples", "bounds"),
    [(64, (8, 64)), (100, (8, 64)), (33, (8, 33)), (16, (8, 16)), (15, None), (8, None), (3, None)],
)
def test_a_batch_is_never_larger_than_the_number_of_samples(num_samples, bounds):
    space = batch_space()
    space.limit("bs", num_samples)
    if bounds is None:
        assert (dict(space), space.fixed) == ({}, {"bs": num_samples})
    else:
        assert (space["bs"].min, space["bs"].max) == bounds


def test_what_is_not_searched_has_no_maximum_to_be_lowered():
    with pytest.raises(SpecError, match="'bz' is no hyperparameter with a maximum"):
        batch_space().limit("bz", 3)


def test_only_steps_can_be_lowered():
    with pytest.raises(SpecError, match="lr has the type loguniform"):
        SearchSpace({"lr": LR}).lower("lr", 0.05)


def test_a_copy_can_be_changed_alone():
    space = batch_space()
    space.copy().lower("bs", 16)
    assert space["bs"].max == 64


def test_configs_are_counted():
    assert batch_space().size == 8
    assert SearchSpace({"lr": LR, "bs": BATCH}).size is None
    assert SearchSpace({}).size == 0
