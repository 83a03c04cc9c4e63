"""Runs with several objectives: for the front, and by way of a scalarisation."""

import inspect
import json
import logging
import math

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError
from agcore.journal import read_journal
from agcore.objectives import SCALARIZATION
from agcore.records import Reported, TrialState
from agcore.scheduler import FIFOScheduler, HyperbandScheduler, MOHyperbandScheduler

BOTH = {"reward_attr": ["accuracy", "latency"], "mode": ["max", "min"]}
OBJECTIVES = {"accuracy": "MAX", "latency": "MIN"}
KINDS = {
    "fifo": (FIFOScheduler, BOTH),
    "stopping": (HyperbandScheduler, BOTH),
    "promotion": (HyperbandScheduler, {**BOTH, "type": "promotion", "brackets": 2}),
    "random_weights": (MOHyperbandScheduler, {"objectives": OBJECTIVES}),
    "parego": (
        MOHyperbandScheduler,
        {
            "objectives": OBJECTIVES,
            "scalarization_options": {"algorithm": "parego", "num_weights": 9, "rho": 0.1},
            "type": "promotion",
        },
    ),
}


@ag.args(width=ag.Int(1, 64), skill=ag.Real(0, 1), epochs=9)
def network(args, reporter):
    """The wider, the better and the slower; skill costs nothing."""
    for epoch in range(1, args.epochs + 1):
        accuracy = (args.skill + 1 - 1 / args.width) / 2 * (1 - 0.5**epoch)
        reporter(epoch=epoch, accuracy=accuracy, latency=2.5 * args.width)


def make(kind, function=network, **arguments):
    scheduler, own = KINDS[kind]
    arguments = {"num_trials": 24, "executor": "inline", "progress": False, **own, **arguments}
    return scheduler(function, **arguments)


def run(kind, function=network, **arguments):
    scheduler = make(kind, function, **arguments)
    scheduler.run()
    return scheduler


def what_happened(scheduler):
    return {
        trial_id: (
            trial.config,
            trial.state,
            [(r.resource, r.reward, r.metrics) for r in trial.reports],
            [d.decision for d in trial.decisions],
        )
        for trial_id, trial in scheduler.trials.items()
    }


# -- what is found -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_front_holds_what_no_report_beats(kind):
    scheduler = run(kind)
    front = scheduler.get_pareto_front()
    assert front
    reports = [report for trial in scheduler.trials.values() for report in trial.reports]
    for point in front:
        accuracy, latency = point.objectives.values()
        assert point.config == scheduler.trials[point.trial_id].config
        assert not any(
            r.metrics["accuracy"] >= accuracy
            and r.metrics["latency"] <= latency
            and (r.metrics["accuracy"] > accuracy or r.metrics["latency"] < latency)
            for r in reports
        )


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
def test_trials_that_others_beat_are_cut_short_and_both_ends_of_the_front_are_not(kind):
    scheduler = run(kind, num_trials=60)
    full = [t for t in scheduler.trials.values() if t.resource == 9]
    assert 2 <= len(full) < 40
    widths = [trial.config["width"] for trial in full]
    assert min(widths) < 12 < 50 < max(widths)
    skill = [t.config["skill"] for t in scheduler.trials.values()]
    assert sum(t.config["skill"] for t in full) / len(full) > sum(skill) / len(skill)
    decisions = [d.decision for trial in scheduler.trials.values() for d in trial.decisions]
    assert {d.standing.front for d in decisions if d.standing is not None} > {1, 2}


@pytest.mark.parametrize("kind", ["fifo", "stopping"])
def test_no_trial_is_the_best_of_several_objectives(kind):
    scheduler = run(kind, num_trials=4)
    for ask in (
        scheduler.best,
        scheduler.get_best_config,
        scheduler.get_best_reward,
        scheduler.get_best_task_id,
        scheduler.refit,
    ):
        with pytest.raises(SpecError, match=r"accuracy, latency.*get_pareto_front\(\)"):
            ask()
    point = scheduler.get_pareto_front()[0]
    assert scheduler.refit(point).config == point.config


