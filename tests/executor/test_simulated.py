"""Trials that play learning curves; nothing here takes the time that it simulates."""

import io
import json
import logging
import math
import multiprocessing
import os
import signal
import time
from itertools import pairwise

import pytest
from rich.console import Console

import agcore as ag
from agcore.analysis import curves_over_time, incumbents, time_spent, to_pandas
from agcore.curves import CurveTable
from agcore.errors import SpecError, TrialFailed
from agcore.executor.simulated import SimulatedExecutor
from agcore.jobs import Outcome, Resume, Start
from agcore.journal import encode_event, read_journal
from agcore.records import RunEnded, RunResumed, TrialEnded, TrialStarted, TrialState
from agcore.scheduler.seeds import trial_seed
from agcore.testing.executor import GO_ON, PAUSE, BorderContract, Driver, task_of
from agcore.tuning import make_scheduler

MAX_T = 9


@ag.args(x=ag.Real(0, 1), epochs=MAX_T)
def train(args, reporter):
    raise AssertionError("a simulated trial runs nothing")


def linear(config, epochs=MAX_T):
    """The reward is x times the epoch; epochs take from 10 to 20 seconds."""
    for epoch in range(1, epochs + 1):
        yield {"epoch": epoch, "accuracy": config["x"] * epoch}, 10 * (1 + config["x"])


def ten_seconds(config):
    for epoch in range(1, MAX_T + 1):
        yield {"epoch": epoch, "accuracy": config["x"] * epoch}, 10.0


@ag.args(x=ag.Real(0, 1), epochs=MAX_T)
def yielding(args):
    """The curve of `ten_seconds`."""
    for epoch in range(1, args.epochs + 1):
        yield {"epoch": epoch, "accuracy": args.x * epoch}, 10.0


def fifo(curves=linear, num_workers=4, executor=None, **options):
    options.setdefault("num_trials", 10)
    executor = executor or SimulatedExecutor(curves, num_workers)
    return ag.scheduler.FIFOScheduler(train, executor=executor, **options)


def hyperband(curves=linear, num_workers=4, executor=None, **options):
    options.setdefault("num_trials", 30)
    executor = executor or SimulatedExecutor(curves, num_workers)
    return ag.scheduler.HyperbandScheduler(train, executor=executor, **options)


def run(scheduler, **limits):
    scheduler.run(**limits)
    return scheduler


def told(scheduler):
    """What happened, but for interruptions and who ran the simulation."""
    events = []
    for event in scheduler.history.events[1:]:
        if isinstance(event, (RunResumed, RunEnded)) or getattr(event, "again", False):
            continue
        if isinstance(event, TrialEnded) and event.state is TrialState.INTERRUPTED:
            continue
        shown = json.loads(encode_event(event))
        shown.pop("attempt", None)
        events.append(shown)
    return events


def states(scheduler):
    return [trial.state.value for trial in scheduler.trials.values()]


class TestSimulatedExecutor(BorderContract):
    def playing(self, steps):
        return (
            SimulatedExecutor(lambda config: ((metrics, 1.0) for metrics in steps()), 2),
            task_of(lambda args, reporter: None),
        )


# -- time ----------------------------------------------------------------------------------


def test_time_passes_in_curves_only():
    scheduler = run(fifo(ten_seconds, num_workers=2, num_trials=4))
    assert [t.busy_s for t in scheduler.trials.values()] == [90.0] * 4
    assert [t.started_s for t in scheduler.trials.values()] == [0.0, 0.0, 90.0, 90.0]
    assert scheduler.history.events[-1].time_s == 180.0
    assert [r.time_s for r in scheduler.trials[3].reports] == [90.0 + 10 * e for e in range(1, 10)]
    spent = time_spent(scheduler.history, scheduler.slots)
    assert (spent.run_s, spent.idle_s, spent.suggest_s) == (180.0, 0.0, 0.0)
    assert curves_over_time(scheduler.history)[2].x == [90.0 + 10 * e for e in range(1, 10)]
    assert incumbents(scheduler.history)[-1].elapsed_s in (90.0, 180.0)
    assert to_pandas(scheduler.history)["elapsed_s"].max() == 180.0
    assert scheduler.training_history["3"][-1]["epoch"] == MAX_T


