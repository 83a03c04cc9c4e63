import logging
import math
import re
import shutil

import numpy as np
import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Observation, Pending, Suggestion, SuggestRequest, TrialProposed
from agcore.searcher import GPMultiFidelitySearcher, MapReward, gp_multi_fidelity
from tests.searcher.dialogues import (
    BRANCHES,
    LINE,
    PLANE,
    Dialogue,
    bowl,
    configs,
    is_finite,
    learn,
    origins,
    through_json,
)

KERNELS = (
    "matern52",
    "matern52-res-warp",
    "exp-decay-sum",
    "exp-decay-combined",
    "exp-decay-delta1",
)
RUNGS = (1, 3, 9)


def multi(space=PLANE, **options):
    return GPMultiFidelitySearcher(space, max_epochs=9, **{"num_init_random": 3, **options})


def with_counts(counts, space=PLANE, **options):
    """A searcher that knows so many values at each resource."""
    searcher = multi(space, num_init_random=0, **options)
    number = 0
    for resource, count in counts.items():
        for _ in range(count):
            config = space.sample_configuration(np.random.default_rng(number))
            searcher.observe(Observation(number, config, resource, 0.1 * number))
            number += 1
    return searcher


# -- kernels -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["default", "classic"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_proposes_canonical_configs_and_says_why(kernel, profile):
    searcher = multi(gp_resource_kernel=kernel, profile=profile)
    suggestions = learn(searcher, bowl, 6, RUNGS)
    assert origins(suggestions) == ["default", *["model"] * 5]
    for suggestion in suggestions[1:]:
        assert PLANE.complete(suggestion.config) == suggestion.config
        assert is_finite(through_json(suggestion)[2])
        assert {"resource", "observations", "incumbent", "fit"} <= suggestion.why.keys()
    assert suggestions[-1].why["observations"] == 15


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_goes_on_in_the_same_way_after_resuming(kernel, monkeypatch):
    def make():
        return multi(gp_resource_kernel=kernel, opt_skip_init_length=10, opt_skip_period=3)

    dialogue = Dialogue(make, 11, milestones=RUNGS, provisional=True)
    fitted = ["fit" in s.why for s in dialogue.suggestions if s.origin == "model"]
    assert False in fitted
    assert True in fitted
    assert dialogue.unlike_after_resuming(monkeypatch, every=3) == []


MATERN = ["noise_variance", "mean_mean_value", "kernel_covariance_scale"]
DECAY = [
    "noise_variance",
    "kernel_alpha",
    "kernel_mean_lam",
    "kernel_gamma",
    "kernel_kernelx_inv_bw0",
    "kernel_kernelx_inv_bw1",
    "kernel_kernelx_covariance_scale",
    "kernel_meanx_mean_value",
]
NAMES = {
    "matern52": [*MATERN, *(f"kernel_inv_bw{k}" for k in range(3))],
    "exp-decay-sum": DECAY,
    "exp-decay-delta1": DECAY,
    "exp-decay-combined": [*DECAY, "kernel_delta"],
}


@pytest.mark.parametrize("kernel", NAMES)
def test_hyperparameters_have_the_known_names(kernel):
    searcher = multi(gp_resource_kernel=kernel)
    learn(searcher, bowl, 3, RUNGS)
    assert sorted(searcher.model_parameters()) == sorted(NAMES[kernel])


def test_a_warped_resource_has_two_exponents_named_by_its_column():
    searcher = multi(gp_resource_kernel="matern52-res-warp")
    learn(searcher, bowl, 3, RUNGS)
    names = set(searcher.model_parameters())
    assert {name for name in names if "warping" in name} == {
        "kernel_warping_a2",
        "kernel_warping_b2",
    }


def test_a_misspelt_kernel_is_refused_when_the_searcher_is_made():
    with pytest.raises(SpecError, match=r"gp_resource_kernel='matern53'.*did you mean 'matern52'"):
        multi(gp_resource_kernel="matern53")


@pytest.mark.parametrize("kernel", KERNELS)
def test_branches_and_many_options_are_searched(kernel):
    searcher = multi(BRANCHES, gp_resource_kernel=kernel, num_init_random=4)
    found = learn(searcher, lambda config: len(str(config)) / 7, 6, (1, 3))
    for config in configs(found):
        assert BRANCHES.complete(config) == config
    assert "model" in origins(found)