@pytest.mark.parametrize("kind", ["random_weights", "parego"])
def test_a_scalarisation_has_a_best_trial_on_the_scale_of_the_whole_run(kind):
    scheduler = run(kind)
    rewards = [scheduler.best(at=at) for at in ("any", "last", 1)]
    assert all(0 <= best.reward <= 1.2 for best in rewards)
    best = scheduler.best()
    assert scheduler.get_best_task_id() == str(best.trial_id)
    assert scheduler.get_best_config() == best.config
    assert best.trial_id in {point.trial_id for point in scheduler.get_pareto_front()}
    for row in scheduler.training_history[str(best.trial_id)]:
        assert row[SCALARIZATION] <= 1.2


def test_an_early_report_on_a_narrow_scale_is_not_the_best_for_ever():
    @ag.args(x=ag.Real(0, 1), epochs=3)
    def train(args, reporter):
        for epoch in range(1, 4):
            reporter(epoch=epoch, accuracy=args.x + epoch / 1e3, latency=1 - args.x)

    scheduler = MOHyperbandScheduler(
        train,
        objectives=OBJECTIVES,
        scalarization_options={"algorithm": "mean"},
        executor="inline",
        progress=False,
        search_options={"points_to_evaluate": [{"x": 0.1}, {"x": 0.5}, {"x": 0.4}]},
        num_trials=3,
    )
    scheduler.run()
    first, best = scheduler.trials[0].reports[-1], scheduler.best()
    assert first.reward == 0.75  # its accuracy is the best until then, its latency the only one
    assert best.trial_id == 1
    assert best.reward == pytest.approx(1.0)
    with_best = scheduler.best(at=2)
    assert (with_best.trial_id, with_best.resource) == (1, 2)
    assert with_best.reward < best.reward


def test_the_searcher_learns_the_number_that_stands_in_the_reports():
    scheduler = run("fifo", searcher="bayesopt", num_trials=8)
    values = {report.reward for trial in scheduler.trials.values() for report in trial.reports}
    assert scheduler.searcher.dataset_size() == 8
    assert scheduler.searcher.get_best_reward() in values
    assert all(
        report.metrics[SCALARIZATION] == report.reward
        for trial in scheduler.trials.values()
        for report in trial.reports
    )


# -- reports -------------------------------------------------------------------------------


def test_an_objective_that_is_not_finite_ends_the_trial_as_diverged():
    @ag.args(x=ag.Categorical(0, 1), epochs=9)
    def train(args, reporter):
        for epoch in range(1, 10):
            reporter(epoch=epoch, accuracy=0.5, latency=math.nan if args.x else 1.0)

    scheduler = run("stopping", train, searcher="grid", num_trials=2)
    states = {trial.config["x"]: trial.state for trial in scheduler.trials.values()}
    assert states == {0: TrialState.COMPLETED, 1: TrialState.DIVERGED}
    assert {point.config["x"] for point in scheduler.get_pareto_front()} == {0}


def test_a_report_without_an_objective_fails_the_trial_and_says_which():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(accuracy=args.x)

    scheduler = run("fifo", train, num_trials=1, max_failures=None)
    assert "the report has no 'latency'" in scheduler.trials[0].error


def test_objectives_may_be_returned_as_a_dict_and_a_number_is_not_taken_for_them(caplog):
    @ag.args(x=ag.Real(0, 1))
    def both(args):
        return {"accuracy": args.x, "latency": 3}

    assert len(run("fifo", both, num_trials=2).get_pareto_front()) == 1

    @ag.args(x=ag.Real(0, 1))
    def one(args):
        return args.x

    with caplog.at_level(logging.WARNING, logger="agcore"):
        assert run("fifo", one, num_trials=1).get_pareto_front() == []
    assert "call reporter(accuracy=..., latency=...) or return a dict of them" in caplog.text


# -- going on ------------------------------------------------------------------------------


@pytest.mark.parametrize("searcher", ["random", "bayesopt"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_is_that_of_one_that_was_never_cut_off(kind, searcher, tmp_path):
    in_two = run(kind, num_trials=9, searcher=searcher)
    in_two.run(num_trials=16)
    run(kind, num_trials=9, searcher=searcher, checkpoint=tmp_path / "run")
    resumed = run(kind, num_trials=16, searcher=searcher, checkpoint=tmp_path / "run", resume=True)
    assert what_happened(resumed) == what_happened(in_two)
    assert resumed.get_pareto_front() == in_two.get_pareto_front()


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("fifo", {"mode": "max"}, "objectives was"),
        ("fifo", {"reward_attr": ["latency", "accuracy"], "mode": ["min", "max"]}, "objectives"),
        ("parego", {"scalarization_options": {"algorithm": "mean"}}, "scalarization was"),
    ],
)
def test_other_objectives_are_another_run(kind, changed, message, tmp_path):
    run(kind, num_trials=2, checkpoint=tmp_path / "run")
    with pytest.raises(JournalError, match=message):
        make(kind, **changed, checkpoint=tmp_path / "run", resume=True)