def test_slots_without_a_trial_are_idle_in_simulated_time():
    spent = time_spent(run(fifo(ten_seconds, num_workers=3, num_trials=4)).history, 3)
    assert (spent.run_s, spent.idle_s) == (180.0, 180.0)


def test_a_time_out_of_days_is_over_in_no_time():
    began_s = time.monotonic()
    day_s = 86_400.0
    scheduler = run(fifo(lambda config: linear(config, 4000), num_trials=None, time_out=day_s))
    assert time.monotonic() - began_s < 60
    assert scheduler.history.events[-1].time_s == day_s
    assert set(states(scheduler)) <= {"completed", "interrupted"}
    assert states(scheduler).count("interrupted") == 4
    assert math.fsum(t.busy_s for t in scheduler.trials.values()) == pytest.approx(4 * day_s)


def test_a_time_out_that_no_float_holds_is_over_when_it_is_said_to_be():
    executor = SimulatedExecutor(ten_seconds)
    executor.clock.advance_to(1_234_567_890_123)
    scheduler = run(fifo(executor=executor, num_trials=None, time_out=0.1 + 0.2))
    assert scheduler.history.events[-1].reason == "time_out"
    assert states(scheduler) == ["interrupted"] * 4


def test_trials_may_end_by_themselves_after_the_time_out():
    scheduler = run(fifo(ten_seconds, time_out=95.0, stop_jobs_after_time_out=False))
    assert states(scheduler) == ["completed"] * 8
    assert scheduler.history.events[-1].time_s == 180.0


def test_trial_time_out_is_simulated_too():
    scheduler = run(fifo(ten_seconds, num_trials=3, trial_time_out=35.0))
    assert states(scheduler) == ["timed_out"] * 3
    assert [len(trial.reports) for trial in scheduler.trials.values()] == [3] * 3
    assert scheduler.history.events[-1].time_s == 35.0


def test_what_is_due_at_the_same_time_comes_in_the_order_of_trials():
    scheduler = run(fifo(ten_seconds, num_workers=5, num_trials=5))
    reports = [e for e in scheduler.history.events if type(e).__name__ == "Reported"]
    keys = [(e.time_s, e.trial_id) for e in reports]
    assert keys == sorted(keys)


def test_a_stopped_trial_frees_its_worker_at_once():
    scheduler = run(hyperband(ten_seconds, num_workers=1, num_trials=20))
    assert states(scheduler).count("stopped") > 5
    trials = list(scheduler.trials.values())
    for before, after in pairwise(trials):
        assert before.reports[-1].time_s == after.started_s


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
def test_a_run_is_the_same_every_time(kind):
    first, second = (told(run(hyperband(type=kind, brackets=2))) for _ in range(2))
    assert first == second


def test_decisions_can_be_charged():
    class Slow(ag.searcher.RandomSearcher):
        def propose(self, request):
            end_s = time.perf_counter() + 0.002
            while time.perf_counter() < end_s:
                pass
            return super().propose(request)

    def slow_curve(config):
        end_s = time.perf_counter() + 0.02
        while time.perf_counter() < end_s:
            pass
        yield {"epoch": 1, "accuracy": 1.0}, 0.0

    def simulated(**options):
        executor = SimulatedExecutor(slow_curve, 1, **options)
        scheduler = run(fifo(executor=executor, num_trials=5, searcher=Slow(train.cs)))
        return scheduler.history.events[-1].time_s, time_spent(scheduler.history, 1).suggest_s

    assert simulated() == (0.0, 0.0)
    run_s, suggest_s = simulated(charges_decisions=True)
    assert 0.008 <= suggest_s <= run_s  # the first config is the default one


# -- pausing and going on ------------------------------------------------------------------


def promoted(keeps_progress):
    executor = SimulatedExecutor(ten_seconds, 1, keeps_progress=keeps_progress)
    return run(hyperband(executor=executor, type="promotion", num_trials=12))


