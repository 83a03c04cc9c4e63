"""Which searcher ``'auto'`` is, by space, budget, scheduler and options."""

import pytest

import agcore as ag
from agcore.searcher import SEARCHERS, pick_searcher
from agcore.space import SearchSpace

PLANE = SearchSpace({"x": ag.Real(0, 1), "y": ag.Real(0, 1)})
FEW = SearchSpace({"kind": ag.Categorical("a", "b", "c"), "size": ag.Int(1, 4)})
WIDE = SearchSpace({f"x{i}": ag.Real(0, 1) for i in range(101)})
SINGLE = SearchSpace({"kind": ag.Categorical("a")})


@pytest.mark.parametrize(
    ("space", "about", "name", "why"),
    [
        (PLANE, {}, "bayesopt", "fewest trials"),
        (PLANE, {"num_trials": 2000}, "bayesopt", "fewest trials"),
        (PLANE, {"num_trials": 2001}, "tpe", "2001 trials"),
        (PLANE, {"num_trials": 2001, "max_resource": 9}, "bohb", "2001 trials"),
        (PLANE, {"max_resource": 9}, "bayesopt", "all rungs"),
        (PLANE, {"num_trials": 5}, "sobol", "num_trials=5 is too few"),
        (PLANE, {"num_trials": 6}, "bayesopt", "fewest trials"),
        (PLANE, {"num_trials": 5, "max_resource": 9}, "sobol", "num_trials=5 is too few"),
        (PLANE, {"num_trials": 6, "max_resource": 9}, "bayesopt", "all rungs"),
        (PLANE, {"max_resource": 9, "num_brackets": 3}, "hypertune", "which of the 3 brackets"),
        (PLANE, {"max_resource": 9, "num_brackets": 1}, "bayesopt", "all rungs"),
        (PLANE, {"num_trials": 5, "max_resource": 9, "num_brackets": 3}, "sobol", "too few"),
        (WIDE, {"max_resource": 9, "num_brackets": 3}, "bohb", "101 columns"),
        (PLANE, {"explores": True, "max_resource": 9}, "sobol", "first configs"),
        (FEW, {"num_trials": 12}, "grid", "all 12 configs"),
        (FEW, {"num_trials": 11}, "bayesopt", "fewest trials"),
        (FEW, {}, "bayesopt", "fewest trials"),
        (SINGLE, {}, "random", "nothing to search"),
        (WIDE, {}, "tpe", "101 columns"),
        (WIDE, {"max_resource": 9}, "bohb", "101 columns"),
    ],
)
def test_picks_by_space_budget_and_scheduler(space, about, name, why):
    picked = pick_searcher(space, **about)
    assert picked.name == name in SEARCHERS
    assert why in picked.why


def test_an_option_of_the_gaussian_process_decides_for_it():
    picked = pick_searcher(PLANE, {"gp_resource_kernel": "matern52"}, num_trials=3, max_resource=9)
    assert (picked.name, picked.why) == ("bayesopt", "search_options has gp_resource_kernel")


def test_options_that_the_pick_knows_or_nobody_does_change_nothing():
    options = {"random_seed": 3, "debug_log": True, "good_fraction": 0.2, "nonsense": 1}
    assert pick_searcher(PLANE, options, num_trials=3).name == "sobol"