@pytest.mark.parametrize("options", [{"min_reward": -5.0}, {"min_reward": 1.0}])
def test_the_least_reward_sets_the_scale_of_the_classic_exponential_kernels(options):
    searcher = multi(profile="classic", gp_resource_kernel="exp-decay-sum", **options)
    learn(searcher, bowl, 3, RUNGS)
    scale = abs(1 - options["min_reward"]) or 1.0
    assert 0 < searcher.model_parameters()["kernel_gamma"] <= scale * (1 + 1e-9)


# -- the resource at which a proposal is to improve ----------------------------------------


@pytest.mark.parametrize(
    ("counts", "threshold", "expected"),
    [
        ({1: 5, 3: 4, 9: 3}, None, 3),  # two columns: four are enough
        ({1: 5, 3: 4, 9: 4}, None, 9),
        ({1: 5, 3: 2, 9: 2}, 3, 1),
        ({1: 5, 3: 2, 9: 1}, 1, 9),
        ({3: 1, 9: 1}, None, 3),  # nowhere enough: the lowest
        ({9: 1}, 5, 9),
    ],
)
def test_bohb_aims_at_the_largest_resource_with_enough_values(counts, threshold, expected):
    searcher = with_counts(counts, resource_acq_bohb_threshold=threshold)
    request = SuggestRequest(20, first_milestone=3)
    assert searcher.target_resource(request) == expected
    searcher.suggest(request)  # the default
    assert searcher.suggest(request).why["resource"] == expected


def test_in_the_classic_profile_as_many_as_columns_are_enough():
    searcher = with_counts({1: 5, 3: 2, 9: 1}, profile="classic")
    assert searcher.target_resource(SuggestRequest(9)) == 3


@pytest.mark.parametrize("milestone", [1, 3, 9])
def test_first_aims_at_the_first_milestone_even_if_nobody_was_there(milestone):
    searcher = with_counts({1: 4, 3: 3}, resource_acq="first")
    request = SuggestRequest(20, first_milestone=milestone)
    assert searcher.target_resource(request) == milestone
    searcher.suggest(request)
    suggestion = searcher.suggest(request)
    assert suggestion.why["resource"] == milestone
    assert is_finite(dict(suggestion.why))


def test_first_without_a_milestone_is_bohb():
    assert with_counts({1: 6, 3: 4}, resource_acq="first").target_resource(SuggestRequest(9)) == 3


def test_without_a_value_the_target_is_some_resource():
    assert 1 <= multi().target_resource(SuggestRequest(0)) <= 9


def test_resources_beyond_the_largest_count_as_the_largest():
    searcher = with_counts({1: 5, 27: 5})
    assert searcher.target_resource(SuggestRequest(10)) == 9


@pytest.mark.parametrize(
    "epoch",
    [
        3,
        np.int64(3),
    ],
)
def test_a_resource_told_by_hand_may_be_any_whole_number(epoch):
    searcher = multi(num_init_random=1)
    for _ in range(3):
        searcher.update(searcher.get_config(), accuracy=0.1, epoch=epoch)
    assert through_json(searcher.suggest(SuggestRequest(3)))[2]["resource"] == 3


def test_the_largest_resource_is_taken_from_values_without_one():
    searcher = with_counts({None: 3})
    assert searcher.target_resource(SuggestRequest(3)) == 9
    assert [case.resource for case in searcher._data.cases] == [9] * 3


def test_resources_are_encoded_as_whole_numbers_from_one_to_the_largest():
    searcher = multi(LINE)
    units = [searcher._row({"x": 0.5}, resource)[-1] for resource in (1, 5, 9, 27)]
    assert units == pytest.approx([0.5 / 9, 0.5, 8.5 / 9, 8.5 / 9])


# -- pending, provisional and failed trials ------------------------------------------------


def test_a_trial_pending_at_a_milestone_is_fantasised_there(monkeypatch):
    from agcore import gp

    rows = []
    real = gp.Posterior.fantasise

    def spy(self, X, rng, count):
        rows.extend(X.tolist())
        return real(self, X, rng, count)

    monkeypatch.setattr(gp.Posterior, "fantasise", spy)
    searcher = with_counts({1: 3})
    searcher.suggest(SuggestRequest(8))
    pending = (Pending(7, {"x": 0.25, "y": 1.0}, 3), Pending(8, {"x": 0.75, "y": 1.0}))
    assert searcher.suggest(SuggestRequest(9, pending)).origin == "model"
    assert rows == [[0.25, 1.0, pytest.approx(2.5 / 9)], [0.75, 1.0, pytest.approx(8.5 / 9)]]