def test_a_promoted_trial_goes_on_where_it_was():
    scheduler = promoted(keeps_progress=True)
    resumed = [t for t in scheduler.trials.values() if t.attempts > 1]
    assert resumed
    for trial in scheduler.trials.values():
        assert trial.busy_s == 10.0 * trial.resource
        assert [r.resource for r in trial.reports] == list(range(1, trial.resource + 1))


def test_without_checkpoints_a_promoted_trial_begins_anew():
    scheduler = promoted(keeps_progress=False)
    attempts = {}
    for event in scheduler.history.events:
        if isinstance(event, TrialStarted):
            attempts[event.trial_id] = [*attempts.get(event.trial_id, []), event]
    resumed = [t for t in scheduler.trials.values() if t.attempts > 1]
    assert resumed
    for trial in resumed:
        assert [r.resource for r in trial.reports] == list(range(1, trial.resource + 1))
        ends = [start.resume_from for start in attempts[trial.trial_id][1:]] + [trial.resource]
        assert trial.busy_s == 10.0 * sum(ends)


def test_both_take_the_same_decisions_on_one_worker():
    def chosen(scheduler):
        return [(e.trial_id, e.resource, e.decision) for e in scheduler.history.events if _is(e)]

    def _is(event):
        return type(event).__name__ == "Decided"

    assert chosen(promoted(keeps_progress=True)) == chosen(promoted(keeps_progress=False))


def test_a_job_says_where_to_go_on():
    def resources(job, **options):
        executor = SimulatedExecutor(ten_seconds, 1, **options)
        with Driver(executor, task_of(train.f)) as driver:
            driver.submit(job)
            driver.exit_of(0)
        return [m["epoch"] for m in driver.reports[0]], executor.clock.now_s()

    assert resources(Start(0, {"x": 1.0}, 0)) == (list(range(1, 10)), 90.0)
    job = Resume(0, {"x": 1.0}, 0, 1, 3, 9)
    assert resources(job) == (list(range(4, 10)), 60.0)
    assert resources(job, keeps_progress=False) == (list(range(1, 10)), 90.0)


def test_without_a_resource_reports_are_counted():
    def counted(config):
        for _ in range(4):
            yield {"accuracy": 1.0}, 1

    with Driver(SimulatedExecutor(counted), task_of(train.f), lambda *_: GO_ON) as driver:
        driver.submit(Resume(0, {}, 0, 1, 3))
        driver.exit_of(0)
    assert len(driver.reports[0]) == 1
    assert [len(t.reports) for t in run(fifo(counted, num_trials=2)).trials.values()] == [4, 4]


def test_who_is_paused_and_promoted_after_a_kill_elsewhere_begins_as_the_job_says():
    executor = SimulatedExecutor(ten_seconds, 2)
    with Driver(executor, task_of(train.f), lambda *_: PAUSE) as driver:
        driver.start(0, x=0.5)
        driver.exit_of(0)
        executor.kill(0)  # too late
        del driver.exits[0]
        driver.submit(Resume(0, {"x": 0.5}, 0, 1, 1, 3))
        driver.exit_of(0)
    assert [m["epoch"] for m in driver.reports[0]] == [1, 2]
    assert executor.clock.now_s() == 20.0


# -- curves that go wrong ------------------------------------------------------------------


def test_a_curve_that_raises_fails_its_trial():
    def sometimes(config):
        yield {"epoch": 1, "accuracy": 0.5}, 10
        if config["x"] > 0.5:
            raise ValueError("too large")

    scheduler = run(fifo(sometimes, num_trials=20, max_failures=None))
    assert set(states(scheduler)) == {"completed", "failed"}
    for trial in scheduler.trials.values():
        if trial.config["x"] > 0.5:
            assert trial.error == "ValueError: too large"
            assert 'raise ValueError("too large")' in trial.traceback_text
    with pytest.raises(TrialFailed, match="no such config"):
        run(fifo(lambda config: _raise(KeyError("no such config"))))


def _raise(error):
    raise error


