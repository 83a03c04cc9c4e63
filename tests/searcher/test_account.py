import logging
import math
import re

import numpy as np
import pytest

from agcore.records import Observation, Pending, SuggestRequest
from agcore.searcher import GPFIFOSearcher, GPMultiFidelitySearcher
from tests.searcher.dialogues import BRANCHES, LINE, PLANE, SEARCHERS, bowl, learn


@pytest.fixture
def shown(caplog):
    """What is logged of one proposal after ``count`` values."""

    def account(searcher, count=5, reward=bowl, pending=()):
        learn(searcher, reward, count)
        caplog.clear()
        with caplog.at_level(logging.INFO, "agcore"):
            suggestion = searcher.suggest(SuggestRequest(count, pending))
        return caplog.text, suggestion

    return account


@pytest.mark.parametrize("kind", SEARCHERS)
def test_a_proposal_by_the_model_tells_its_numbers(shown, kind):
    text, suggestion = shown(SEARCHERS[kind](PLANE, num_init_random=2))
    why = suggestion.why
    assert text.count("proposal 5 by the model") == 1
    assert f"after {why['evaluations']} evaluations, the acquisition is" in text
    assert re.search(r"expected criterion( at resource \d+)?: \S+, sd \S+; of the best known", text)
    assert re.search(r"  5 values, mean \S+, sd \S+: (\d(:\d)? ?){5}\n", text)
    assert re.search(r"  standardised: (-?\d\S* ?){5}\n", text)
    assert "hyperparameters (fitted to 5 values in" in text
    assert re.search(r"best starts of the search:( -?\d\S*){5}\n", text)
    assert "the best of them: x=" in text
    assert max(map(len, text.splitlines())) <= 100 or kind == "constrained"


def test_the_expected_criterion_is_that_of_the_surrogate(shown):
    searcher = GPFIFOSearcher(PLANE, num_init_random=2)
    _, suggestion = shown(searcher, count=30)
    reward = bowl(suggestion.config)
    assert suggestion.why["mean"] == pytest.approx(1 - reward, abs=0.05)
    assert 0 < suggestion.why["sd"] < 0.05


def test_rewards_near_the_largest_float_are_expected_to_be_finite(shown):
    searcher = GPFIFOSearcher(LINE, num_init_random=2)
    huge = iter([1e308, -1.7e308, 3.5, 1.7e308, -1e308])
    _, suggestion = shown(searcher, reward=lambda config: next(huge))
    assert math.isfinite(suggestion.why["mean"])
    assert math.isfinite(suggestion.why["sd"])


def test_what_is_pending_is_listed_with_its_draws(shown):
    searcher = GPMultiFidelitySearcher(
        PLANE, max_epochs=9, num_init_random=2, num_fantasy_samples=3
    )
    pending = Pending(7, {"x": 0.5, "y": 0.25}, 3)
    text, _ = shown(searcher, pending=(pending,))
    assert re.search(r"  pending 7:3, drawn:( -?\d\S*){3}\n", text)


def test_hyperparameters_that_are_kept_say_for_how_long(shown):
    searcher = GPFIFOSearcher(PLANE, num_init_random=2, opt_skip_init_length=3, opt_skip_period=3)
    text, _ = shown(searcher, count=4)
    assert "hyperparameters (kept, proposal 3 since they were fitted): noise_variance=" in text


def test_the_constraint_has_hyperparameters_of_its_own(shown):
    text, _ = shown(SEARCHERS["constrained"](PLANE, num_init_random=2))
    assert "hyperparameters of the constraint (fitted to 5 values" in text


def test_of_many_values_the_last_are_listed(shown):
    text, _ = shown(GPFIFOSearcher(PLANE, num_init_random=2), count=47)
    text = " ".join(text.split())
    assert ": ... (7 earlier) 7 8 9 10" in text
    assert " 45 46 standardised: ... (7 earlier) " in text


def test_only_candidates_are_scored_if_there_is_a_list(shown):
    points = [{"x": float(x)} for x in np.linspace(0, 1, 9)]
    searcher = GPFIFOSearcher(LINE, num_init_random=2, candidates=points)
    text, suggestion = shown(searcher, reward=lambda config: -abs(config["x"] - 0.3))
    assert "after 0 evaluations" in text
    assert f"the best of them: x={suggestion.config['x']}" in text


def test_values_without_a_trial_have_no_number(caplog):
    searcher = GPFIFOSearcher(BRANCHES)
    with caplog.at_level(logging.INFO, "agcore"):
        searcher.update(searcher.get_config(), accuracy=0.5)
        config = searcher.get_config()
        searcher.observe(Observation(4, config, None, 0.25))
    assert caplog.messages == [
        "the model learns -: reward 0.5, criterion 0.5",
        "the model learns 4: reward 0.25, criterion 0.75",
    ]