def test_a_promoted_trial_is_pending_although_its_config_was_seen_lower():
    searcher = with_counts({1: 3})
    known = searcher._data.cases[0]
    config = PLANE.sample_configuration(np.random.default_rng(0))
    assert known.key == PLANE.key(config)
    assert len(searcher._pending_rows((Pending(0, config, 1),))) == 0
    assert len(searcher._pending_rows((Pending(0, config, 3),))) == 1


def test_pending_trials_lead_elsewhere():
    def proposed(pending):
        searcher = with_counts({1: 6}, LINE, first_is_default=False)
        return searcher.suggest(SuggestRequest(6, pending)).config["x"]

    alone = proposed(())
    beside = proposed((Pending(6, {"x": alone}, 1),))
    assert abs(alone - beside) > 0.01


# -- configs without a value where improvement is expected ---------------------------------


def steps_where_all_are_stopped(searcher):
    """The median distance from a config to the next, if no trial gets beyond the first rung."""
    found = learn(searcher, lambda config: -1.0, 12, (1,), first=4)
    return np.median(np.abs(np.diff([suggestion.config["x"] for suggestion in found])))


def rising(**options):
    """A searcher that has seen the reward rise with x at all rungs, up to x = 0.3."""
    enough = {"num_init_random": 0, "resource_acq_bohb_threshold": 3, "first_is_default": False}
    searcher = multi(LINE, **enough, **options)
    for number, x in enumerate((0.0, 0.1, 0.2, 0.3)):
        for resource in RUNGS:
            searcher.observe(Observation(number, {"x": x}, resource, x * resource / 9))
    return searcher


def believe_nothing(monkeypatch):
    monkeypatch.setattr(
        GPMultiFidelitySearcher, "_believing", lambda self, posterior, *_: posterior
    )


def test_it_leaves_the_place_where_trials_are_stopped_below(monkeypatch):
    assert steps_where_all_are_stopped(rising()) > 0.02
    believe_nothing(monkeypatch)  # else this would test nothing
    assert steps_where_all_are_stopped(rising()) < 0.005


def test_what_it_expects_does_not_change_with_what_it_believes(monkeypatch):
    searcher, config = rising(), {"x": 0.6}
    searcher.observe(Observation(4, config, 1, -1.0))
    first = searcher.suggest(SuggestRequest(5))
    assert (first.why["resource"], first.why["believed"]) == (9, 1)
    believe_nothing(monkeypatch)
    other = rising()
    other.observe(Observation(4, config, 1, -1.0))
    second = other.suggest(SuggestRequest(5))
    assert second.why["incumbent"] == first.why["incumbent"]
    assert second.config != first.config


def believed(counts, pending=(), **options):
    """How many configs a searcher believes in that knows so many values at each resource."""
    options = {"resource_acq_bohb_threshold": 5, "first_is_default": False, **options}
    suggestion = with_counts(counts, **options).suggest(SuggestRequest(99, pending))
    return through_json(suggestion)[2]["believed"]


def test_it_believes_in_configs_that_were_seen_or_run_below_but_are_not_due():
    assert believed({1: 4, 3: 5}) == 4
    below, due = Pending(8, {"x": 0.8, "y": 0.5}, 1), Pending(9, {"x": 0.9, "y": 0.5}, 3)
    assert believed({1: 4, 3: 5}, (below, due)) == 5
    promoted = PLANE.sample_configuration(np.random.default_rng(0))
    assert believed({1: 4, 3: 5}, (Pending(0, promoted, 3),)) == 3


def test_where_all_were_seen_there_is_nothing_to_believe():
    assert believed({1: 4}) == 0


def test_the_classic_profile_believes_nothing():
    assert believed({1: 4, 3: 5}, profile="classic") == 0


def test_of_many_configs_it_believes_in_some(monkeypatch):
    monkeypatch.setattr(gp_multi_fidelity, "_MOST_BELIEVED", 6)
    assert believed({1: 20, 3: 5}) == 6


def test_each_trial_s_latest_report_replaces_the_provisional_one_before():
    searcher = multi()
    config = searcher.suggest(SuggestRequest(0)).config
    for resource in (1, 2):
        searcher.observe(Observation(0, config, resource, 0.1 * resource, provisional=True))
    searcher.observe(Observation(0, config, 3, 0.3))
    searcher.observe(Observation(0, config, 4, 0.4, provisional=True))
    assert [case.resource for case in searcher._data.cases] == [3, 4]


