"""Hyper-Tune trusts the levels that rank well, and says so to those who draw brackets."""

import logging
import math
import shutil

import numpy as np
import pytest

import agcore as ag
from agcore import gp
from agcore.errors import SpecError
from agcore.policy import HyperbandPolicy
from agcore.records import Observation, Pending, SuggestRequest, TrialProposed
from agcore.searcher import HyperTuneSearcher
from agcore.searcher.ranking import bracket_weights
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

RUNGS = (1, 3, 9)


def hyper(space=PLANE, **options):
    return HyperTuneSearcher(space, max_epochs=9, **{"num_init_random": 3, **options})


def tell(searcher, values, first=0):
    """Observe ``values(config, resource)`` of random configs, a third of them at each next rung."""
    rng = np.random.default_rng(first)
    for number in range(first, first + 54):
        config = searcher.configspace.sample_configuration(rng)
        for power, resource in enumerate(RUNGS):
            if number % 3**power == 0 or (resource == 3 and number % 2):
                value = values(config, resource)
                searcher.observe(Observation(number, config, resource, value))
    return searcher


def informative(config, resource):
    """Every resource ranks configs alike."""
    return bowl(config) - 1.0 / resource


def bumpy(config, resource):
    """So do these, but few values do not show the whole function."""
    return informative(config, resource) + 0.2 * math.sin(25 * config["x"])


def misleading(config, resource):
    """Below the full resource the order has nothing to do with the end."""
    if resource == 9:
        return bowl(config)
    return math.sin(1e4 * config["x"] * resource)


def proposed(searcher, number=100, pending=()):
    searcher.suggest(SuggestRequest(number, pending))  # the default
    return searcher.suggest(SuggestRequest(number + 1, pending))


# -- weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["default", "classic"])
def test_where_low_resources_are_informative_the_weights_stay_with_them(profile):
    searcher = tell(tell(hyper(profile=profile), bumpy), bumpy, first=54)
    weights = proposed(searcher).why["level_weights"]
    assert weights["1"] + weights["3"] > 0.9
    assert sum(weights.values()) == pytest.approx(1.0)
    brackets = searcher.bracket_weights(RUNGS)
    assert brackets[0] + brackets[1] > 10 * brackets[2]


@pytest.mark.parametrize("profile", ["default", "classic"])
def test_where_low_resources_mislead_the_weights_move_to_the_highest(profile):
    searcher = tell(tell(hyper(profile=profile), misleading), misleading, first=54)
    weights = proposed(searcher).why["level_weights"]
    assert weights["9"] > 0.9
    brackets = searcher.bracket_weights(RUNGS)
    # c_i = 1 / r_i: a full-length trial costs nine times as much.
    assert brackets == pytest.approx([weights["1"], weights["3"] / 3, weights["9"] / 9])


def wrongly_ordered(f, y):
    return sum((f[j] < f[k]) != (y[j] < y[k]) for j in range(len(y)) for k in range(len(y)))


def test_the_weights_are_the_shares_of_draws_in_which_a_level_ranks_best():
    searcher = tell(tell(hyper(), bumpy), bumpy, first=54)
    weights = proposed(searcher).why["level_weights"]
    levels = [searcher._levels[resource] for resource in RUNGS]
    posteriors = [level.surrogate._grown for level in levels]
    target, y = posteriors[-1], levels[-1].data.y
    assert len(y) == 12
    # Not the same draws, and the loss is that of the definition: agreement is statistical.
    rng, wins, count = np.random.default_rng(0), np.zeros(3), 300
    means, sds = [], []
    for posterior in posteriors[:2]:
        mean, variance = posterior.predict(target.X)
        means.append(mean[:, 0])
        sds.append(np.sqrt(variance))
    alone = [
        gp.Posterior.condition(
            target.model,
            target.values,
            np.delete(target.X, i, axis=0),
            np.delete(target.Y, i, axis=0),
        ).predict(target.X[[i]])
        for i in range(len(y))
    ]
    means.append(np.array([mean[0, 0] for mean, _ in alone]))
    sds.append(np.sqrt([variance[0] for _, variance in alone]))
    for _ in range(count):
        draws = [m + s * rng.standard_normal(len(y)) for m, s in zip(means, sds, strict=True)]
        losses = np.array([wrongly_ordered(f, y) for f in draws])
        best = losses == losses.min()
        wins += best / best.sum()
    assert list(weights.values()) == pytest.approx((wins / count).tolist(), abs=0.15)