def test_the_journal_holds_objectives_fronts_and_the_computed_number(tmp_path):
    scheduler = run("stopping", num_trials=6, checkpoint=tmp_path / "run")
    events = list(read_journal(tmp_path / "run" / "events.jsonl"))
    assert events[0].settings["objectives"] == [["accuracy", "max"], ["latency", "min"]]
    reports = [event for event in events if isinstance(event, Reported)]
    assert all(event.metrics[SCALARIZATION] == event.reward for event in reports)
    assert events == scheduler.history.events
    state = json.loads(json.dumps(scheduler.state_dict()))
    again = make("stopping", num_trials=6)
    again.load_state_dict(state)
    assert again.get_pareto_front() == scheduler.get_pareto_front()


def test_a_run_with_one_reward_describes_no_objectives(tmp_path):
    one = {"reward_attr": "accuracy", "mode": "max", "checkpoint": tmp_path / "run"}
    run("fifo", num_trials=1, **one)
    described = json.loads((tmp_path / "run" / "run.json").read_text())["scheduler"]
    assert not {"objectives", "scalarization"} & described.keys()


# -- arguments -----------------------------------------------------------------------------


def test_arguments_are_those_of_hyperband_and_what_says_the_reward():
    own = inspect.signature(MOHyperbandScheduler).parameters
    others = inspect.signature(HyperbandScheduler).parameters
    assert own.keys() - others.keys() == {"objectives", "scalarization_options"}
    assert others.keys() - own.keys() == {"reward_attr", "mode"}
    shared = own.keys() & others.keys()
    assert all(own[name].default == others[name].default for name in shared)
    for name in ("objectives", "scalarization_options"):
        assert f"{name}:" in MOHyperbandScheduler.__doc__


@pytest.mark.parametrize(
    "scheduler",
    [
        ag.scheduler.MedianStoppingScheduler,
        ag.scheduler.SynchronousHyperbandScheduler,
        ag.scheduler.PASHAScheduler,
        ag.scheduler.PopulationBasedTrainingScheduler,
        ag.scheduler.LocalSequentialScheduler,
    ],
)
def test_schedulers_that_compare_by_one_reward_refuse_several(scheduler):
    with pytest.raises(SpecError, match="has several objectives, but this scheduler"):
        scheduler(network, num_trials=4, **BOTH)


@pytest.mark.parametrize("kind", ["fifo", "parego"])
def test_a_number_for_max_reward_has_no_meaning(kind):
    with pytest.raises(SpecError, match=r"max_reward=0\.5 has no meaning"):
        make(kind, max_reward=0.5)


def test_a_run_with_one_reward_has_no_front():
    scheduler = FIFOScheduler(network, num_trials=1, executor="inline", progress=False)
    with pytest.raises(SpecError, match=r"one reward, 'accuracy'.*pass reward_attr=\["):
        scheduler.get_pareto_front()


def test_processes_report_several_objectives_too():
    scheduler = run("promotion", executor="local", num_workers=2, num_trials=9)
    assert scheduler.get_pareto_front()
    assert scheduler.history.num_failures == 0


def test_tune_shows_the_front(tmp_path):
    result = ag.tune(
        network, scheduler="hbs", num_trials=9, executor="inline", progress=False, **BOTH
    )
    assert result.pareto_front == result.scheduler.get_pareto_front()
    assert repr(result) == f"TuneResult(9 trials, {len(result.pareto_front)} Pareto points)"
    with pytest.raises(SpecError, match="get_pareto_front"):
        _ = result.best
    result.plot(tmp_path / "front.png")
    assert (tmp_path / "front.png").stat().st_size > 1000
    assert set(result.to_pandas().columns) >= {"accuracy", "latency", SCALARIZATION}


def test_a_run_with_several_objectives_can_be_replayed_for_its_computed_number():
    replayed = ag.replay(run("fifo", num_trials=9), scheduler=["hbs"])
    assert replayed.recorded.best_reward is not None
    assert replayed.simulated[0].started == 9