def test_a_result_is_taken_back_at_its_resource_only():
    searcher = multi()
    config = searcher.get_config()
    for epoch in (1, 3):
        searcher.update(config, accuracy=0.1, epoch=epoch)
    searcher.remove_case(config, accuracy=0.1, epoch=1)
    assert [case.resource for case in searcher._data.cases] == [3]


@pytest.mark.parametrize("reward", [math.nan, 0.0, 1e300, -1e300, 1e-300])
@pytest.mark.parametrize("kernel", KERNELS)
def test_no_reward_stops_it(kernel, reward):
    searcher = multi(gp_resource_kernel=kernel, num_init_random=1)
    for suggestion in learn(searcher, lambda config: reward, 3, RUNGS):
        assert is_finite(through_json(suggestion))


@pytest.mark.parametrize("kernel", KERNELS)
def test_rewards_of_all_sizes_do_not_stop_it(kernel):
    for scale in (1e300, 1e-300):
        searcher = multi(gp_resource_kernel=kernel, num_init_random=1, map_reward="minus_x")
        for suggestion in learn(searcher, lambda c, s=scale: s * (2 * c["x"] - 1), 3, RUNGS):
            assert is_finite(through_json(suggestion))


# -- when it is refitted -------------------------------------------------------------------


def test_fits_may_wait_for_a_new_value_at_the_largest_resource():
    searcher = multi(LINE, opt_skip_init_length=6, opt_skip_num_max_resource=True)
    found = []
    for number in range(10):
        resources = RUNGS if number in (0, 1, 5) else (1,)
        found += learn(searcher, bowl, 1, resources, first=number)
    fitted = ["fit" in suggestion.why for suggestion in found]
    # From the seventh value on, only those after trial 5 had reached the top.
    assert fitted == [False, True, True, *[False] * 3, True, *[False] * 3]


def test_after_resuming_they_wait_for_it_too():
    def make():
        return multi(LINE, opt_skip_init_length=6, opt_skip_num_max_resource=True)

    live, told = make(), make()
    for number in range(9):
        resources = RUNGS if number in (0, 1, 5) else (1,)
        suggestion = live.suggest(SuggestRequest(number, first_milestone=1))
        told.recall(Suggestion(*through_json(suggestion)))
        for resource in resources:
            seen = Observation(number, suggestion.config, resource, bowl(suggestion.config))
            live.observe(seen)
            told.observe(seen)
    expected = live.suggest(SuggestRequest(9, first_milestone=1))
    assert "fit" not in expected.why
    assert through_json(told.suggest(SuggestRequest(9, first_milestone=1))) == through_json(
        expected
    )


def test_without_the_option_every_new_value_is_fitted_to():
    searcher = multi(LINE, opt_skip_init_length=6)
    found = learn(searcher, bowl, 6, (1,))
    assert ["fit" in s.why for s in found if s.origin == "model"] == [True] * 3


@pytest.mark.parametrize("options", [{"opt_skip_num_max_resource": True}, {"opt_skip_period": 2}])
def test_skipped_fits_are_skipped_after_resuming_too(options, monkeypatch):
    def make():
        return multi(LINE, opt_skip_init_length=6, resource_acq="first", **options)

    dialogue = Dialogue(make, 12, milestones=(1, 9))
    assert dialogue.unlike_after_resuming(monkeypatch, every=2) == []


# -- very many observations ----------------------------------------------------------------


def shown(caplog):
    """How many values the last proposal was based on, by its account."""
    accounts = [r.getMessage() for r in caplog.records if "standardised: " in r.getMessage()]
    return int(re.search(r"(\d+) values, mean", accounts[-1])[1])


def test_of_very_many_low_rungs_are_thinned_out_and_high_ones_kept(monkeypatch, caplog):
    monkeypatch.setattr(gp_multi_fidelity, "_MOST_ROWS", 12)
    with caplog.at_level(logging.INFO, "agcore"):
        searcher = with_counts({1: 20, 3: 6, 9: 2}, first_is_default=False)
        searcher.suggest(SuggestRequest(0))
        assert shown(caplog) == 12
        kept = " ".join(caplog.records[-1].getMessage().split())
        for number in range(22, 28):  # the half at the largest resources, and those after them
            assert f" {number}:" in kept
        everything = with_counts({1: 20, 3: 6, 9: 2}, approximation="none", first_is_default=False)
        everything.suggest(SuggestRequest(0))
        assert shown(caplog) == 28


