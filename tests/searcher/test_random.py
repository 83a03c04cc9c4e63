import pickle

import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.records import SuggestRequest
from agcore.searcher import RandomSearcher
from agcore.space import SearchSpace


def configs(searcher, count):
    suggestions = (searcher.suggest(SuggestRequest(draw)) for draw in range(count))
    return [s.config if s else None for s in suggestions]


SPACE = SearchSpace(
    {
        "lr": ag.Real(1e-6, 1, log=True),
        "units": ag.Int(16, 128),
        "net": ag.Categorical("small", ag.Dict(depth=ag.Int(1, 3))),
    }
)


def test_the_same_seed_gives_the_same_configs_in_the_same_order():
    assert configs(RandomSearcher(SPACE), 200) == configs(RandomSearcher(SPACE), 200)
    other = RandomSearcher(SPACE, random_seed=1)
    assert configs(other, 20)[1:] != configs(RandomSearcher(SPACE), 20)[1:]


def test_a_draw_depends_on_its_number_only_so_that_runs_can_be_continued():
    whole = configs(RandomSearcher(SPACE), 150)
    for number in (1, 63, 64, 65, 149):
        later = RandomSearcher(SPACE, first_is_default=False)
        assert later.suggest(SuggestRequest(number)).config == whole[number]


def test_every_config_of_a_finite_space_is_proposed_once_and_then_the_space_is_exhausted():
    space = SearchSpace({"a": ag.Int(0, 9), "b": ag.Categorical("x", "y", "z")})
    proposed = configs(RandomSearcher(space), space.size + 2)
    assert proposed[-2:] == [None, None]
    assert {tuple(c.values()) for c in proposed[:-2]} == {(a, b) for a in range(10) for b in "xyz"}


@given(seed=st.integers(0, 2**32), options=st.integers(1, 40))
def test_no_config_is_proposed_twice(seed, options):
    space = SearchSpace({"a": ag.Int(1, options + 1)})
    proposed = configs(RandomSearcher(space, random_seed=seed), space.size)
    assert sorted(c["a"] for c in proposed) == list(range(1, options + 2))


def test_excluded_configs_are_left_out():
    space = SearchSpace({"a": ag.Categorical(1, 1.0, True)})
    searcher = RandomSearcher(space, first_is_default=False)
    searcher.exclude({"a": 1})
    rest = [config["a"] for config in configs(searcher, 2)]
    assert {type(value) for value in rest} == {float, bool}


def test_an_empty_space_has_one_config():
    assert configs(RandomSearcher(SearchSpace({})), 2) == [{}, None]


@pytest.mark.parametrize("count", [2000])
def test_draws_cover_the_range_evenly(count):
    searcher = RandomSearcher(SearchSpace({"x": ag.Real(0, 1)}), first_is_default=False)
    values = [config["x"] for config in configs(searcher, count)]
    shares = [sum(lo <= v < lo + 0.1 for v in values) / count for lo in [i / 10 for i in range(10)]]
    assert all(0.07 < share < 0.13 for share in shares)


def test_candidates_are_drawn_by_number_and_each_at_most_once():
    candidates = [{"lr": 10.0**-k, "units": 16 + k, "net": "small"} for k in range(5)]
    proposed = configs(RandomSearcher(SPACE, candidates=candidates), 7)
    assert proposed[5:] == [None, None]
    assert sorted(c["units"] for c in proposed[:5]) == [16, 17, 18, 19, 20]
    assert all(config in candidates for config in proposed[:5])
    assert proposed == configs(RandomSearcher(SPACE, candidates=candidates), 7)


def test_copies_of_a_searcher_draw_the_same_candidates():
    searcher = RandomSearcher(SPACE, candidates=[{"units": 16 + k} for k in range(40)])
    first = configs(searcher, 10)
    copied = pickle.loads(pickle.dumps(searcher))
    rest = [config["units"] for config in configs(copied, 40) if config is not None]
    assert len(rest) == len(set(rest)) == 30
    assert not {config["units"] for config in first} & set(rest)


def test_a_constraint_changes_only_the_draws_that_break_it():
    free = configs(RandomSearcher(SPACE), 40)
    bound = configs(RandomSearcher(SPACE, constraint=lambda c: c["units"] < 100), 40)
    assert all(config["units"] < 100 for config in bound)
    assert [b for f, b in zip(free, bound, strict=True) if f["units"] < 100] == [
        f for f in free if f["units"] < 100
    ]