def test_a_level_counts_from_its_least_number_of_values_on():
    searcher = hyper(min_points=4, num_init_random=0)
    rng = np.random.default_rng(0)

    def see(resource, count):
        for _ in range(count):
            config = PLANE.sample_configuration(rng)
            searcher.observe(Observation(rng.integers(1e6), config, resource, bowl(config)))

    see(1, 3)
    see(3, 2)
    assert searcher.target_resource() == 1  # that with the most
    see(3, 3)
    assert proposed(searcher).why["level_weights"] == {"3": 1.0}
    assert searcher.bracket_weights(RUNGS) == []
    see(1, 1)
    assert proposed(searcher, 200).why["level_weights"].keys() == {"1", "3"}
    assert len(searcher.bracket_weights(RUNGS)) == 2
    see(9, 4)
    suggestion = proposed(searcher, 300)
    assert suggestion.why["level_weights"].keys() == {"1", "3", "9"}
    assert suggestion.why["resource"] == 9


def test_only_values_at_rungs_are_modelled_where_rungs_are_given():
    searcher = hyper(rung_levels=[1, 3])
    for number in range(5):
        config = PLANE.sample_configuration(np.random.default_rng(number))
        for resource in range(1, 10):
            searcher.observe(Observation(number, config, resource, 0.1 * resource))
    counts = {resource: len(level.data) for resource, level in searcher._levels.items()}
    assert counts == {9: 5, 1: 5, 3: 5}
    assert searcher.dataset_size() == 45
    assert searcher.get_best_reward() == pytest.approx(0.9)


def test_each_level_is_standardised_by_itself_and_the_ensemble_is_right_on_average():
    def far_apart(config, resource):
        return bowl(config) + (100.0 if resource == 1 else 0.0)

    searcher = tell(hyper(), far_apart)
    why = proposed(searcher).why
    assert why["resource"] == 9
    assert abs(why["incumbent"] - 1.0) < 0.2  # and not 100 away
    assert abs(why["mean"] - 1.0) < 0.2


# -- proposals -----------------------------------------------------------------------------


def test_it_finds_the_best_of_a_bowl():
    searcher = hyper()
    found = learn(searcher, bowl, 20, RUNGS)
    assert origins(found)[0] == "default"
    assert "model" in origins(found)
    assert min(abs(config["x"] - 0.3) for config in configs(found)) < 0.02
    assert all(is_finite(through_json(suggestion)) for suggestion in found)


def test_branches_and_many_options_are_searched():
    found = learn(hyper(BRANCHES, min_points=3), lambda c: len(str(c)) / 7, 8, (1, 3))
    for config in configs(found):
        assert BRANCHES.complete(config) == config
    assert "model" in origins(found)


def test_pending_trials_are_drawn_at_each_level_that_has_no_value_of_them():
    searcher = tell(hyper(min_points=2), informative)
    known = next(iter(searcher._levels[1].data.cases))
    config = PLANE.sample_configuration(np.random.default_rng(0))
    assert known.key == PLANE.key(config)
    new = {"x": 0.123, "y": 0.5}
    pending = (Pending(0, config, 9), Pending(99, new, 1), Pending(100, new, 3))
    suggestion = proposed(searcher, pending=pending)
    assert suggestion.origin == "model"
    for member in searcher._members:
        has = {case.trial_id for case in member.level.data.cases}
        # The same config twice is drawn once.
        assert member.pending == ((100,) if 0 in has else (0, 100))
        assert len(member.posterior.X) == len(member.level.data) + len(member.pending)


def test_pending_trials_lead_elsewhere():
    def at(pending):
        searcher = tell(hyper(LINE, first_is_default=False), informative)
        return searcher.suggest(SuggestRequest(50, pending)).config["x"]

    alone = at(())
    assert abs(alone - at((Pending(50, {"x": alone}, 1),))) > 0.005


def test_a_value_is_taken_back_at_its_level():
    searcher = hyper()
    config = searcher.get_config()
    for epoch in (1, 3):
        searcher.update(config, accuracy=0.1, epoch=epoch)
    searcher.remove_case(config, accuracy=0.1, epoch=1)
    assert [len(searcher._levels[r].data) for r in (1, 3)] == [0, 1]


def test_a_provisional_value_gives_way_at_its_level():
    searcher = hyper()
    config = searcher.suggest(SuggestRequest(0)).config
    for resource in (1, 3):
        searcher.observe(Observation(0, config, resource, 0.1, provisional=True))
    searcher.observe(Observation(0, config, 9, math.nan))
    assert [len(level.data) for level in searcher._levels.values()] == [0, 0, 0]


