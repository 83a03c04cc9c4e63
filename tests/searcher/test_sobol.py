import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import qmc

import agcore as ag
from agcore.errors import SpecError
from agcore.records import SuggestRequest
from agcore.searcher import RandomSearcher, SobolSearcher, searcher_factory
from agcore.searcher.sobol import SobolPoints
from agcore.space import SearchSpace
from tests.searcher.dialogues import BRANCHES, GRID, PLANE, configs, learn, origins


def sequence(num_units, seed):
    return qmc.Sobol(num_units, scramble=True, seed=np.random.default_rng(seed))


def proposed(searcher, count):
    return [searcher.suggest(SuggestRequest(draw)) for draw in range(count)]


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12), st.integers(1, 9))
def test_points_are_those_of_scipy_in_whatever_order_they_are_asked_for(numbers, num_units):
    points = SobolPoints(num_units, seed=5)
    expected = sequence(num_units, 5).random(1024)
    for number in numbers:
        assert points.units(number) == expected[number].tolist()


def test_draw_n_is_the_config_of_point_n():
    searcher = SobolSearcher(PLANE, random_seed=3, first_is_default=False)
    found = proposed(searcher, 130)
    expected = [PLANE.config_from_units(point) for point in sequence(2, 3).random(256).tolist()]
    assert configs(found) == expected[:130]
    assert origins(found) == ["sobol"] * 130
    assert [suggestion.why["point"] for suggestion in found] == list(range(130))


def test_a_draw_says_which_points_it_has_passed_over():
    searcher = SobolSearcher(
        PLANE, first_is_default=False, constraint=lambda config: config["x"] < 0.1
    )
    first, *_ = found = proposed(searcher, 5)
    assert all(s.why.get("passed_over", 0) == s.why["point"] - n for n, s in enumerate(found))
    assert first.why["passed_over"] > 0
    listed = SobolSearcher(PLANE, candidates=configs(found), first_is_default=False)
    assert listed.suggest(SuggestRequest(0)).why == {"point": 0, "candidates": 5}


def test_a_random_config_says_how_many_points_there_were():
    searcher = SobolSearcher(
        PLANE, first_is_default=False, constraint=lambda config: config["x"] < 0.005
    )
    found = proposed(searcher, 3)
    assert {"in_vain": 199} in [s.why for s in found if s is not None and s.origin == "random"]


def test_a_draw_depends_on_its_number_only_so_that_runs_can_be_continued():
    whole = configs(proposed(SobolSearcher(PLANE, first_is_default=False), 150))
    for number in (1, 63, 64, 65, 149):
        later = SobolSearcher(PLANE, first_is_default=False)
        assert later.suggest(SuggestRequest(number)).config == whole[number]


def test_every_cell_of_a_net_gets_one_point_of_so_many():
    square = SearchSpace({"a": ag.Real(0, 1), "b": ag.Real(0, 1)})
    searcher = SobolSearcher(square, random_seed=1, first_is_default=False)
    points = np.array([tuple(config.values()) for config in configs(proposed(searcher, 64))])
    for a, b in ((64, 1), (8, 8), (1, 64), (16, 4)):
        cells = {(int(x * a), int(y * b)) for x, y in points}
        assert len(cells) == 64
    random = RandomSearcher(searcher.configspace, random_seed=1, first_is_default=False)
    drawn = np.array([tuple(config.values()) for config in configs(proposed(random, 64))])
    assert qmc.discrepancy(points) < 0.5 * qmc.discrepancy(drawn)


def test_a_point_that_may_not_be_proposed_gives_way_to_the_next_ones():
    free = configs(proposed(SobolSearcher(PLANE, first_is_default=False), 40))
    searcher = SobolSearcher(PLANE, first_is_default=False)
    for config in free[3:6]:
        searcher.exclude(config)
    assert configs(proposed(searcher, 5)) == [*free[:3], free[6], free[7]]
    kept = SobolSearcher(PLANE, first_is_default=False, constraint=lambda config: config["x"] < 0.5)
    found = configs(proposed(kept, 15))
    assert found == [config for config in free if config["x"] < 0.5][:15]


