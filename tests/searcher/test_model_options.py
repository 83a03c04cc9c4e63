import math

import pytest

from agcore import gp
from agcore.errors import SpecError
from agcore.searcher import GPFIFOSearcher, GPMultiFidelitySearcher, MapReward
from agcore.searcher.model_options import ModelOptions
from tests.searcher.dialogues import LINE, PLANE

WRONG = {
    "profile": ("clasic", 3, None),
    "approximation": ("exact", None),
    "initial_scoring": ("acqfunc", 3, ["acq_func"]),
    "map_reward": ("minus-x", 3, None),
    "num_init_random": (-1, 1.5, "3", True),
    "num_init_candidates": (4, 0),
    "num_fantasy_samples": (0,),
    "opt_nstarts": (0,),
    "opt_maxiter": (0, 2.5),
    "opt_skip_init_length": (-1,),
    "opt_skip_period": (0,),
    "acceptable_regret": (0, -1.0, "1", math.nan, True),
    "acquisition": ("pi", 3, None),
}
WRONG_OF_THE_BOUND = {
    "kappa": (-0.1, "2", math.inf, True),
    "kappa_decay": (0, 1.1, -1, "1", math.nan),
    "kappa_decay_delay": (-1, 2.5, "3", True),
}
WRONG_OF_MULTI_FIDELITY = {
    "max_epochs": (0, None, 1.5),
    "gp_resource_kernel": ("matern",),
    "resource_acq": ("bob", 3),
    "resource_acq_bohb_threshold": (0, 1.5),
}


def pairs(wrong):
    return [(name, value) for name, values in wrong.items() for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(WRONG))
def test_a_value_that_breaks_its_rule_is_named_with_the_rule(name, value):
    with pytest.raises(SpecError, match=f"{name}=.* must be "):
        ModelOptions(**{name: value})
    with pytest.raises(SpecError, match=name):
        GPFIFOSearcher(LINE, **{name: value})


@pytest.mark.parametrize(("name", "value"), pairs(WRONG_OF_THE_BOUND))
def test_so_is_one_of_the_confidence_bound(name, value):
    with pytest.raises(SpecError, match=f"{name}=.* must be "):
        GPFIFOSearcher(LINE, acquisition="ucb", **{name: value})


@pytest.mark.parametrize("option", [{"kappa": 2}, {"kappa_decay": 1}, {"kappa_decay_delay": 0}])
def test_options_of_the_bound_need_the_bound(option):
    with pytest.raises(SpecError, match=r"left out unless acquisition='ucb'"):
        ModelOptions(**option)
    with pytest.raises(SpecError, match=r"acceptable_regret=0\.1 needs an expected improvement"):
        ModelOptions(acquisition="ucb", acceptable_regret=0.1)


def test_kappa_shrinks_with_each_observation_after_the_delay():
    options = ModelOptions(acquisition="ucb", kappa=2, kappa_decay=0.5, kappa_decay_delay=3)
    assert [options.kappa_after(n) for n in (0, 3, 4, 5)] == [2, 2, 1, 0.5]
    assert ModelOptions(acquisition="ucb").kappa_after(50) == 2.576


@pytest.mark.parametrize(("name", "value"), pairs(WRONG_OF_MULTI_FIDELITY))
def test_so_is_one_of_the_options_for_several_fidelities(name, value):
    with pytest.raises(SpecError, match=f"{name}="):
        GPMultiFidelitySearcher(LINE, **{"max_epochs": 9, name: value})


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("profile", "clasic", "classic"),
        ("initial_scoring", "thomson_indep", "thompson_indep"),
        ("map_reward", "1-minus-x", "1_minus_x"),
        ("gp_resource_kernel", "exp-decay-sums", "exp-decay-sum"),
        ("resource_acq", "bohd", "bohb"),
    ],
)
def test_a_misspelt_choice_is_answered_with_the_one_meant(name, value, meant):
    with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
        GPMultiFidelitySearcher(LINE, max_epochs=9, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("opt_warmstart", "no"),
        ("opt_verbose", "no"),
        ("opt_skip_num_max_resource", "no"),
        ("gp_resource_kernel", 3),
        ("candidates", 5),
        ("points_to_evaluate", 5),
        ("min_reward", math.nan),
        ("min_reward", math.inf),
        ("min_reward", "a"),
        ("min_reward", None),
    ],
)
def test_a_value_of_a_wrong_type_is_answered_with_the_option_s_name(name, value):
    with pytest.raises(SpecError, match=name):
        GPMultiFidelitySearcher(LINE, max_epochs=9, **{name: value})


def test_a_map_of_rewards_is_made_of_functions():
    with pytest.raises(SpecError, match="forward=1 must be a function"):
        MapReward(1, 2)