def test_only_levels_with_new_values_are_fitted_again():
    searcher = tell(hyper(), informative)
    assert proposed(searcher).why["fit"]["levels"].keys() == {"1", "3", "9"}
    config = PLANE.sample_configuration(np.random.default_rng(77))
    searcher.observe(Observation(77, config, 3, informative(config, 3)))
    fit = searcher.suggest(SuggestRequest(103)).why["fit"]
    assert fit["levels"].keys() == {"3"}
    assert fit["rows"] == fit["levels"]["3"]["rows"] == len(searcher._levels[3].data)
    assert "fit" not in searcher.suggest(SuggestRequest(104)).why


def test_a_level_that_cannot_be_modelled_is_left_out(monkeypatch):
    searcher = tell(hyper(), informative)
    real = gp.Posterior.condition.__func__

    def refuse(cls, model, values, X, Y):
        if len(X) == len(searcher._levels[1].data):
            raise gp.NotPositiveDefiniteError("no")
        return real(cls, model, values, X, Y)

    monkeypatch.setattr(gp.Posterior, "condition", classmethod(refuse))
    suggestion = proposed(searcher)
    assert suggestion.why["level_weights"].keys() == {"3", "9"}
    assert suggestion.why["fit"]["levels"].keys() == {"1", "3", "9"}  # it was fitted nevertheless
    broken = tell(hyper(first_is_default=False), informative)
    monkeypatch.setattr(gp.Posterior, "condition", _refuse_all)
    suggestion = broken.suggest(SuggestRequest(50))
    assert suggestion.origin == "random"
    assert suggestion.why["model_found_nothing"]


def _refuse_all(*_):
    raise gp.NotPositiveDefiniteError("no")


# -- resuming ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"opt_skip_init_length": 4, "opt_skip_period": 3}])
@pytest.mark.parametrize("provisional", [False, True])
def test_it_goes_on_in_the_same_way_after_resuming(options, provisional, monkeypatch):
    def make():
        return hyper(min_points=3, **options)

    dialogue = Dialogue(make, 13, milestones=RUNGS, provisional=provisional)
    weights = [s.why.get("level_weights", {}) for s in dialogue.suggestions]
    assert max(map(len, weights)) == 3
    assert dialogue.unlike_after_resuming(monkeypatch, every=2) == []


def test_who_recalls_knows_the_weights_of_brackets():
    live, told = hyper(), hyper()
    for searcher in (live, told):
        tell(searcher, informative)
    suggestions = [live.suggest(SuggestRequest(number)) for number in (50, 51)]
    for suggestion in suggestions:
        told.recall(type(suggestion)(*through_json(suggestion)))
    assert live.bracket_weights(RUNGS) == told.bracket_weights(RUNGS) != []


# -- what is said --------------------------------------------------------------------------


def test_debug_log_tells_the_weights_and_what_was_drawn(caplog):
    searcher = tell(hyper(num_fantasy_samples=3), misleading)
    with caplog.at_level(logging.INFO, "agcore"):
        why = proposed(searcher, pending=(Pending(200, {"x": 0.5, "y": 0.5}, 1),)).why
    text = caplog.text
    shares = ", ".join(f"{weight:.3g} at {level}" for level, weight in why["level_weights"].items())
    assert f"weights of the resources in the model: {shares}" in text
    assert "expected criterion at resource 9: " in text
    assert "hyperparameters (fitted to " in text
    assert "r9_noise_variance=" in text
    for level, weight in why["level_weights"].items():
        assert (f"pending 200:{level}, drawn:" in text) == (weight > 0)


def test_hyperparameters_are_named_by_their_level():
    searcher = tell(hyper(), informative)
    assert searcher.model_parameters() == {}
    proposed(searcher)
    names = {name.partition("_")[0] for name in searcher.model_parameters()}
    assert names == {"r1", "r3", "r9"}
    assert "r3_kernel_inv_bw1" in searcher.model_parameters()


# -- under a scheduler ---------------------------------------------------------------------


@ag.args(x=ag.Real(0, 1), net=ag.Categorical("flat", ag.Dict(depth=ag.Int(1, 3))), epochs=9)
def curve(args, reporter):
    depth = 0 if isinstance(args.net, str) else args.net.depth
    for epoch in range(args.epochs):
        best = 1 - (args.x - 0.3) ** 2 + 0.01 * depth
        reporter(epoch=epoch + 1, accuracy=best * (1 - 0.5 / (epoch + 1)))


