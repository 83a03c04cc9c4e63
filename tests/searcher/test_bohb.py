import math

import numpy as np
import pytest
from scipy import stats

import agcore as ag
from agcore.encoding import Encoding
from agcore.errors import SpecError
from agcore.records import Observation, SuggestRequest
from agcore.searcher import BOHBSearcher, RandomSearcher, searcher_factory
from agcore.searcher.bohb import normal_reference
from agcore.space import SearchSpace
from tests.searcher.dialogues import BRANCHES, LINE, PLANE, configs, learn, origins

CUBE = SearchSpace({f"x{i}": ag.Real(0, 1) for i in range(3)})


def observe(searcher, trial_id, config, reward, resource=None, provisional=False):
    searcher.observe(Observation(trial_id, config, resource, reward, provisional))


def told(count, resource=None, space=LINE, **options):
    """A searcher that knows of configs along a diagonal, the last of which is the best."""
    searcher = BOHBSearcher(space, **{"first_is_default": False, **options})
    for trial_id in range(count):
        units = [(trial_id + 0.5) / count] * space.num_units
        observe(searcher, trial_id, space.config_from_units(units), float(trial_id), resource)
    return searcher


def test_the_defaults_are_those_of_the_paper():
    # N_min = d + 1, q = 15%, rho = 1/3, N_s = 64, b_w = 3.
    searcher = BOHBSearcher(CUBE)
    assert searcher.min_points == 3 + 1
    assert searcher.good_fraction == 0.15
    assert searcher.random_fraction == 1 / 3
    assert searcher.num_candidates == 64
    assert searcher.bandwidth_factor == 3


# -- the groups ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [6, 7, 8, 20, 40, 200])
def test_group_sizes_are_those_of_equation_3(count):
    searcher = BOHBSearcher(CUBE)
    assert searcher.min_points == 4  # d + 1
    expected_good = max(4, int(0.15 * count))
    assert searcher.group_sizes(count) == (expected_good, max(4, count - expected_good))


def test_the_groups_are_the_best_and_the_worst_and_may_overlap():
    good, bad = told(5, space=LINE).groups(0)
    assert np.round(good[:, 0], 9).tolist() == [0.9, 0.7]  # min_points is 2
    assert np.round(bad[:, 0], 9).tolist() == [0.5, 0.3, 0.1]
    good, bad = told(5, space=LINE, min_points=3).groups(0)
    assert np.round(good[:, 0], 9).tolist() == [0.9, 0.7, 0.5]
    assert np.round(bad[:, 0], 9).tolist() == [0.5, 0.3, 0.1]


def test_the_model_is_that_of_the_largest_resource_with_enough_observations():
    searcher = told(5, resource=1)  # enough are min_points + 2 = 4
    assert searcher.model_resource() == 1
    for trial_id in range(3):
        config = LINE.config_from_units([(trial_id + 0.5) / 5])
        observe(searcher, trial_id, config, -float(trial_id), resource=3)
    assert searcher.model_resource() == 1
    observe(searcher, 3, LINE.config_from_units([0.7]), -3.0, resource=3, provisional=True)
    assert searcher.model_resource() == 3
    good, _ = searcher.groups(3)
    assert np.round(good[:, 0], 9).tolist() == [0.1, 0.3]  # what counts is seen there
    observe(searcher, 3, LINE.config_from_units([0.7]), -3.0, resource=4, provisional=True)
    assert searcher.model_resource() == 1


def test_below_min_points_and_two_every_config_is_random():
    for count in range(4):
        searcher = told(count, random_fraction=0.0)
        assert searcher.model_resource() is None
        assert searcher.suggest(SuggestRequest(9)).origin == "random"
    assert told(4, random_fraction=0.0).suggest(SuggestRequest(9)).origin == "model"


