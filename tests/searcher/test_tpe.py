import math

import numpy as np
import pytest
from scipy import stats

import agcore as ag
from agcore.encoding import Encoding
from agcore.errors import SpecError
from agcore.records import Observation, Pending, SuggestRequest
from agcore.searcher import RandomSearcher, TPESearcher, searcher_factory
from agcore.searcher.parzen import Parzen
from agcore.searcher.tpe import kernels_of, neighbour_distances, old_decay
from agcore.space import SearchSpace
from tests.searcher.dialogues import BRANCHES, LINE, PLANE, configs, learn, origins


def observe(searcher, trial_id, config, reward, resource=None):
    searcher.observe(Observation(trial_id, config, resource, reward))


def told(count, space=LINE, **options):
    """A searcher that knows of configs along a diagonal, the last of which is the best."""
    searcher = TPESearcher(space, **{"first_is_default": False, **options})
    for trial_id in range(count):
        units = [(trial_id + 0.5) / count] * space.num_units
        observe(searcher, trial_id, space.config_from_units(units), float(trial_id))
    return searcher


def truncated(centres, spreads):
    centres, spreads = np.array(centres), np.array(spreads)
    ends = -centres / spreads, (1 - centres) / spreads
    return stats.truncnorm(*ends, loc=centres, scale=spreads)


# -- the groups ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "good"), [(1, 1), (10, 1), (11, 2), (40, 4), (250, 25), (1000, 25)]
)
def test_a_tenth_of_the_trials_is_good_and_25_at_most(count, good):
    assert TPESearcher(LINE).num_good(count) == good


def test_the_best_are_good_and_the_oldest_stand_first():
    good, bad = told(20).groups()
    assert np.round(good[:, 0], 9).tolist() == [0.925, 0.975]
    np.testing.assert_allclose(bad[:, 0], (np.arange(18) + 0.5) / 20)


def test_trials_are_ranked_by_their_resource_first():
    searcher = told(0, good_fraction=0.5)
    for trial_id, (resource, reward) in enumerate([(1, 0.9), (3, 0.1), (9, 0.2), (3, 0.3)]):
        observe(searcher, trial_id, {"x": trial_id / 10}, reward, resource)
    good, bad = searcher.groups()
    assert good[:, 0].tolist() == [0.2, 0.3]
    assert bad[:, 0].tolist() == [0.0, 0.1]


def test_what_is_infeasible_or_runs_is_bad():
    searcher = told(10)
    observe(searcher, 20, {"x": 0.99}, math.nan)
    searcher.trial_failed(9, {"x": 0.95})
    pending = [Pending(30, {"x": 0.77}), Pending(3, LINE.config_from_units([0.35]))]
    good, bad = searcher.groups(pending)
    np.testing.assert_allclose(good[:, 0], [0.85])
    rest = [(i + 0.5) / 10 for i in range(8)]
    np.testing.assert_allclose(bad[:, 0], [0.99, 0.95, *rest, 0.77])


# -- the densities -------------------------------------------------------------------------


def test_old_observations_fade_linearly_behind_25_recent_ones():
    assert old_decay(25).tolist() == [1.0] * 25
    weights = old_decay(35)
    np.testing.assert_allclose(weights[:10], np.linspace(1 / 35, 1, 10))
    assert weights[10:].tolist() == [1.0] * 25


def test_together_numbers_have_gaussian_kernels_of_one_width_and_a_wide_one():
    encoding = Encoding(PLANE)
    rows = encoding.random(np.random.default_rng(0), 9)
    kernels = [kernels_of(block, rows, None, 2) for block in encoding.blocks]
    points = encoding.random(np.random.default_rng(1), 5)
    spreads = [0.2 * 9 ** (-1 / (2 + 4))] * 9 + [1.0]
    expected = 1.0
    for column in range(2):
        kernel = truncated([*rows[:, column], 0.5], spreads)
        expected = expected * kernel.pdf(points[:, column, np.newaxis])
    found = np.exp(Parzen(kernels, np.ones(10)).log_density(points))
    np.testing.assert_allclose(found, expected.mean(axis=1))


def test_on_its_own_a_number_has_kernels_as_wide_as_the_gaps_between_observations():
    assert neighbour_distances(np.array([0.5])).tolist() == [1.0]
    found = neighbour_distances(np.array([0.9, 0.1, 0.2, 0.5]))
    np.testing.assert_allclose(found, [0.4, 0.1, 0.3, 0.4])
    rows = np.array([[0.9], [0.1], [0.2]])
    kernels = kernels_of(Encoding(LINE).blocks[0], rows, None, None)
    expected = truncated([0.9, 0.1, 0.2, 0.5], [0.4, 0.2, 0.3, 1.0])  # 1 / 5 at least
    points = np.array([[0.05], [0.6]])
    np.testing.assert_allclose(kernels.log_density(points), expected.logpdf(points))


