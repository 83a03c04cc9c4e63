import logging

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.searcher import GridSearcher, RandomSearcher, searcher_factory
from agcore.space import SearchSpace

SPACE = SearchSpace({"kind": ag.Categorical("a", "b")})


def test_names_give_their_classes():
    assert isinstance(searcher_factory("random", SPACE), RandomSearcher)
    assert isinstance(searcher_factory("grid", SPACE), GridSearcher)


def test_options_reach_the_searcher():
    options = {"random_seed": 7, "points_to_evaluate": [{"kind": "b"}], "debug_log": True}
    searcher = searcher_factory("random", SPACE, options)
    assert searcher.random_seed == 7
    assert searcher.get_config() == {"kind": "b"}


def test_a_misspelt_option_is_refused_with_a_suggestion():
    with pytest.raises(SpecError, match="did you mean 'random_seed'"):
        searcher_factory("random", SPACE, {"randon_seed": 7})


def test_an_option_of_another_searcher_has_no_effect_and_one_line_says_so(caplog):
    with caplog.at_level(logging.WARNING, "agcore"):
        searcher_factory("random", SPACE, {"num_init_random": 2, "opt_nstarts": 3})
    assert len(caplog.records) == 1
    assert "num_init_random, opt_nstarts have no effect" in caplog.text


def test_unknown_and_abandoned_names_say_what_there_is():
    with pytest.raises(SpecError, match=r"did you mean 'random'.*grid, random"):
        searcher_factory("randm", SPACE)
    with pytest.raises(SpecError, match="'rl' is not part of agcore"):
        searcher_factory("rl", SPACE)


def test_auto_picks_and_says_what(caplog):
    with caplog.at_level(logging.INFO, "agcore"):
        assert isinstance(searcher_factory("auto", SPACE), RandomSearcher)
    assert "picks 'random'" in caplog.text