def test_nan_is_a_report_as_any_other():
    def diverges(config):
        yield {"epoch": 1, "accuracy": 0.5}, 1
        yield {"epoch": 2, "accuracy": math.nan}, 1
        yield {"epoch": 3, "accuracy": 0.75}, 1

    assert set(states(run(hyperband(diverges, num_trials=3)))) == {"diverged"}


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (0.5, "SpecError: the curve yielded 0.5; it must yield pairs"),
        (({"accuracy": 1},), "SpecError: the curve yielded"),
        ((["accuracy"], 1), "SpecError: the curve yielded"),
        (({"accuracy": 1}, -1), "SpecError: the curve yielded seconds=-1"),
        (({"accuracy": 1}, math.nan), "SpecError: the curve yielded seconds=nan"),
        (({"accuracy": 1}, math.inf), "SpecError: the curve yielded seconds=inf"),
        (({"accuracy": 1}, "1"), "SpecError: the curve yielded seconds='1'"),
        (({"accuracy": object()}, 1), "ReportError: reporter(accuracy=...) got a object"),
        (({"loss": 1}, 1), "ReportError: the report has no 'accuracy'"),
        (({"accuracy": 1, "epoch": -1}, 1), "ReportError: epoch=-1 must be"),
    ],
)
def test_what_is_no_report_fails_the_trial(step, error):
    with Driver(SimulatedExecutor(lambda config: [step]), task_of(train.f)) as driver:
        end = driver.run(0)
    assert end.outcome is Outcome.RAISED
    assert end.error.startswith(error)


def test_a_curve_gets_a_config_of_its_own_and_the_trials_seed():
    seen = []

    def notes(config, seed):
        seen.append((dict(config), seed))
        yield {"accuracy": config.pop("x")}, 1.0

    scheduler = run(fifo(notes, num_trials=3, search_options={"random_seed": 5}))
    configs = [trial.config for trial in scheduler.trials.values()]
    assert seen == [(config, trial_seed(5, i)) for i, config in enumerate(configs)]


def test_wrong_arguments_are_answered_with_a_rule():
    with pytest.raises(SpecError, match="must be a function of a config"):
        SimulatedExecutor(3)
    with pytest.raises(SpecError, match="num_workers=0"):
        SimulatedExecutor(linear, 0)
    with pytest.raises(SpecError, match="a simulated run is the same every time"):
        fifo(deterministic=True)
    with pytest.raises(SpecError, match="a simulated run is the same every time"):
        played("fifo", deterministic=True)


def test_it_serves_one_run_at_a_time():
    executor = SimulatedExecutor(linear, 1)
    task = task_of(train.f)
    with pytest.raises(RuntimeError, match="open executor"):
        executor.submit(Start(0, {"x": 1.0}, 0))
    with Driver(executor, task) as driver:
        with pytest.raises(SpecError, match="runs trials already"):
            executor.open(task)
        driver.start(0, x=1.0)
        with pytest.raises(RuntimeError, match="free slot"):
            executor.submit(Start(1, {"x": 1.0}, 0))


def test_no_process_and_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    scheduler = run(hyperband(type="promotion"))
    assert not list(tmp_path.iterdir())
    assert not multiprocessing.active_children()
    assert scheduler.log(0) == []
    assert repr(SimulatedExecutor(linear, 2)) == (
        "SimulatedExecutor(linear, num_workers=2, keeps_progress=True, charges_decisions=False)"
    )


@pytest.mark.parametrize("searcher", ["random", "grid", "bayesopt"])
def test_searchers_run_unchanged(searcher):
    space = ag.args(x=ag.Ordinal(*(i / 20 for i in range(21))), epochs=MAX_T)(train.f)
    for kind in ("stopping", "promotion"):
        scheduler = ag.scheduler.HyperbandScheduler(
            space,
            type=kind,
            searcher=searcher,
            num_trials=12,
            executor=SimulatedExecutor(ten_seconds),
        )
        scheduler.run()
        assert len(scheduler.trials) == 12
        assert scheduler.get_best_reward() == max(
            r.reward for t in scheduler.trials.values() for r in t.reports
        )


