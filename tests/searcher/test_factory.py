import logging

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.searcher import (
    SEARCHERS,
    ConstrainedGPFIFOSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
    GridSearcher,
    RandomSearcher,
    searcher_factory,
)
from agcore.space import SearchSpace

SPACE = SearchSpace({"kind": ag.Categorical("a", "b")})


def test_names_give_their_classes():
    assert isinstance(searcher_factory("random", SPACE), RandomSearcher)
    assert isinstance(searcher_factory("grid", SPACE), GridSearcher)
    assert type(searcher_factory("bayesopt", SPACE)) is GPFIFOSearcher
    options = {"constraint_attr": "size"}
    constrained = searcher_factory("constrained_bayesopt", SPACE, options)
    assert type(constrained) is ConstrainedGPFIFOSearcher


def test_bayesopt_is_another_class_where_there_are_rungs():
    searcher = searcher_factory("bayesopt", SPACE, max_resource=27, resource_attribute="step")
    assert type(searcher) is GPMultiFidelitySearcher
    assert searcher.max_epochs == 27


@pytest.mark.parametrize("name", ["constrained_bayesopt", "skopt"])
def test_searchers_of_one_value_a_trial_are_refused_under_hyperband(name):
    with pytest.raises(SpecError, match=f"{name}.*FIFOScheduler only.*searcher='bayesopt'"):
        searcher_factory(name, SPACE, {"constraint_attr": "size"}, max_resource=9)


def test_a_constrained_searcher_without_its_constraint_says_what_is_missing():
    with pytest.raises(SpecError, match="constraint_attr"):
        searcher_factory("constrained_bayesopt", SPACE, {})


def test_model_based_searchers_are_imported_when_they_are_asked_for():
    import agcore.searcher

    for name in agcore.searcher.__all__:
        assert getattr(agcore.searcher, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(agcore.searcher, "Nothing")  # noqa: B009


def test_options_reach_the_searcher():
    options = {"random_seed": 7, "points_to_evaluate": [{"kind": "b"}], "debug_log": True}
    searcher = searcher_factory("random", SPACE, options)
    assert searcher.random_seed == 7
    assert searcher.get_config() == {"kind": "b"}


def test_a_misspelt_option_is_refused_with_a_suggestion():
    with pytest.raises(SpecError, match="did you mean 'random_seed'"):
        searcher_factory("random", SPACE, {"randon_seed": 7})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("num_init_rand", "num_init_random"),
        ("opt_skip_perod", "opt_skip_period"),
        ("gp_resource_kernl", "gp_resource_kernel"),
        ("resource_aq", "resource_acq"),
        ("constraint_atr", "constraint_attr"),
        ("profil", "profile"),
        ("candidate", "candidates"),
        ("warm_start", "warm_start_from"),
    ],
)
@pytest.mark.parametrize("max_resource", [None, 9])
def test_so_is_a_misspelt_option_of_a_model(wrong, meant, max_resource):
    with pytest.raises(SpecError, match=f"{wrong}.*did you mean '{meant}'"):
        searcher_factory("bayesopt", SPACE, {wrong: 1}, max_resource=max_resource)


def test_what_the_scheduler_gives_is_no_option():
    for name in ("max_epochs", "mode", "configspace", "reward_attribute"):
        with pytest.raises(SpecError, match=name):
            searcher_factory("bayesopt", SPACE, {name: 1}, max_resource=9)


def test_an_option_of_another_searcher_has_no_effect_and_one_line_says_so(caplog):
    with caplog.at_level(logging.WARNING, "agcore"):
        searcher_factory("random", SPACE, {"num_init_random": 2, "opt_nstarts": 3})
    assert len(caplog.records) == 1
    assert "num_init_random, opt_nstarts have no effect" in caplog.text


def test_options_of_several_fidelities_have_no_effect_under_fifo(caplog):
    options = {"gp_resource_kernel": "matern52", "resource_acq": "first", "num_init_random": 5}
    with caplog.at_level(logging.WARNING, "agcore"):
        searcher_factory("bayesopt", SPACE, options)
        searcher_factory("bayesopt", SPACE, options, max_resource=9)
    assert [record.getMessage() for record in caplog.records] == [
        "search_options gp_resource_kernel, resource_acq have no effect with searcher='bayesopt'"
    ]


def test_unknown_and_abandoned_names_say_what_there_is():
    with pytest.raises(SpecError, match=r"did you mean 'random'.*random, grid, sobol"):
        searcher_factory("randm", SPACE)
    with pytest.raises(SpecError, match="did you mean 'bayesopt'"):
        searcher_factory("bayesop", SPACE)
    with pytest.raises(SpecError, match="'rl' is not part of agcore"):
        searcher_factory("rl", SPACE)
    models = {"bayesopt", "hypertune", "constrained_bayesopt", "skopt", "bohb", "tpe"}
    assert set(SEARCHERS) == {"random", "grid", "sobol", "evolution", *models}


def test_auto_is_what_suits_the_scheduler():
    plane = SearchSpace({"x": ag.Real(0, 1)})
    assert type(searcher_factory("auto", plane)) is GPFIFOSearcher
    assert type(searcher_factory("auto", plane, max_resource=9)) is GPMultiFidelitySearcher