SCHEDULES = {
    "stopping": {"type": "stopping", "brackets": 3},
    "delayed promotion": {"type": "promotion", "brackets": 3, "delay_promotion": True},
    "one bracket": {"type": "promotion"},
    "latest report": {"type": "promotion", "brackets": 2, "searcher_data": "rungs_and_last"},
}


def run(schedule, path=None, count=16, **more):
    options = {"num_init_random": 4, "min_points": 3, **more.pop("search_options", {})}
    scheduler = ag.scheduler.HyperbandScheduler(
        curve,
        searcher="hypertune",
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
def test_a_run_by_name_models_the_rungs_and_explains_itself(schedule):
    scheduler = run(schedule)
    assert type(scheduler.searcher) is HyperTuneSearcher
    assert scheduler.searcher.rung_levels == {1, 3, 9}
    assert set(scheduler.searcher._levels) <= {1, 3, 9}
    proposals = [e for e in scheduler.history.events if isinstance(e, TrialProposed)]
    assert proposals[-1].origin == "model"
    text = str(scheduler.explain(len(proposals) - 1))
    assert "The model went by the results at epoch " in text or "Only results at epoch" in text
    assert "level_weights" not in text


def test_brackets_are_drawn_with_the_weights_that_were_learnt_before():
    scheduler = run("stopping", count=30)
    weights, num_learnt = {}, 0
    drawer = HyperbandPolicy(9, brackets=3)
    for event in scheduler.history.events:
        if isinstance(event, TrialProposed):
            drawer.weigh_brackets(bracket_weights(weights, (1, 3, 9)))
            job = drawer.next_job(0.0)
            assert event.bracket == job.bracket
            drawer.on_start(event.trial_id, job)
            num_learnt += drawer.bracket_shares != HyperbandPolicy(9, brackets=3).bracket_shares
            told = event.why.get("level_weights", {})
            weights = {int(resource): weight for resource, weight in told.items()} or weights
    assert num_learnt > 10


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_that_was_cut_off_and_resumed_goes_on_the_same(schedule, tmp_path):
    whole = run(schedule, tmp_path / "whole")
    expected = [(trial.config, trial.bracket, trial.state) for trial in whole.trials.values()]
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    is_proposal = [i + 1 for i, line in enumerate(lines) if b"level_weights" in line]
    assert len(is_proposal) > 6
    # Behind a proposal the searcher knows more than when the bracket was drawn.
    for count in sorted({*range(2, len(lines), 29), *is_proposal[::3]}):
        cut = tmp_path / f"cut{count}"
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "events.jsonl").write_bytes(b"".join(lines[:count]))
        resumed = run(schedule, cut, resume=True)
        found = [(t.config, t.bracket, t.state) for t in resumed.trials.values()]
        assert found == expected, cut.name


# -- what it refuses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_points": 1}, "min_points=1 must be a whole number of at least 2"),
        ({"rung_levels": [1, 27]}, r"rung_levels=\[1, 27\] must not exceed max_epochs=9"),
        ({"rung_levels": [0]}, "a level of rung_levels=0 must be"),
        ({"max_epochs": None}, "max_epochs=None must be"),
        ({"profile": "modern"}, "profile='modern'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        HyperTuneSearcher(PLANE, **{"max_epochs": 9, **options})


def test_it_goes_with_rungs_up_to_its_resource_only():
    with pytest.raises(SpecError, match="goes with a scheduler with rungs only"):
        ag.scheduler.FIFOScheduler(curve, searcher="hypertune", num_trials=1)
    with pytest.raises(SpecError, match="goes with a scheduler with rungs only"):
        ag.scheduler.FIFOScheduler(curve, searcher=hyper(curve.cs), num_trials=1)
    with pytest.raises(SpecError, match="max_epochs=9 and the scheduler max_t=27"):
        ag.scheduler.HyperbandScheduler(curve, max_t=27, searcher=hyper(curve.cs), num_trials=1)


def test_the_search_ends_only_when_little_is_left_to_gain_at_the_largest_resource():
    searcher = hyper(num_init_random=4, acceptable_regret=10.0)
    assert None not in learn(searcher, bowl, 12, resources=(1, 3))
    searcher = hyper(num_init_random=4, acceptable_regret=10.0)
    found = learn(searcher, bowl, 20, resources=RUNGS)
    assert found[-1] is None
    assert {s.why["resource"] for s in found[-4:-1]} == {9}
