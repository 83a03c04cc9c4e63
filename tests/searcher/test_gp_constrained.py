import json
import math

import numpy as np
import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Observation, Pending, SuggestRequest
from agcore.searcher import ConstrainedGPFIFOSearcher
from tests.searcher.dialogues import (
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


def constrained(space=LINE, **options):
    return ConstrainedGPFIFOSearcher(
        space, constraint_attr="c", **{"num_init_random": 3, **options}
    )


def rises(config):
    return config["x"]


def upper_half_is_infeasible(config):
    return config["x"] - 0.5


def test_proposals_avoid_the_infeasible_half_and_end_at_its_border():
    # The reward alone would lead to x = 1.
    searcher = constrained(first_is_default=False)
    found = learn(searcher, rises, 14, constraint=upper_half_is_infeasible)
    late = [config["x"] for config in configs(found)[7:]]
    assert sum(x <= 0.51 for x in late) >= 5
    assert max(x for x in late if x <= 0.5) > 0.495
    assert found[-1].why["feasible"] > 0


@pytest.mark.parametrize("seed", range(2))
def test_the_classic_one_finds_the_border_too(seed):
    searcher = constrained(profile="classic", first_is_default=False, random_seed=seed)
    found = configs(learn(searcher, rises, 10, constraint=upper_half_is_infeasible))
    assert max(config["x"] for config in found if config["x"] <= 0.5) > 0.47


def infeasible_data(searcher):
    """Constraint values that fall towards x = 1, but none is feasible; the reward falls too."""
    for number, x in enumerate((0.1, 0.2, 0.3, 0.4)):
        searcher.observe(Observation(number, {"x": x}, None, 1.0 - x, metrics={"c": 2.0 - 2 * x}))
    return searcher


def test_while_nothing_is_feasible_feasibility_alone_is_sought():
    searcher = infeasible_data(constrained(first_is_default=False))
    suggestion = searcher.suggest(SuggestRequest(4))
    assert suggestion.origin == "model"
    assert suggestion.why["feasible"] == 0
    assert suggestion.config["x"] > 0.5
    other = constrained(first_is_default=False)
    for number, x in enumerate((0.1, 0.2, 0.3, 0.4)):  # the same with other rewards
        other.observe(Observation(number, {"x": x}, None, x, metrics={"c": 2.0 - 2 * x}))
    assert other.suggest(SuggestRequest(4)).config["x"] > 0.5


def test_what_is_said_then_holds_no_nan():
    suggestion = infeasible_data(constrained(first_is_default=False)).suggest(SuggestRequest(4))
    assert is_finite(dict(suggestion.why))


def test_equal_infeasible_values_are_no_obstacle():
    searcher = constrained(num_init_random=1)
    assert len(learn(searcher, rises, 5, constraint=lambda config: 1.5)) == 5


@pytest.mark.parametrize("value", [0, -1, 0.0, -1e300, 1e-300, -1e-300])
def test_equal_values_of_any_size_are_no_obstacle(value):
    searcher = constrained(num_init_random=1)
    for suggestion in learn(searcher, rises, 5, constraint=lambda config: value):
        assert is_finite(through_json(suggestion))


def test_a_value_of_zero_is_feasible():
    searcher = constrained()
    learn(searcher, rises, 3, constraint=lambda config: 0.0)
    assert searcher.suggest(SuggestRequest(3)).why["feasible"] == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_constraint_that_is_no_finite_number_does_not_stop_it(value, is_first):
    searcher = constrained()
    first = searcher.suggest(SuggestRequest(0)).config
    found = learn(
        searcher,
        rises,
        6,
        first=1,
        constraint=lambda config: value if (config["x"] > 0.5) is is_first else -1.0,
    )
    assert len(found) == 6
    assert first not in configs(found)


@pytest.mark.parametrize("metrics", [{}, {"c": None}, {"c": "0.5"}, {"c": True}])
def test_a_report_without_the_constraint_is_refused_with_its_name(metrics):
    with pytest.raises(SpecError, match=r"c=.*constraint_attr.*at most 0; report it"):
        constrained().observe(Observation(0, {"x": 0.5}, None, 0.5, metrics=metrics))


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(-1)])
def test_a_constraint_may_be_a_number_of_numpy_s(value):
    searcher = constrained()
    searcher.update(searcher.get_config(), accuracy=0.5, c=value)
    assert searcher._constraints.y.tolist() == [float(value)]


def test_a_diverged_trial_needs_no_constraint():
    searcher = constrained()
    searcher.observe(Observation(0, {"x": 0.5}, None, math.nan))
    assert searcher.is_known({"x": 0.5})


def test_without_the_name_of_the_constraint_there_is_a_spec_error():
    with pytest.raises(SpecError, match="constraint_attr"):
        ConstrainedGPFIFOSearcher(LINE)


@pytest.mark.parametrize("name", [3, None, ""])
def test_the_name_of_the_constraint_must_be_one(name):
    with pytest.raises(SpecError, match="constraint_attr"):
        ConstrainedGPFIFOSearcher(LINE, constraint_attr=name)