def test_callbacks_are_told_of_every_event_and_not_between():
    class Counts(ag.callbacks.Callback):
        ticks = 0

        def on_tick(self, now_s):
            self.ticks += 1

    counts = Counts()
    scheduler = run(fifo(ten_seconds, num_trials=4, callbacks=[counts]))
    assert 0 < counts.ticks < len(scheduler.history.events)


# -- a train function that yields its curve ------------------------------------------------


KINDS = ["fifo", "hbs", "hbp", "median", "sync", "pasha"]


def played(kind, function=yielding, **options):
    options = {"num_trials": 12, "executor": "simulated", **options}
    return make_scheduler(function, kind, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_yields_is_played_as_its_curve_would_be(kind):
    whole = run(make_scheduler(train, kind, num_trials=12, executor=SimulatedExecutor(ten_seconds)))
    assert told(run(played(kind))) == told(whole)


def test_tuning_a_plain_function_that_yields():
    def plain(args):
        yield {"accuracy": args.x * args.factor}, 3600.0

    space = {"x": ag.Real(0, 1), "factor": 2}
    result = ag.tune(plain, space, num_trials=10, executor="simulated", num_workers=5)
    assert result.scheduler.slots == 5
    assert result.best_reward == 2 * result.best_config["x"]
    assert result.time_spent.run_s == 2 * 3600.0


def test_population_based_training_plays_it_too():
    scheduler = played("pbt", num_trials=None, population_size=4)
    scheduler.run()
    assert any(trial.begin for trial in scheduler.trials.values())
    assert max(trial.resource for trial in scheduler.trials.values()) == MAX_T


@pytest.mark.parametrize("executor", ["simulated", SimulatedExecutor(yielding)])
def test_it_gets_the_arguments_of_the_run(executor):
    scheduler = run(played("fifo", num_trials=3, executor=executor, args={"epochs": 2, "x": 0.5}))
    assert [len(trial.reports) for trial in scheduler.trials.values()] == [2, 2, 2]


def test_played_by_another_scheduler_it_keeps_its_own_arguments():
    @ag.args(x=ag.Real(0, 1), epochs=1)
    def other(args, reporter):
        raise AssertionError("a simulated trial runs nothing")

    scheduler = run(played("fifo", other, num_trials=2, executor=SimulatedExecutor(yielding)))
    assert [len(trial.reports) for trial in scheduler.trials.values()] == [MAX_T, MAX_T]


def test_a_time_budget_is_kept_in_simulated_time():
    scheduler = run(played("fifo", num_trials=None, time_budget="1h"))
    assert scheduler.history.events[-1].time_s <= 3600
    assert len(scheduler.trials) > 100


@pytest.mark.parametrize("kind", ["fifo", "hbp"])
def test_a_run_of_a_played_function_goes_on_from_its_directory(tmp_path, kind, caplog):
    def make(**given):
        return played(kind, checkpoint=tmp_path / "run", resume="auto", **given)

    whole = run(played(kind))
    for time_out in (35.0, 100.0, None):
        scheduler = run(make(), time_out=time_out)
    assert told(scheduler) == told(whole)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_what_it_raises_fails_its_trial():
    @ag.args(x=ag.Real(0, 1))
    def breaks(args):
        yield {"accuracy": args.x}, 1.0
        raise ValueError(f"x is {args.x}")

    scheduler = run(played("fifo", breaks, num_trials=2, max_failures=None))
    assert states(scheduler) == ["failed", "failed"]
    trial = scheduler.trials[0]
    assert trial.error == f"ValueError: x is {trial.config['x']}"
    assert trial.traceback_text.splitlines()[1].strip().startswith("File")
    assert "raise ValueError" in trial.traceback_text


def test_a_function_that_cannot_be_played_is_told_what_to_do():
    with pytest.raises(SpecError, match=r"train is no generator .*executor=SimulatedExecutor\("):
        played("fifo", train)
    with pytest.raises(SpecError, match="train is no generator function"):
        SimulatedExecutor(train)
    with pytest.raises(SpecError, match=r"yielding yields a learning curve, .* trains nothing"):
        run(played("fifo", num_trials=1)).refit()


# -- what was played is said ---------------------------------------------------------------


MEAN = "mean of the 2 nearest in the encoded unit cube, weighted by the inverse distance"


def interpolating(neighbours=2):
    table = CurveTable.from_run(
        run(fifo(ten_seconds)), between="interpolate", neighbours=neighbours
    )
    return SimulatedExecutor(table)


def test_what_stands_for_configs_that_were_not_recorded_is_said_and_recorded(tmp_path, caplog):
    screen = io.StringIO()
    progress = ag.callbacks.Progress(Console(file=screen, width=200))
    with caplog.at_level(logging.INFO, "agcore"):
        scheduler = run(
            fifo(executor=interpolating(), checkpoint=tmp_path / "run", callbacks=[progress])
        )
    said = f"10 configs, epoch up to 9, accuracy; other configs: {MEAN}"
    assert screen.getvalue().startswith(f"simulated with the curves of {said}\n")
    assert f"simulated with the curves of {said}" in caplog.messages
    assert f"4 trials at once, simulated with the curves of {said})" in repr(scheduler)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["simulated"] == {"curves": said}
    first = next(read_journal(tmp_path / "run" / "events.jsonl"))
    assert first.settings["simulated"] == said
    assert scheduler.state_dict()["settings"]["simulated"] == said
    assert ag.TuneResult(scheduler).settings["simulated"] == said


def test_the_names_of_functions_are_said_and_of_real_runs_nothing():
    assert "simulated with the curves of ten_seconds" in repr(fifo(ten_seconds))
    assert "simulated with the curves of yielding" in repr(played("fifo"))
    real = ag.scheduler.FIFOScheduler(train, num_trials=1, executor="inline")
    assert "simulated" not in repr(real)
    assert "simulated" not in real.state_dict()["settings"]


def test_a_run_that_goes_on_with_other_curves_is_warned(tmp_path, caplog):
    def make(executor, resume=False):
        return fifo(executor=executor, checkpoint=tmp_path / "run", resume=resume)

    run(make(interpolating()), time_out=50)
    run(make(interpolating(), resume=True), time_out=60)
    assert "results may differ" not in caplog.text
    make(interpolating(3), resume=True)
    assert "simulation: curves was '10 configs" in caplog.text
    assert "mean of the 3 nearest" in caplog.text


@pytest.mark.parametrize("has_description", [True, False])
def test_a_record_from_before_there_was_such_a_statement_goes_on(tmp_path, has_description, caplog):
    path = tmp_path / "run"
    run(fifo(executor=interpolating(), checkpoint=path), time_out=50)
    described = json.loads((path / "run.json").read_text())
    del described["simulated"]
    (path / "run.json").write_text(json.dumps(described))
    first, *others = (path / "events.jsonl").read_text().splitlines(keepends=True)
    started = json.loads(first)
    del started["settings"]["simulated"]
    (path / "events.jsonl").write_text("".join([json.dumps(started) + "\n", *others]))
    if not has_description:
        (path / "run.json").unlink()
    scheduler = run(fifo(executor=interpolating(), checkpoint=path, resume=True))
    assert told(scheduler) == told(run(fifo(executor=interpolating())))
    assert "results may differ" not in caplog.text


# -- cutting a simulation off --------------------------------------------------------------


RUNS = {
    "fifo": fifo,
    "stopping": lambda **given: hyperband(type="stopping", **given),
    "promotion": lambda **given: hyperband(type="promotion", brackets=2, **given),
}


@pytest.mark.parametrize("keeps_progress", [True, False])
@pytest.mark.parametrize("kind", RUNS)
def test_a_run_that_goes_on_equals_one_that_was_never_cut_off(kind, keeps_progress):
    def make():
        return RUNS[kind](executor=SimulatedExecutor(linear, 4, keeps_progress=keeps_progress))

    whole = run(make())
    end_s = whole.history.events[-1].time_s
    for time_out in (0.1, end_s / 3, 0.9 * end_s):
        parts = run(make(), time_out=time_out)
        assert parts.history.events[-1].time_s == pytest.approx(time_out)
        run(parts, time_out=2 * end_s)
        assert told(parts) == told(whole)


@pytest.mark.parametrize("keeps_progress", [True, False])
@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.35, 0.5, 0.63, 0.77, 0.9, 0.99])
def test_a_journal_that_was_cut_anywhere_goes_on_to_the_same_end(
    tmp_path, kind, keeps_progress, share
):
    def make(path, **given):
        executor = SimulatedExecutor(linear, 4, keeps_progress=keeps_progress)
        return RUNS[kind](executor=executor, checkpoint=path, **given)

    whole = run(make(tmp_path / "whole"))
    data = (tmp_path / "whole" / "events.jsonl").read_bytes()
    for number in range(3):  # cut at three neighbouring events
        path = tmp_path / f"cut-{number}"
        path.mkdir()
        (path / "run.json").write_bytes((tmp_path / "whole" / "run.json").read_bytes())
        lines = data.splitlines(keepends=True)
        kept = lines[: max(1, int(share * len(lines)) + number)]
        (path / "events.jsonl").write_bytes(b"".join(kept))
        assert told(run(make(path, resume=True))) == told(whole)
        assert isinstance(list(read_journal(path / "events.jsonl"))[-1], RunEnded)