def test_what_was_thinned_out_goes_on_in_the_same_way_after_resuming(monkeypatch):
    monkeypatch.setattr(gp_multi_fidelity, "_MOST_ROWS", 8)

    def make():
        return multi(opt_skip_init_length=10, opt_skip_period=3)

    dialogue = Dialogue(make, 12, milestones=RUNGS, provisional=True)
    assert dialogue.unlike_after_resuming(monkeypatch, every=2) == []


# -- under a scheduler ---------------------------------------------------------------------


@ag.args(x=ag.Real(0, 1), net=ag.Categorical("flat", ag.Dict(depth=ag.Int(1, 3))), epochs=9)
def curve(args, reporter):
    depth = 0 if isinstance(args.net, str) else args.net.depth
    for epoch in range(args.epochs):
        best = 1 - (args.x - 0.3) ** 2 + 0.01 * depth
        reporter(epoch=epoch + 1, accuracy=best * (1 - 0.5 / (epoch + 1)))


SCHEDULES = {
    "stopping": {"type": "stopping", "brackets": 2},
    "promotion": {"type": "promotion"},
    "every report": {"type": "stopping", "searcher_data": "all"},
    "latest report": {"type": "promotion", "searcher_data": "rungs_and_last"},
}


def run(schedule, path=None, count=10, **more):
    options = {"num_init_random": 3, **more.pop("search_options", {})}
    scheduler = ag.scheduler.HyperbandScheduler(
        curve,
        searcher=more.pop("searcher", "bayesopt"),
        search_options=options,
        executor="inline",
        num_trials=count,
        checkpoint=path,
        progress=False,
        **SCHEDULES[schedule],
        **more,
    )
    scheduler.run()
    return scheduler


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_by_name_proposes_by_the_model_and_shows_it_if_wanted(schedule, caplog):
    scheduler = run(
        schedule, search_options={"debug_log": True}, training_history_searcher_info=True
    )
    assert type(scheduler.searcher) is GPMultiFidelitySearcher
    assert scheduler.searcher.max_epochs == 9
    proposed = [e for e in scheduler.history.events if isinstance(e, TrialProposed)]
    assert len(proposed) == 10
    assert proposed[-1].origin == "model"
    assert proposed[-1].why["resource"] in (1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert " by the model\n  the search ended after " in caplog.text
    last = list(scheduler.training_history.values())[-1][-1]
    assert last["searcher_data_size"] > 5
    assert "searcher_params_kernel_inv_bw0" in last


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_that_was_cut_off_and_resumed_proposes_the_same(schedule, tmp_path):
    more = {"search_options": {"opt_skip_init_length": 8, "opt_skip_period": 2}}
    whole = run(schedule, tmp_path / "whole", **more)
    expected = [(trial.config, trial.state) for trial in whole.trials.values()]
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    for count in range(2, len(lines), 19):
        cut = tmp_path / f"cut{count}"
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "events.jsonl").write_bytes(b"".join(lines[:count]))
        resumed = run(schedule, cut, resume=True, **more)
        assert [(t.config, t.state) for t in resumed.trials.values()] == expected, cut.name


def test_rewards_are_mapped_under_a_scheduler_as_well():
    mapping = MapReward(lambda reward: 5 - reward, lambda value: 5 - value)
    scheduler = run("promotion", count=6, search_options={"map_reward": mapping})
    assert all(value > 3.9 for value in scheduler.searcher._data.y)


@pytest.mark.parametrize("name", ["skopt", "constrained_bayesopt"])
def test_searchers_of_one_value_a_trial_are_refused(name):
    with pytest.raises(SpecError, match="FIFOScheduler only"):
        run("promotion", searcher=name)


def test_the_search_ends_only_when_little_is_left_to_gain_at_the_largest_resource():
    searcher = multi(num_init_random=4, acceptable_regret=10.0)
    found = learn(searcher, bowl, 30, resources=(1, 3))
    assert None not in found  # nothing is known of the largest resource
    assert {s.why["resource"] for s in found if s.origin == "model"} <= {1, 3}
    searcher = multi(num_init_random=4, acceptable_regret=10.0)
    found = learn(searcher, bowl, 30, resources=(1, 3, 9))
    assert found[-1] is None
    assert [s.why["resource"] for s in found[-4:-1]] == [9, 9, 9]