# -- two surrogates on the same rows -------------------------------------------------------


def test_both_surrogates_are_fitted_and_told():
    searcher = constrained(PLANE)
    found = learn(searcher, bowl, 5, constraint=upper_half_is_infeasible)
    why = through_json(found[-1])[2]
    assert why["fit"]["rows"] == why["constraint_fit"]["rows"] == 4
    assert why["fit"]["parameters"].keys() == why["constraint_fit"]["parameters"].keys()
    assert searcher.model_parameters() == why["fit"]["parameters"]


def test_a_provisional_value_is_replaced_in_both():
    searcher = constrained()
    for reward, c, provisional in ((0.1, 1.0, True), (0.2, 2.0, True), (0.3, 3.0, False)):
        searcher.observe(Observation(7, {"x": 0.9}, None, reward, provisional, metrics={"c": c}))
    assert searcher._constraints.y.tolist() == [3.0]
    assert len(searcher._data) == 1


def test_a_result_is_taken_back_from_both():
    searcher = constrained()
    config = searcher.get_config()
    searcher.update(config, accuracy=0.1, c=-1.0)
    searcher.remove_case(config, accuracy=0.1, c=-1.0)
    assert len(searcher._data) == len(searcher._constraints) == 0


def test_of_two_results_one_is_taken_back_from_both():
    searcher = constrained()
    config = searcher.get_config()
    for _ in range(2):
        searcher.update(config, accuracy=0.1, c=-1.0)
    searcher.remove_case(config, accuracy=0.1, c=-1.0)
    assert len(searcher._data) == len(searcher._constraints) == 1


def test_a_diverged_value_is_in_neither():
    searcher = constrained()
    searcher.observe(Observation(0, {"x": 0.5}, None, math.nan, metrics={"c": -1.0}))
    assert len(searcher._data) == len(searcher._constraints) == 0
    assert configs(learn(searcher, rises, 4, first=1))[-1] is not None


def test_pending_trials_lead_elsewhere():
    def proposed(pending):
        searcher = constrained(first_is_default=False)
        for number, x in enumerate((0.1, 0.4, 0.8)):
            metrics = {"c": x - 0.5}
            searcher.observe(Observation(number, {"x": x}, None, rises({"x": x}), metrics=metrics))
        return searcher.suggest(SuggestRequest(3, pending)).config["x"]

    alone = proposed(())
    assert abs(alone - proposed((Pending(3, {"x": alone}),))) > 1e-3


# -- resuming ------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("provisional", [False, True])
def test_a_searcher_told_the_same_goes_on_in_the_same_way(workers, provisional, monkeypatch):
    def make():
        return constrained(PLANE, opt_skip_init_length=8, opt_skip_period=3)

    dialogue = Dialogue(make, 14, provisional=provisional, workers=workers)
    assert "constraint_fit" in dialogue.suggestions[5].why
    assert dialogue.unlike_after_resuming(monkeypatch, every=4) == []


@ag.args(x=ag.Real(0, 1))
def halves(args, reporter):
    reporter(epoch=1, accuracy=args.x, c=args.x - 0.5)


def run(train_fn=halves, path=None, count=9, **more):
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn,
        searcher="constrained_bayesopt",
        search_options={"constraint_attr": "c", "num_init_random": 3},
        executor="inline",
        num_trials=count,
        checkpoint=path,
        progress=False,
        **more,
    )
    scheduler.run()
    return scheduler


def test_a_run_by_name_learns_the_border_and_is_resumed_to_the_same(tmp_path):
    whole = run(path=tmp_path / "whole")
    expected = [trial.config for trial in whole.trials.values()]
    assert any(0.4 < config["x"] <= 0.5 for config in expected[3:])
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    for count in (5, 18, 26, len(lines) - 4):
        (tmp_path / f"cut{count}").mkdir()
        for file in (tmp_path / "whole").iterdir():
            if file.is_file():
                (tmp_path / f"cut{count}" / file.name).write_bytes(file.read_bytes())
        (tmp_path / f"cut{count}" / "events.jsonl").write_bytes(b"".join(lines[:count]))
        resumed = run(path=tmp_path / f"cut{count}", resume=True)
        assert [trial.config for trial in resumed.trials.values()] == expected


def test_a_train_function_that_does_not_report_the_constraint_is_told_so():
    @ag.args(x=ag.Real(0, 1))
    def forgets(args, reporter):
        reporter(accuracy=args.x)

    with pytest.raises(SpecError, match=r"c=None \(constraint_attr\)"):
        run(forgets)


def test_the_journal_of_a_run_without_a_feasible_trial_is_json(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def infeasible(args, reporter):
        reporter(accuracy=args.x, c=1 + args.x)

    def refuse(text):
        raise AssertionError(text)

    run(infeasible, tmp_path, count=6)
    for line in (tmp_path / "events.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)


def test_random_configs_come_first():
    assert origins(learn(constrained(), rises, 4)) == ["default", "random", "random", "model"]