def test_what_is_infeasible_is_worse_than_all_others_at_every_resource():
    searcher = told(6, resource=3)
    observe(searcher, 7, {"x": 0.99}, math.nan, resource=1)
    observe(searcher, 8, {"x": 0.98}, 100.0, resource=3)
    searcher.trial_failed(8, {"x": 0.98})
    assert searcher.model_resource() == 3
    good, bad = searcher.groups(3)
    assert good[:, 0].max() < 0.95
    assert bad[-2:, 0].tolist() == [0.99, 0.98]
    none_feasible = BOHBSearcher(LINE, random_fraction=0.0, first_is_default=False)
    for trial_id in range(9):
        observe(none_feasible, trial_id, {"x": trial_id / 10}, math.nan)
    assert none_feasible.suggest(SuggestRequest(9)).origin == "random"


# -- the density ---------------------------------------------------------------------------


def test_bandwidths_of_numbers_follow_the_normal_reference_rule():
    encoding = Encoding(PLANE)
    rows = encoding.random(np.random.default_rng(0), 9)
    model = normal_reference(encoding.blocks, rows, 1e-3)
    points = encoding.random(np.random.default_rng(1), 5)
    bandwidths = 1.06 * rows.std(axis=0) * 9 ** (-1 / (4 + 2))
    kernels = stats.norm(rows, bandwidths).pdf(points[:, np.newaxis])
    np.testing.assert_allclose(np.exp(model.log_density(points)), kernels.prod(axis=2).mean(axis=1))
    wide = normal_reference(encoding.blocks, rows, 1e-3, 3.0)
    kernels = stats.norm(rows, 3 * bandwidths).pdf(points[:, np.newaxis])
    np.testing.assert_allclose(np.exp(wide.log_density(points)), kernels.prod(axis=2).mean(axis=1))


def test_kernels_of_categories_are_those_of_aitchison_and_aitken():
    space = SearchSpace({"kind": ag.Categorical("a", "b", "c")})
    encoding = Encoding(space)
    rows = encoding.encode_all([{"kind": kind} for kind in "aaaabb"])
    chances = np.exp(normal_reference(encoding.blocks, rows, 1e-3).log_density(np.eye(3)))
    spread = math.sqrt((1 - (4 / 6) ** 2 - (2 / 6) ** 2) / 2)
    assert spread == pytest.approx(np.std([0, 0, 0, 0, 1, 1]))
    bandwidth = 1.06 * spread * 6 ** (-1 / 5)
    others = bandwidth / 2
    expected = [(4 * (1 - bandwidth) + 2 * others) / 6, (2 * (1 - bandwidth) + 4 * others) / 6]
    np.testing.assert_allclose(chances, [*expected, others])
    even = np.exp(normal_reference(encoding.blocks, rows, 1e-3, 100.0).log_density(np.eye(3)))
    np.testing.assert_allclose(even, 1 / 3)


def test_bandwidths_have_a_floor():
    rows = np.full((4, 1), 0.5)
    blocks = Encoding(LINE).blocks
    density = normal_reference(blocks, rows, 0.02).log_density(np.array([[0.51]]))
    assert density == pytest.approx(stats.norm(0.5, 0.02).logpdf(0.51))
    few = Encoding(SearchSpace({"n": ag.Int(1, 4)}))
    density = normal_reference(few.blocks, few.encode_all([{"n": 2}] * 4), 1e-3)
    expected = stats.norm(0.375, 0.125).logpdf(0.625)  # half a cell
    assert density.log_density(few.encode_all([{"n": 3}])) == pytest.approx(expected)


# -- proposals -----------------------------------------------------------------------------


def test_a_share_of_the_proposals_is_random():
    searcher = told(30)
    found = [searcher.suggest(SuggestRequest(draw)) for draw in range(30, 630)]
    assert np.mean([origin == "random" for origin in origins(found)]) == pytest.approx(
        1 / 3, abs=0.06
    )
    always = told(30, random_fraction=1.0)
    assert {always.suggest(SuggestRequest(draw)).origin for draw in range(30, 40)} == {"random"}


