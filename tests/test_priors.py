"""Priors of search spaces: what is written, drawn, encoded and proposed."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from scipy import stats

import agcore as ag
from agcore.encoding import Encoding
from agcore.errors import SpecError
from agcore.searcher import (
    ConstrainedGPFIFOSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
    RandomSearcher,
)
from agcore.space import SearchSpace
from tests.searcher.dialogues import learn

RATE = ag.Real(1e-4, 1.0, log=True, prior=1e-3, prior_confidence="high")
SPACE = SearchSpace(
    {
        "lr": RATE,
        "momentum": ag.Real(0, 1),
        "net": ag.Categorical(
            "flat", ag.Dict(depth=ag.Int(1, 9, prior=2)), prior=1, prior_confidence="low"
        ),
        "size": ag.Ordinal("small", "medium", "large", prior="large"),
        "warm": ag.Bool(prior=True),
    }
)
"""The option with an index for a label is the likelier one."""


# -- what is written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "default", "text"),
    [
        (RATE, 1e-3, ", prior=0.001, prior_confidence='high'"),
        (ag.Real(0, 1, prior=0.25), 0.25, ", prior=0.25"),
        (ag.Real(0, 1, 0.75, prior=0.25), 0.75, ", prior=0.25"),
        (ag.Real(0, 1, step=0.1, prior=0.3), 0.3, ", prior=0.3"),
        (ag.Int(1, 9, prior=2), 2, ", prior=2"),
        (ag.Bool(prior=True), True, ", prior=True"),
        (ag.Bool(False, prior=True), False, ", prior=True"),
        (ag.Ordinal("a", "b", prior="b"), "b", ", prior='b'"),
        (ag.Categorical("a", "b", prior="b"), "b", ", prior='b'"),
        (ag.Categorical("a", "b", prior={"b": 3, "a": 1}), "b", ", prior={'b': 3, 'a': 1}"),
        (ag.Categorical(len, max, prior=max), max, ", prior='max'"),
    ],
)
def test_a_prior_is_shown_and_is_the_default_if_none_is_given(space, default, text):
    assert repr(space).endswith(text)
    assert space.default == default
    assert SearchSpace({"x": space}).has_priors
    assert repr(pickle.loads(pickle.dumps(space))) == repr(space)


def test_without_a_prior_nothing_changes():
    assert ag.Real(0, 1).prior is None
    assert ag.Categorical("a", "b").config_default == "a"
    assert not SearchSpace({"x": ag.Real(0, 1), "k": ag.Categorical("a")}).has_priors
    assert Encoding(SearchSpace({"x": ag.Real(0, 1)})).beliefs is None


def test_spaces_with_other_priors_are_others():
    assert ag.Int(1, 9, 2) != ag.Int(1, 9, 2, prior=2)
    assert ag.Int(1, 9, 5, prior=2) != ag.Int(1, 9, 5, prior=3)
    assert ag.Int(1, 9, prior=2) == ag.Int(1, 9, prior=2)
    options = ag.Categorical("a", "b", prior="b")
    options[0] = "c"
    assert repr(options) == "Categorical['c', 'b'], prior='b'"
    with pytest.raises(SpecError, match="prior: 'b' is not one of 'c', 'd'"):
        options[1] = "d"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ag.Real(0, 1, prior=2), r"prior: 2 must lie in \[0.0, 1.0\]"),
        (lambda: ag.Int(0, 9, prior=0.5), "prior: 0.5 is not a whole number"),
        (lambda: ag.Real(0, 1, prior=0.5, prior_confidence="hihg"), "did you mean 'high'"),
        (lambda: ag.Real(0, 1, prior_confidence=None), "prior_confidence=None must be one of"),
        (lambda: ag.Categorical("a", "b", prior="c"), "prior: 'c' is not one of 'a', 'b'"),
        (lambda: ag.Categorical("a", "b", prior={"a": 1}), "prior has no weight for 'b'"),
        (lambda: ag.Categorical("a", prior={"a": 0}), "weight 0 of 'a' must be a number above 0"),
        (lambda: ag.Categorical("a", prior={"a": "1"}), "weight '1' of 'a' must be a number"),
        (lambda: ag.Ordinal(1, 2, prior=True), "prior: True is not one of 1, 2"),
    ],
)
def test_what_cannot_be_believed_is_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()


# -- what is drawn -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confidence", "spread"), [("low", 0.5), ("medium", 0.25), ("high", 0.125)]
)
def test_a_guess_is_the_peak_of_a_truncated_normal_distribution(confidence, spread):
    space = ag.Real(0, 10, prior=2, prior_confidence=confidence)
    low, high = (0 - 0.2) / spread, (1 - 0.2) / spread
    expected = stats.truncnorm(low, high, loc=0.2, scale=spread)
    for u in np.linspace(0.001, 0.999, 50):
        assert space.prior.quantile(u) == pytest.approx(expected.ppf(u), abs=1e-9)
    assert space.prior.quantile(0.0) == pytest.approx(0.0, abs=1e-9)
    assert space.prior.quantile(1.0) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("confidence", "times"), [("low", 2), ("medium", 4), ("high", 8)])
def test_a_guessed_option_is_so_many_times_as_likely(confidence, times):
    space = ag.Categorical("a", "b", "c", prior="b", prior_confidence=confidence)
    units = (np.arange(7000) + 0.5) / 7000
    drawn = [space.from_unit(space.prior.quantile(u)) for u in units]
    assert drawn.count("b") / drawn.count("a") == pytest.approx(times, rel=0.01)
    assert drawn.count("a") == pytest.approx(drawn.count("c"), abs=1)


def test_every_second_random_config_follows_the_priors():
    searcher = RandomSearcher(SPACE, first_is_default=False)
    found = [s.config for s in learn(searcher, lambda config: 0.0, 400)]
    distances = [abs(math.log10(config["lr"]) + 3) for config in found]
    assert np.median(distances[1::2]) < 0.5 < 0.7 < np.median(distances[::2])
    assert sum(c["warm"] for c in found[1::2]) > 150 > sum(c["warm"] for c in found[::2]) > 50
    assert SPACE.check(found[0])
    again = RandomSearcher(SPACE, first_is_default=False)
    assert [s.config for s in learn(again, lambda config: 0.0, 400)] == found


def test_encoded_rows_follow_them_like_the_draws():
    encoding, rng = Encoding(SPACE), np.random.default_rng(0)
    configs = encoding.decode_all(encoding.random(rng, 40_000))
    believed, even = configs[1::2], configs[::2]
    assert sum(c["net"] == 1 for c in believed) / 20_000 == pytest.approx(2 / 3, abs=0.01)
    assert sum(c["net"] == 1 for c in even) / 20_000 == pytest.approx(1 / 2, abs=0.01)
    units = [RATE.to_unit(c["lr"]) for c in believed]
    expected = [RATE.prior.quantile(u) for u in rng.random(20_000)]
    assert stats.ks_2samp(units, expected).pvalue > 0.001
    depths = [c["net.1.depth"] for c in believed if c["net"] == 1]
    assert np.mean(depths) < 4.2 < np.mean([c["net.1.depth"] for c in even if c["net"] == 1])


# -- what is encoded -----------------------------------------------------------------------


def test_the_log_density_is_the_sum_over_active_parameters():
    encoding = Encoding(SPACE)
    best = {"lr": 1e-3, "momentum": 0.5, "net": 1, "net.1.depth": 2, "size": "large", "warm": True}
    other = {"lr": 1e-2, "momentum": 0.1, "net": "flat", "size": "medium", "warm": False}
    values = encoding.beliefs(encoding.encode_all([best, other]))
    assert values[0] == pytest.approx(0.0, abs=1e-12)
    decades = 0.25  # of four
    expected = -0.5 * (decades / 0.125) ** 2 - math.log(2) - 0.5 * ((1 / 3) / 0.25) ** 2
    assert values[1] == pytest.approx(expected - 0.5 * (0.5 / 0.25) ** 2)


def test_its_gradient_is_that_of_differences_where_rows_may_move():
    encoding = Encoding(SPACE)
    rows = encoding.random(np.random.default_rng(1), 20)
    _, gradient = encoding.beliefs.with_gradient(rows)
    step = 1e-6
    for column in np.flatnonzero(encoding.is_continuous):
        ahead, behind = rows.copy(), rows.copy()
        ahead[:, column] += step
        behind[:, column] -= step
        slope = (encoding.beliefs(ahead) - encoding.beliefs(behind)) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], slope, atol=1e-7)


# -- what is proposed ----------------------------------------------------------------------


def bump(config):
    """The best learning rate is three decades above the guess."""
    return -((math.log10(config["lr"]) - 0) ** 2) - (config["momentum"] - 0.5) ** 2


KINDS = {
    "fifo": GPFIFOSearcher,
    "classic": lambda space, **k: GPFIFOSearcher(space, profile="classic", **k),
    "multi": lambda space, **k: GPMultiFidelitySearcher(space, max_epochs=9, **k),
    "constrained": lambda space, **k: ConstrainedGPFIFOSearcher(space, constraint_attr="c", **k),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_trusts_the_priors_first_and_the_data_later(kind):
    searcher = KINDS[kind](SPACE, num_init_random=3)
    found = learn(searcher, bump, 40)
    powers = [s.why["prior_power"] for s in found if s.origin == "model"]
    assert powers[0] == pytest.approx(10 / 3)
    assert all(a > b for a, b in itertools.pairwise(powers))
    assert searcher.get_best_config()["lr"] > 0.3  # a wrong belief excludes nothing


def test_a_good_prior_is_worth_evaluations():
    def regret(prior, seed):
        space = SearchSpace({f"x{i}": ag.Real(0, 1, prior=prior) for i in range(6)})

        def reward(config):
            return -sum((value - 0.15) ** 2 for value in config.values())

        searcher = GPFIFOSearcher(space, random_seed=seed)
        learn(searcher, reward, 10)
        return -searcher.get_best_reward()

    with_prior = [regret(0.2, seed) for seed in range(5)]
    without = [regret(None, seed) for seed in range(5)]
    assert np.median(with_prior) < 0.5 * np.median(without)


def test_skopt_says_that_it_makes_no_use_of_them(caplog):
    pytest.importorskip("skopt")
    ag.searcher.SKoptSearcher(SPACE)
    assert "makes no use of the priors" in caplog.text
