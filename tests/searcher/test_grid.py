import itertools

import pytest

import agcore as ag
from agcore.errors import SpaceExhausted, SpecError
from agcore.searcher import GridSearcher
from agcore.space import SearchSpace


def everything(searcher):
    found = []
    while True:
        try:
            found.append(searcher.get_config())
        except SpaceExhausted:
            return found


def test_the_grid_is_the_product_in_order_of_declaration():
    space = SearchSpace({"a": ag.Categorical("x", "y"), "b": ag.Bool(), "c": ag.Int(1, 3)})
    searcher = GridSearcher(space)
    assert len(searcher) == 12
    expected = itertools.product("xy", (False, True), (1, 2, 3))
    assert [tuple(config.values()) for config in everything(searcher)] == list(expected)


def test_branches_that_are_not_chosen_are_not_multiplied_out():
    space = SearchSpace({"net": ag.Categorical("none", ag.Dict(depth=ag.Int(1, 3)))})
    assert len(GridSearcher(space)) == 4
    assert len(everything(GridSearcher(space))) == 4


def test_an_endless_parameter_is_named():
    space = SearchSpace({"a": ag.Bool(), "lr": ag.Real(0, 1)})
    with pytest.raises(SpecError, match=r"finite.*lr is Real"):
        GridSearcher(space)


def test_quantised_reals_make_a_grid():
    space = SearchSpace({"lr": ag.Real(0, 1, step=0.25)})
    values = [config["lr"] for config in everything(GridSearcher(space))]
    assert values == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_points_to_evaluate_come_first_and_not_again():
    space = SearchSpace({"a": ag.Int(1, 3)})
    searcher = GridSearcher(space, points_to_evaluate=[{"a": 3}])
    assert [config["a"] for config in everything(searcher)] == [3, 1, 2]


def test_candidates_are_the_grid_in_the_order_given_even_in_an_endless_space():
    space = SearchSpace({"lr": ag.Real(0, 1)})
    values = [0.7, 0.1, 0.4]
    searcher = GridSearcher(space, candidates=[{"lr": value} for value in values])
    assert len(searcher) == 3
    assert [config["lr"] for config in everything(searcher)] == values


def test_configs_that_break_the_constraint_are_left_out_of_the_grid():
    space = SearchSpace({"a": ag.Int(1, 6)})
    searcher = GridSearcher(space, constraint=lambda config: config["a"] % 2 == 0)
    assert [config["a"] for config in everything(searcher)] == [2, 4, 6]