def test_a_proposal_says_its_groups_ratio_and_resource():
    searcher = told(20, resource=3, random_fraction=0.0)
    suggestion = searcher.suggest(SuggestRequest(20))
    why = dict(suggestion.why)
    assert why.pop("log_density_ratio") > 0
    assert why == {"good": 3, "bad": 17, "resource": 3, "drawn": 64}
    assert suggestion.config["x"] > 0.6


def test_a_random_config_says_why_it_is_random():
    by_chance = told(30, random_fraction=1.0).suggest(SuggestRequest(30))
    assert (by_chance.origin, by_chance.why) == ("random", {"random_fraction": 1.0})
    few = told(3, resource=1, random_fraction=0.0).suggest(SuggestRequest(3))
    assert few.why == {"observations": 3, "needed": 4, "resource": 1}
    none = told(0, random_fraction=0.0).suggest(SuggestRequest(0))
    assert none.why == {"observations": 0, "needed": 4}
    kept = told(20, random_fraction=0.0, constraint=lambda config: config["x"] < 0.1)
    found = [kept.suggest(SuggestRequest(draw)) for draw in range(20, 26)]
    assert {"in_vain": 64} in [s.why for s in found if s.origin == "random"]


def test_a_proposal_says_how_many_of_the_bad_have_failed():
    searcher = told(20, random_fraction=0.0)
    searcher.trial_failed(0, {"x": 0.5 / 20})
    assert searcher.suggest(SuggestRequest(20)).why["failed"] == 1


def test_the_best_of_all_candidates_is_proposed():
    listed = [{"x": i / 50} for i in range(51)]
    searcher = told(20, random_fraction=0.0, candidates=listed)
    good, bad = searcher.groups(0)
    blocks = searcher.encoding.blocks
    least = searcher.min_bandwidth
    above, below = (normal_reference(blocks, rows, least) for rows in (good, bad))
    rows = searcher.encoding.encode_all(listed)
    ratios = above.log_density(rows) - below.log_density(rows)
    suggestion = searcher.suggest(SuggestRequest(20))
    assert suggestion.config == listed[int(ratios.argmax())]
    assert suggestion.why["log_density_ratio"] == pytest.approx(ratios.max())


def test_branches_are_kept():
    for config in configs(learn(BOHBSearcher(BRANCHES, min_points=2), len, 25)):
        assert BRANCHES.complete(config) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_points": 1}, "min_points=1 must be a whole number of at least 2"),
        ({"good_fraction": 1}, "good_fraction=1 must be a number between 0 and 1"),
        ({"random_fraction": -0.1}, "random_fraction=-0.1 must be a number from 0 to 1"),
        ({"num_candidates": 0}, "num_candidates=0 must be a whole number"),
        ({"bandwidth_factor": 0.5}, "bandwidth_factor=0.5 must be at least 1; try 3"),
        ({"min_bandwidth": 0}, "min_bandwidth=0 must be a number between 0 and 1"),
    ],
)
def test_options_that_break_their_rule_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        BOHBSearcher(LINE, **options)


def test_it_is_made_by_name_under_both_schedulers():
    searcher = searcher_factory("bohb", LINE, {"random_fraction": 0.5}, max_resource=9)
    assert (type(searcher), searcher.max_epochs) == (BOHBSearcher, 9)
    assert searcher_factory("bohb", LINE).max_epochs is None
    assert searcher.random_fraction == 0.5


@pytest.mark.parametrize("resources", [(None,), (1, 3, 9)])
def test_it_beats_random_search(resources):
    def reward(config):
        return -sum((value - 0.3) ** 2 for value in config.values())

    def best(kind, seed):
        searcher = kind(CUBE, random_seed=seed)
        learn(searcher, reward, 60, resources)
        return searcher.get_best_reward()

    modelled = [best(BOHBSearcher, seed) for seed in range(7)]
    drawn = [best(RandomSearcher, seed) for seed in range(7)]
    assert np.median(modelled) > 0.6 * np.median(drawn)