def test_kernels_are_not_narrower_than_magic_clipping_or_half_a_cell_allows():
    line, few = Encoding(LINE).blocks[0], Encoding(SearchSpace({"n": ag.Int(1, 3)})).blocks[0]
    rows = np.full((8, 1), 0.5)
    for block, least in ((line, 0.1), (few, 1 / 6)):
        density = kernels_of(block, rows, None, None).log_density(np.array([[0.6]]))
        assert density[0, 0] == pytest.approx(truncated(0.5, least).logpdf(0.6))


def test_an_option_gets_the_share_of_its_kernel_and_of_an_even_one():
    block = Encoding(SearchSpace({"kind": ag.Categorical("a", "b", "c")})).blocks[0]
    chances = np.exp(kernels_of(block, np.eye(3)[[0, 2]], None, 1).log_density(np.eye(3)))
    more, less = (1 + 1 / 3) / 2, (1 / 3) / 2  # three kernels, each with 1/3 for every option
    expected = np.array([[more, less, less], [less, less, more], [1 / 3, 1 / 3, 1 / 3]]).T
    np.testing.assert_allclose(chances, expected)


def test_beliefs_are_a_component_of_the_good_density():
    space = SearchSpace(
        {
            "x": ag.Real(0, 1, prior=0.2, prior_confidence="high"),
            "kind": ag.Categorical("a", "b", prior={"a": 1, "b": 3}),
            "on": ag.Bool(prior=True),
        }
    )
    encoding = Encoding(space)
    priors = [hp.space.prior for hp in space.get_hyperparameters()]
    nothing = np.empty((0, encoding.num_columns))
    kernels = [
        kernels_of(block, nothing, prior, 3)
        for block, prior in zip(encoding.blocks, priors, strict=True)
    ]
    point = encoding.encode_all([{"x": 0.3, "kind": "b", "on": True}])
    x, kind, on = (kernel.log_density(point)[0, 0] for kernel in kernels)
    assert x == pytest.approx(truncated(0.2, 0.125).logpdf(0.3))
    assert math.exp(kind) == pytest.approx(0.75)
    prior = stats.truncnorm(-0.75 / 0.25, 0.25 / 0.25, loc=0.75, scale=0.25)
    assert math.exp(on) == pytest.approx(prior.sf(0.5))


@pytest.mark.parametrize("multivariate", [True, False])
def test_a_wrong_prior_excludes_nothing(multivariate):
    space = SearchSpace({f"x{i}": ag.Real(0, 1, prior=0.9) for i in range(4)})

    def best(seed):
        searcher = TPESearcher(space, random_seed=seed, multivariate=multivariate)
        learn(searcher, lambda c: -sum((v - 0.15) ** 2 for v in c.values()), 30)
        return searcher.get_best_reward()

    assert np.median([best(seed) for seed in range(5)]) > -0.1  # -2.25 where it is believed


# -- proposals -----------------------------------------------------------------------------


def test_configs_are_random_until_there_are_enough_trials():
    found = learn(TPESearcher(PLANE, num_init_random=5), lambda config: -config["x"], 9)
    assert origins(found) == ["default"] + ["random"] * 4 + ["model"] * 4
    only_bad = TPESearcher(LINE, num_init_random=2, first_is_default=False)
    for trial_id in range(5):
        observe(only_bad, trial_id, {"x": trial_id / 10}, math.nan)
    assert only_bad.suggest(SuggestRequest(5)).origin == "random"


@pytest.mark.parametrize("multivariate", [True, False])
def test_a_proposal_says_its_groups_and_ratio(multivariate):
    searcher = told(20, multivariate=multivariate, max_epochs=9)
    suggestion = searcher.suggest(SuggestRequest(20))
    why = dict(suggestion.why)
    assert why.pop("log_density_ratio") > 0
    drawn = {"drawn": 24} if multivariate else {"drawn": 8, "draws_each": 24}
    assert why == {"good": 2, "bad": 18, "resource": 9} | drawn
    assert suggestion.config["x"] > 0.7


def test_a_proposal_says_who_is_bad_without_a_value():
    searcher = told(12)
    searcher.trial_failed(5, {"x": 5.5 / 12})
    running = tuple(Pending(12 + i, {"x": 0.1 * i}) for i in range(3))
    why = searcher.suggest(SuggestRequest(15, running)).why
    assert (why["good"], why["bad"], why["failed"], why["running"]) == (2, 13, 1, 3)