def test_a_run_resumed_twice_from_its_directory_goes_on_to_the_same_end(tmp_path):
    def make(**given):
        return hyperband(type="promotion", checkpoint=tmp_path / "run", resume="auto", **given)

    whole = run(hyperband(type="promotion"))
    for time_out in (40.0, 90.0, None):
        scheduler = run(make(), time_out=time_out)
    assert told(scheduler) == told(whole)
    assert states(make()) == states(whole)


def test_a_run_goes_on_with_more_trials():
    scheduler = run(hyperband(num_trials=10))
    between_s = scheduler.history.events[-1].time_s
    run(scheduler, num_trials=20)
    assert scheduler.trials[10].started_s == between_s
    assert len(scheduler.trials) == 20


def test_with_fewer_workers_trials_that_were_cut_off_wait_for_their_turn(tmp_path):
    def make(num_workers):
        return fifo(
            ten_seconds, num_workers, num_trials=4, checkpoint=tmp_path / "run", resume="auto"
        )

    run(make(4), time_out=45.0)
    scheduler = run(make(1))
    assert states(scheduler) == ["completed"] * 4
    assert scheduler.history.events[-1].time_s == 45.0 + 4 * 45.0
    assert [trial.busy_s for trial in scheduler.trials.values()] == [90.0] * 4