def test_the_classic_profile_has_the_defaults_of_the_ancestor():
    options = ModelOptions(profile="classic")
    assert options.scores_by_draws
    assert not options.is_warm_started
    assert options.num_fantasies == 20
    assert options.search.num_random == 250
    assert options.search.keeps_order
    fit = options.fit_settings(options.settings(3).fit)
    assert (fit.num_starts, fit.num_searches, fit.max_iterations) == (2, 2, 50)
    assert fit.subset_size is None


def test_what_is_given_goes_before_what_the_profile_says():
    options = ModelOptions(
        profile="classic",
        initial_scoring="acq_func",
        opt_warmstart=True,
        opt_nstarts=5,
        opt_maxiter=7,
        num_init_candidates=9,
        num_fantasy_samples=3,
    )
    assert not options.scores_by_draws
    assert options.is_warm_started
    assert (options.search.num_random, options.num_fantasies) == (9, 3)
    fit = options.fit_settings(gp.FitSettings())
    assert (fit.num_starts, fit.num_searches, fit.max_iterations) == (5, 5, 7)
    assert ModelOptions(initial_scoring="thompson_indep").scores_by_draws
    assert not ModelOptions(opt_warmstart=False).is_warm_started


def test_without_approximation_a_fit_takes_all_rows():
    chosen = gp.FitSettings()
    assert ModelOptions().fit_settings(chosen).subset_size == chosen.subset_size
    assert ModelOptions(approximation="none").fit_settings(chosen).subset_size is None


@pytest.mark.parametrize("mapping", ["1_minus_x", "minus_x"])
def test_the_criterion_falls_as_the_reward_grows_and_can_be_reversed(mapping):
    criterion = ModelOptions(map_reward=mapping).criterion
    assert criterion.forward(0.9) < criterion.forward(0.1)
    assert criterion.reverse(criterion.forward(0.25)) == pytest.approx(0.25)


def test_rewards_are_mapped_by_what_is_given():
    mapping = MapReward(lambda reward: -2 * reward, lambda value: -value / 2)
    searcher = GPFIFOSearcher(PLANE, map_reward=mapping)
    searcher.update(searcher.get_config(), accuracy=3.0)
    assert searcher._data.y.tolist() == [-6.0]
    for name, expected in (("1_minus_x", -2.0), ("minus_x", -3.0)):
        searcher = GPFIFOSearcher(PLANE, map_reward=name)
        searcher.update(searcher.get_config(), accuracy=3.0)
        assert searcher._data.y.tolist() == [expected]


def test_a_reward_that_is_mapped_to_no_number_is_left_out_with_a_warning(caplog):
    mapping = MapReward(lambda reward: math.nan, lambda value: value)
    searcher = GPFIFOSearcher(PLANE, map_reward=mapping)
    searcher.update(searcher.get_config(), accuracy=3.0)
    assert len(searcher._data) == 0
    assert "left out of the model" in caplog.text
    assert searcher.get_config() is not None


WHY = {"mean": 0.25, "sd": 0.25, "incumbent": 1.0}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, {}),
        ({"profile": "classic"}, {"profile": "classic"}),
        ({"map_reward": "minus_x"}, {"map_reward": "minus_x"}),
        (
            {"map_reward": MapReward(lambda r: (1 - r) ** 2, lambda c: 1 - math.sqrt(c))},
            {
                "map_reward": "own",
                "rewards": {
                    "mean": 0.5,
                    "low": 1 - math.sqrt(0.5),
                    "high": 1.0,
                    "incumbent": 0.0,
                },
            },
        ),
    ],
)
def test_the_journal_is_told_of_what_is_not_as_by_default(options, told):
    assert ModelOptions(**options).told(WHY) == told


def test_a_criterion_that_is_no_rewards_image_is_left_out():
    mapping = MapReward(lambda r: -math.log(r), lambda c: math.exp(-c) if c > 0.5 else 1 / 0)
    told = ModelOptions(map_reward=mapping).told({"mean": 1.0, "sd": 0.75})
    assert told["rewards"] == {"mean": math.exp(-1.0), "low": math.exp(-1.75)}
    mapping = MapReward(lambda r: -r, lambda c: c**0.5 if c >= 0 else math.inf)
    assert ModelOptions(map_reward=mapping).told({"mean": -1.0, "sd": 0.5})["rewards"] == {}


def test_many_observations_are_fitted_to_when_a_twentieth_is_new():
    options = ModelOptions(opt_skip_init_length=100)
    assert options.is_fit_due(99, 99, 1)
    assert not options.is_fit_due(104, 100, 7)
    assert options.is_fit_due(105, 100, 1)
    every_third = ModelOptions(opt_skip_init_length=100, opt_skip_period=3)
    assert not every_third.is_fit_due(150, 100, 2)
    assert every_third.is_fit_due(101, 100, 3)
    assert ModelOptions(profile="classic", opt_skip_init_length=100).is_fit_due(101, 100, 1)