def test_a_random_config_says_why_it_is_random():
    few = told(4, num_init_random=5).suggest(SuggestRequest(4))
    assert (few.origin, few.why) == ("random", {"trials": 4, "num_init_random": 5})
    kept = told(20, constraint=lambda config: config["x"] < 0.02)
    found = [kept.suggest(SuggestRequest(draw)) for draw in range(20, 30)]
    assert {"in_vain": 24} in [s.why for s in found if s is not None and s.origin == "random"]


def test_a_proposal_says_how_many_better_ones_it_had_to_pass_over():
    listed = [{"x": i / 50} for i in range(51)]
    searcher = told(20, candidates=listed)
    first, second = (searcher.suggest(SuggestRequest(draw)).why for draw in (20, 21))
    assert first["candidates"] == second["candidates"] == 51
    assert "passed_over" not in first
    assert second["passed_over"] >= 1


@pytest.mark.parametrize("multivariate", [True, False])
def test_the_best_of_all_candidates_is_proposed(multivariate):
    listed = [{"x": i / 50} for i in range(51)]
    searcher = told(20, candidates=listed, multivariate=multivariate)
    good, bad = searcher.groups()
    (block,) = searcher.encoding.blocks
    together = 1 if multivariate else None
    above, below = (
        Parzen([kernels_of(block, rows, None, together)], np.ones(len(rows) + 1))
        for rows in (good, bad)
    )
    rows = searcher.encoding.encode_all(listed)
    ratios = above.log_density(rows) - below.log_density(rows)
    assert searcher.suggest(SuggestRequest(20)).config == listed[int(ratios.argmax())]


def test_on_its_own_a_parameter_of_a_branch_is_modelled_from_that_branch():
    space = SearchSpace({"net": ag.Categorical("flat", ag.Dict(rate=ag.Real(0, 1)))})
    searcher = TPESearcher(space, multivariate=False, first_is_default=False, good_fraction=0.25)
    observe(searcher, 0, {"net": "flat"}, -2.0)
    for i in range(1, 12):
        observe(searcher, i, {"net": 1, "net.1.rate": 0.9 - 0.05 * i}, float(i))
    (_, part), (good, bad) = searcher._parts, searcher.groups()
    above, below = (searcher._estimate(part, rows, ()) for rows in (good, bad))
    assert (len(good), len(above.weights)) == (3, 4)
    assert (len(bad), len(below.weights)) == (9, 9)  # all but the flat one, and the wide kernel


@pytest.mark.parametrize("multivariate", [True, False])
def test_branches_are_kept(multivariate):
    searcher = TPESearcher(BRANCHES, num_init_random=3, multivariate=multivariate)
    for config in configs(learn(searcher, len, 25)):
        assert BRANCHES.complete(config) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_init_random": -1}, "num_init_random=-1 must be a whole number of at least 0"),
        ({"num_candidates": 0}, "num_candidates=0 must be a whole number"),
        ({"good_fraction": 0}, "good_fraction=0 must be a number between 0 and 1"),
        ({"max_good": 0}, "max_good=0 must be a whole number"),
        ({"weights": "old"}, "weights='old' must be one of 'old_decay', 'uniform'"),
        ({"multivariate": 1}, "multivariate=1 must be True or False"),
    ],
)
def test_options_that_break_their_rule_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        TPESearcher(LINE, **options)


def test_it_is_made_by_name_under_both_schedulers():
    searcher = searcher_factory("tpe", LINE, {"multivariate": False}, max_resource=9)
    assert (type(searcher), searcher.max_epochs) == (TPESearcher, 9)
    assert searcher_factory("tpe", LINE).multivariate
    assert not searcher.multivariate


@pytest.mark.parametrize("options", [{}, {"multivariate": False}, {"weights": "uniform"}])
def test_it_beats_random_search(options):
    space = SearchSpace({f"x{i}": ag.Real(0, 1) for i in range(3)})

    def best(kind, seed, **options):
        searcher = kind(space, random_seed=seed, **options)
        learn(searcher, lambda c: -sum((v - 0.3) ** 2 for v in c.values()), 50)
        return searcher.get_best_reward()

    modelled = [best(TPESearcher, seed, **options) for seed in range(7)]
    drawn = [best(RandomSearcher, seed) for seed in range(7)]
    assert np.median(modelled) > 0.6 * np.median(drawn)