def test_ctrl_c_ends_a_simulation_that_can_go_on():
    interrupts = []

    def interrupted(config):
        for step in linear(config):
            if step[0]["epoch"] == 5 and not interrupts:
                interrupts.append(1)
                signal.raise_signal(signal.SIGINT)
            yield step

    scheduler = fifo(interrupted)
    with pytest.raises(KeyboardInterrupt):
        scheduler.run()
    assert states(scheduler).count("interrupted") == 4
    scheduler.run()
    assert told(scheduler) == told(run(fifo(linear)))


def test_an_error_of_a_callback_leaves_a_simulation_that_can_go_on():
    class Breaks(ag.callbacks.Callback):
        left = 40

        def on_event(self, event):
            self.left -= 1
            if self.left == 0:
                raise ZeroDivisionError

    scheduler = hyperband(type="stopping", callbacks=[Breaks()])
    with pytest.raises(ZeroDivisionError):
        scheduler.run()
    scheduler.run()
    assert scheduler.trials.keys() == run(hyperband(type="stopping")).trials.keys()
    assert not any(state in ("running", "interrupted") for state in states(scheduler))


def test_a_table_of_a_simulated_run_plays_the_same_run():
    whole = run(fifo(linear))
    table = CurveTable.from_run(whole)
    assert told(run(fifo(table))) == told(whole)
    assert told(run(hyperband(table, num_trials=10))) == told(run(hyperband(num_trials=10)))


def test_nothing_is_logged_that_a_real_run_would_not(caplog):
    with caplog.at_level(logging.WARNING):
        run(hyperband(type="promotion", executor=SimulatedExecutor(linear, keeps_progress=False)))
    assert not caplog.records