def test_what_was_passed_over_is_remembered_but_changes_nothing():
    asked = []

    def constraint(config):
        asked.append(config)
        return config["x"] < 0.1

    searcher = SobolSearcher(PLANE, first_is_default=False, constraint=constraint)
    found = proposed(searcher, 120)
    assert len(asked) < 2500
    again = SobolSearcher(PLANE, first_is_default=False, constraint=constraint)
    for number, suggestion in enumerate(found):
        if number in (40, 100):  # told the rest, a fresh searcher goes on in the same way
            assert again.suggest(SuggestRequest(number)) == suggestion
            again = SobolSearcher(PLANE, first_is_default=False, constraint=constraint)
            for earlier in found[:number]:
                again.recall(earlier)
        again.recall(suggestion)


def test_where_no_point_in_reach_will_do_a_random_config_comes():
    searcher = SobolSearcher(PLANE, first_is_default=False, constraint=lambda config: False)
    assert proposed(searcher, 2) == [None, None]
    grid = SearchSpace({"a": ag.Int(1, 100_000)})
    rare = SobolSearcher(grid, first_is_default=False, constraint=lambda c: c["a"] == 77_777)
    assert configs(proposed(rare, 2)) == [{"a": 77_777}, None]


def test_a_finite_space_is_used_up():
    found = proposed(SobolSearcher(GRID), 12)
    assert found[10:] == [None, None]
    assert len({GRID.key(config) for config in configs(found[:10])}) == 10


def test_each_point_takes_the_nearest_candidate_that_remains():
    line = SearchSpace({"x": ag.Real(0, 1)})
    listed = [{"x": i / 20} for i in range(21)]
    searcher = SobolSearcher(line, random_seed=2, first_is_default=False, candidates=listed)
    found, rest = [], list(listed)
    for point in sequence(1, 2).random(32)[:21, 0]:
        found.append(min(rest, key=lambda config: abs(config["x"] - point)))
        rest.remove(found[-1])
    assert configs(proposed(searcher, 22)) == [*found, None]


def test_every_second_point_follows_the_priors():
    space = SearchSpace(
        {
            "lr": ag.Real(1e-4, 1, log=True, prior=1e-3, prior_confidence="high"),
            "kind": ag.Categorical("a", "b", prior={"a": 1, "b": 9}),
        }
    )
    found = configs(proposed(SobolSearcher(space, first_is_default=False), 256))
    points = sequence(2, SobolSearcher(space).random_seed).random(256).tolist()
    assert found[::2] == [space.config_from_units(units) for units in points[::2]]
    believed = [space.believed_units(units) for units in points[1::2]]
    assert found[1::2] == [space.config_from_units(units) for units in believed]
    assert sum(config["kind"] == "b" for config in found[1::2]) > 108
    assert sum(config["kind"] == "b" for config in found[::2]) < 80


def test_branches_and_an_empty_space():
    for config in configs(learn(SobolSearcher(BRANCHES), len, 30)):
        assert BRANCHES.complete(config) == config
    assert configs(proposed(SobolSearcher(SearchSpace({})), 2)) == [{}, None]


def test_it_is_made_by_name_under_both_schedulers():
    for max_resource in (None, 9):
        searcher = searcher_factory("sobol", PLANE, {"random_seed": 4}, max_resource=max_resource)
        assert type(searcher) is SobolSearcher
        assert searcher.random_seed == 4


def test_too_many_dimensions_are_refused(monkeypatch):
    monkeypatch.setattr(qmc.Sobol, "MAXDIM", 1)
    with pytest.raises(SpecError, match=r"at most 1 dimensions.*2 parameters; use searcher"):
        SobolSearcher(PLANE)
