import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.searcher.draws import RandomDraws
from agcore.space import SearchSpace
from tests.searcher.dialogues import BRANCHES, PLANE


def anything(config):
    return True


@given(seed=st.integers(0, 2**40), number=st.integers(0, 500))
def test_a_draw_depends_on_seed_and_number_only(seed, number):
    after_others = RandomDraws(PLANE, seed, anything)
    for other in (number + 70, 0):
        after_others.draw(other)
    assert after_others.draw(number) == RandomDraws(PLANE, seed, anything).draw(number)


def test_other_seeds_and_numbers_give_other_configs():
    draws = [RandomDraws(PLANE, seed, anything).draw(n) for seed in (0, 1) for n in range(70)]
    assert len({tuple(config.values()) for config in draws}) == 140


@given(number=st.integers(0, 200))
def test_draws_are_canonical_configs_of_the_space(number):
    config = RandomDraws(BRANCHES, 0, anything).draw(number)
    assert BRANCHES.complete(config) == config


def test_a_draw_that_may_not_be_proposed_gives_way_to_another():
    first = RandomDraws(PLANE, 0, anything).draw(5)
    second = RandomDraws(PLANE, 0, lambda config: config != first).draw(5)
    assert second is not None
    assert second != first


def test_the_last_config_of_a_space_is_found_by_listing():
    space = SearchSpace({"a": ag.Int(0, 99_999)})
    assert RandomDraws(space, 0, lambda config: config["a"] == 77_777).draw(3) == {"a": 77_777}


def test_a_space_without_a_config_that_may_be_proposed_gives_none():
    for space in (SearchSpace({"a": ag.Int(0, 9)}), PLANE, SearchSpace({"a": ag.Int(0, 10**9)})):
        assert RandomDraws(space, 0, lambda config: False).draw(0) is None


def test_with_candidates_only_those_that_may_be_proposed_are_drawn():
    candidates = [{"x": i / 7, "y": 1e-4 * 3**i} for i in range(7)]
    taken = []
    draws = RandomDraws(PLANE, 0, lambda config: config not in taken, candidates)
    for number in range(7):
        taken.append(draws.draw(number))
    assert sorted(config["x"] for config in taken) == [config["x"] for config in candidates]
    assert draws.draw(7) is None


@pytest.mark.parametrize("space", [SearchSpace({}), SearchSpace({"a": ag.Categorical(1)})])
def test_a_space_of_one_config_gives_it_until_it_is_taken(space):
    only = space.get_default_configuration()
    assert RandomDraws(space, 0, anything).draw(9) == only
    assert RandomDraws(space, 0, lambda config: config != only).draw(9) is None
