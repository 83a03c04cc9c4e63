import itertools
import json
import signal

import pytest

import agcore as ag
from agcore.errors import AgcoreError, SpecError
from agcore.executor.simulated import SimulatedExecutor
from agcore.journal import read_journal
from agcore.records import Reported, TrialProposed, TrialStarted, TrialState
from agcore.scheduler import FIFOScheduler, PopulationBasedTrainingScheduler


@ag.args(lr=ag.Real(1e-3, 1, log=True), epochs=12)
def train(args, reporter):
    """Saves its state every other epoch."""
    weight = 0.0
    if reporter.latest_checkpoint is not None:
        saved = json.loads((reporter.latest_checkpoint / "state.json").read_text())
        assert saved["epoch"] == reporter.resume_from
        weight = saved["weight"]
    for epoch in range(reporter.resume_from + 1, args.epochs + 1):
        weight += args.lr * (1 - weight)
        if epoch % 2 == 0:
            state = {"epoch": epoch, "weight": weight, "by": args.task_id}
            (reporter.checkpoint_dir / "state.json").write_text(json.dumps(state))
        reporter(epoch=epoch, accuracy=weight)


@ag.args(lr=ag.Real(1e-3, 1, log=True), epochs=12)
def forgetful(args, reporter):
    weight = 0.0
    for epoch in range(1, args.epochs + 1):
        weight += args.lr * (1 - weight)
        reporter(epoch=epoch, accuracy=weight)


def run(function=train, **arguments):
    arguments.setdefault("population_size", 5)
    arguments.setdefault("perturbation_interval", 3)
    arguments.setdefault("executor", "inline")
    scheduler = PopulationBasedTrainingScheduler(function, progress=False, **arguments)
    scheduler.run()
    return scheduler


def fates(scheduler):
    return {
        trial_id: (
            trial.config,
            trial.parent,
            trial.begin,
            trial.state,
            [d.decision for d in trial.decisions],
            [repr(row) for row in scheduler.history.rows(trial)],
        )
        for trial_id, trial in scheduler.trials.items()
    }


def copies(scheduler):
    return [trial for trial in scheduler.trials.values() if trial.parent is not None]


# -- the paper's toy ------------------------------------------------------------------------


@ag.args(h0=ag.Real(0, 1), h1=ag.Real(0, 1), epochs=60)
def quadratic(args, reporter):
    """Figure 2 of the paper: the surrogate's gradient sees only what h lets it see."""
    theta = [0.9, 0.8]
    if reporter.latest_checkpoint is not None:
        theta = json.loads((reporter.latest_checkpoint / "theta.json").read_text())
    for epoch in range(reporter.resume_from + 1, args.epochs + 1):
        theta = [t - 0.05 * 2 * h * t for t, h in zip(theta, (args.h0, args.h1), strict=True)]
        (reporter.checkpoint_dir / "theta.json").write_text(json.dumps(theta))
        reporter(epoch=epoch, accuracy=1.2 - theta[0] ** 2 - theta[1] ** 2)


def test_it_beats_the_best_fixed_config_on_the_toy_problem_of_the_paper():
    corners = {"points_to_evaluate": [{"h0": 1, "h1": 0}, {"h0": 0, "h1": 1}]}
    fixed = FIFOScheduler(
        quadratic, num_trials=2, search_options=corners, executor="inline", progress=False
    )
    fixed.run()
    assert fixed.get_best_reward() == pytest.approx(1.2 - 0.8**2, abs=1e-3)  # one of the two stays
    scheduler = run(quadratic, population_size=2, perturbation_interval=4, search_options=corners)
    assert scheduler.get_best_reward() > 1.1
    line = scheduler.lineage(scheduler.get_best_task_id())
    assert line[0].trial_id in (0, 1)
    assert len(line) > 2


# -- copies -----------------------------------------------------------------------------------


def test_a_copy_goes_on_from_a_checkpoint_of_its_parent_with_another_config():
    scheduler = run()
    assert len(copies(scheduler)) >= 2
    for trial in copies(scheduler):
        parent = scheduler.trials[trial.parent]
        assert trial.begin % 2 == 0
        assert [r.resource for r in trial.reports] == list(
            range(trial.begin + 1, trial.reports[-1].resource + 1)
        )
        weight = next(r.reward for r in parent.reports if r.resource == trial.begin)
        expected = weight + trial.config["lr"] * (1 - weight)
        assert trial.reports[0].reward == pytest.approx(expected)
        assert trial.config != parent.config
        assert trial.origin == "explore"


def test_the_events_tell_parent_resource_and_reason(tmp_path):
    scheduler = run(checkpoint=tmp_path / "run")
    events = list(read_journal(tmp_path / "run" / "events.jsonl"))
    assert events == scheduler.history.events
    trial = copies(scheduler)[0]
    parent = scheduler.trials[trial.parent]
    of_trial = [e for e in events if getattr(e, "trial_id", None) == trial.trial_id]
    proposed = next(e for e in of_trial if isinstance(e, TrialProposed))
    started = next(e for e in of_trial if isinstance(e, TrialStarted))
    assert (proposed.parent, proposed.origin) == (parent.trial_id, "explore")
    assert (started.parent, started.resume_from) == (parent.trial_id, trial.begin)
    lr = f"lr {parent.config['lr']:.6g} -> {trial.config['lr']:.6g}"
    assert f"a copy of trial {parent.trial_id} (reward " in started.reason
    assert started.reason.endswith(f"from epoch={trial.begin} on, with {lr}")
    ended = [t for t in scheduler.trials.values() if t.state is TrialState.STOPPED]
    assert len(ended) == len(copies(scheduler))
    for loser in ended:
        assert "its place goes to a copy of trial" in loser.decisions[-1].decision.reason
    first = next(e for e in events if isinstance(e, TrialProposed))
    assert first.parent is None


def test_the_lineage_is_the_schedule_of_a_trial():
    scheduler = run()
    for trial in scheduler.trials.values():
        line = scheduler.lineage(trial.trial_id)
        assert line[0].begin == 0
        assert line[-1].trial_id == trial.trial_id
        assert line[-1].end == trial.resource
        for before, after in itertools.pairwise(line):
            assert scheduler.trials[after.trial_id].parent == before.trial_id
            assert before.end == after.begin > before.begin
    assert scheduler.lineage("0") == scheduler.history.lineage(0)
    with pytest.raises(SpecError, match="there is no trial 99"):
        scheduler.lineage(99)


def test_without_checkpoints_copies_begin_anew_and_one_warning_says_so(caplog):
    scheduler = run(forgetful)
    assert {trial.begin for trial in copies(scheduler)} == {0}
    assert all(trial.reports[0].resource == 1 for trial in copies(scheduler))
    line = scheduler.lineage(copies(scheduler)[0].trial_id)
    assert (line[0].begin, line[0].end) == (0, 0)
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(said) == 1
    assert "begins anew" in said[0]
    assert "reporter.checkpoint_dir" in said[0]
    reasons = [e.reason for e in scheduler.history.events if isinstance(e, TrialStarted)]
    assert any("from the beginning, with lr" in reason for reason in reasons)


def test_a_custom_explore_makes_the_configs():
    scheduler = run(explore=lambda config: {"lr": config["lr"] * 1e9})
    assert {trial.config["lr"] for trial in copies(scheduler)} == {1.0}


def test_the_run_ends_with_its_population_and_num_trials_bounds_it():
    assert run().num_finished_tasks == len(run().trials)
    scheduler = run(num_trials=6)
    assert len(scheduler.trials) == 6
    assert max(trial.resource for trial in scheduler.trials.values()) == 12
    scheduler = run(populations=2)
    assert len([t for t in scheduler.trials.values() if t.parent is None]) == 10
    with pytest.raises(SpecError, match="neither num_trials nor time_out"):
        run(populations=None)


def test_failed_and_diverged_members_are_replaced():
    @ag.args(x=ag.Real(0, 1), epochs=6)
    def fails(args, reporter):
        for epoch in range(reporter.resume_from + 1, args.epochs + 1):
            if args.task_id == 2 and epoch == 2:
                raise ValueError("two")
            (reporter.checkpoint_dir / "x").touch()
            reporter(epoch=epoch, accuracy=float("nan") if args.task_id == 1 else args.x)

    scheduler = run(fails, population_size=4, perturbation_interval=1)
    assert scheduler.trials[1].state is TrialState.DIVERGED
    assert scheduler.trials[2].state is TrialState.FAILED
    states = [trial.state for trial in scheduler.trials.values()]
    assert states.count(TrialState.COMPLETED) == 4


def test_a_finite_space_that_is_used_up_still_has_copies():
    @ag.args(x=ag.Categorical(0.1, 0.2, 0.3), epochs=8)
    def few(args, reporter):
        for epoch in range(reporter.resume_from + 1, args.epochs + 1):
            (reporter.checkpoint_dir / "x").touch()
            reporter(epoch=epoch, accuracy=args.x * epoch)

    scheduler = run(few, population_size=3, perturbation_interval=1, searcher="grid")
    assert copies(scheduler)


@pytest.mark.parametrize("is_object", [False, True])
def test_copies_keep_the_constraint_of_the_searcher(is_object):
    def constraint(config):
        return config["lr"] <= 0.3

    options = {"constraint": constraint, "points_to_evaluate": [{"lr": 0.3}]}
    searcher = ag.searcher.RandomSearcher(forgetful.cs, **options) if is_object else "random"
    scheduler = run(
        forgetful,
        searcher=searcher,
        search_options=None if is_object else options,
        perturbation_interval=1,
        num_trials=16,
    )
    copies = [trial for trial in scheduler.trials.values() if trial.parent is not None]
    assert len(copies) >= 3
    assert all(trial.config["lr"] <= 0.3 for trial in copies)


# -- executors --------------------------------------------------------------------------------


def test_real_processes_copy_whole_checkpoints_while_parents_go_on():
    @ag.args(lr=ag.Real(0.01, 1), epochs=20)
    def large(args, reporter):
        """Each file of a checkpoint holds its epoch: a mixture would show."""
        if reporter.latest_checkpoint is not None:
            files = sorted(reporter.latest_checkpoint.iterdir())
            found = {file.read_text() for file in files}
            assert len(files) == 20
            assert found == {str(reporter.resume_from)}
        for epoch in range(reporter.resume_from + 1, args.epochs + 1):
            for number in range(20):
                (reporter.checkpoint_dir / f"{number}").write_text(str(epoch))
            reporter(epoch=epoch, accuracy=args.lr * epoch)

    scheduler = run(
        large,
        executor="local",
        num_workers=3,
        population_size=4,
        perturbation_interval=1,
        quantile_fraction=0.5,
        max_failures=1,
    )
    assert len(copies(scheduler)) >= 4
    assert {trial.state for trial in scheduler.trials.values()} <= {
        TrialState.COMPLETED,
        TrialState.STOPPED,
        TrialState.PAUSED,  # bad ones that came first to an interval, and were replaced
    }


def test_a_deterministic_run_is_the_same_on_one_and_on_three_workers(tmp_path):
    def played(workers):
        scheduler = run(
            executor="local", deterministic=True, logical_workers=4, num_workers=workers
        )
        return fates(scheduler)

    assert played(1) == played(3)


def curve(config):
    for epoch in range(1, 13):
        yield {"epoch": epoch, "accuracy": config["lr"] * epoch}, 10.0


@pytest.mark.parametrize("workers", [2, 5])
def test_simulated_copies_play_their_own_curve_from_the_parents_resource_on(workers, caplog):
    executor = SimulatedExecutor(curve, num_workers=workers)
    scheduler = run(executor=executor)
    assert copies(scheduler)
    for trial in copies(scheduler):
        assert trial.begin > 0
        assert trial.reports[0].resource == trial.begin + 1
        assert trial.reports[0].reward == trial.config["lr"] * (trial.begin + 1)
        assert trial.reports[0].time_s - trial.started_s <= 10.0
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


@pytest.mark.parametrize("cost_s", [lambda lr: 10.0, lambda lr: 5.0 + 10.0 * lr])
def test_rising_curves_are_exploited_even_if_the_bad_ones_are_ahead(cost_s):
    def rising(config):
        for epoch in range(1, 21):
            reward = epoch / 20 + 0.02 * config["lr"]
            yield {"epoch": epoch, "accuracy": reward}, cost_s(config["lr"])

    for seed in range(3):
        scheduler = run(
            executor=SimulatedExecutor(rising, num_workers=10),
            search_options={"random_seed": seed},
            explore=lambda config, rng: {"lr": float(rng.uniform(1e-3, 1))},
            max_t=20,
            population_size=10,
            perturbation_interval=2,
        )
        # Two of ten at each of nine intervals are 18.
        assert 10 <= len(copies(scheduler)) <= 36
        states = [trial.state for trial in scheduler.trials.values()]
        assert states.count(TrialState.COMPLETED) == 10
        replaced = states.count(TrialState.STOPPED) + states.count(TrialState.PAUSED)
        assert replaced == len(copies(scheduler))


def test_the_record_tells_why_one_that_waited_was_replaced():
    def fast_if_bad(config):
        for epoch in range(1, 13):
            yield {"epoch": epoch, "accuracy": epoch + config["lr"]}, 5.0 + config["lr"]

    scheduler = run(executor=SimulatedExecutor(fast_if_bad, num_workers=5))
    waited = [t for t in scheduler.trials.values() if t.state is TrialState.PAUSED]
    assert waited
    for trial in waited:
        decision = trial.decisions[-1].decision
        assert "it waits for those that were better and are behind" in decision.reason
        where = f"in the place of trial {trial.trial_id}, whose reward "
        events = scheduler.history.events
        starts = [e for e in events if isinstance(e, TrialStarted) and e.reason.startswith(where)]
        assert len(starts) == 1
        assert f"at epoch={trial.resource} ranks 5 of 5" in starts[0].reason


def test_simulated_copies_begin_anew_if_progress_is_not_kept():
    executor = SimulatedExecutor(curve, num_workers=5, keeps_progress=False)
    scheduler = run(executor=executor, num_trials=12)
    assert {trial.begin for trial in copies(scheduler)} == {0}


# -- going on ---------------------------------------------------------------------------------


class InterruptAfter(ag.callbacks.Callback):
    """Ctrl-C after so many reports."""

    def __init__(self, reports):
        self.left = reports

    def on_event(self, event):
        self.left -= isinstance(event, Reported)
        if self.left == 0:
            self.left = -1
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("after", [1, 7, 20, 26, 31, 40])
def test_a_resumed_run_decides_as_one_that_was_never_cut_off(after, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, callbacks=[InterruptAfter(after)])
    resumed = run(checkpoint=path, resume=True)
    assert fates(resumed) == fates(run())
    again = PopulationBasedTrainingScheduler(
        train,
        population_size=5,
        perturbation_interval=3,
        executor="inline",
        checkpoint=path,
        resume=True,
    )
    assert fates(again) == fates(resumed)
    assert again.lineage(5) == resumed.lineage(5)


def test_a_copy_that_is_cut_off_before_its_first_report_keeps_what_it_began_with(tmp_path):
    class InterruptAtCopy(ag.callbacks.Callback):
        done = False

        def on_event(self, event):
            if isinstance(event, TrialStarted) and event.parent is not None and not self.done:
                self.done = True
                signal.raise_signal(signal.SIGINT)

    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, callbacks=[InterruptAtCopy()])
    assert fates(run(checkpoint=path, resume=True)) == fates(run())


def test_a_run_cut_off_without_a_directory_has_lost_the_files_of_copies_too():
    scheduler = PopulationBasedTrainingScheduler(
        train,
        population_size=5,
        perturbation_interval=3,
        executor="inline",
        progress=False,
        callbacks=[InterruptAfter(32)],
    )
    with pytest.raises(KeyboardInterrupt):
        scheduler.run()
    scheduler.run()
    assert {trial.state for trial in scheduler.trials.values()} <= {
        TrialState.COMPLETED,
        TrialState.STOPPED,
    }


def test_a_simulated_run_that_goes_on_equals_one_that_was_never_cut_off():
    def simulated(**arguments):
        return PopulationBasedTrainingScheduler(
            train,
            population_size=5,
            perturbation_interval=3,
            executor=SimulatedExecutor(curve, num_workers=2),
            progress=False,
            **arguments,
        )

    whole, first = simulated(), simulated()
    whole.run()
    for seconds in (45, 95, 155, 200):
        first = simulated()
        first.run(time_out=seconds)
        second = simulated()
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        second.run()
        assert fates(second) == fates(whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 1}, "population_size"),
        ({"perturbation_interval": 12}, "perturbation_interval=12 must be below"),
        ({"quantile_fraction": 0.7}, "quantile_fraction"),
        ({"resample_probability": -1}, "resample_probability"),
        ({"explore": "more"}, "explore"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        run(**arguments)


def test_the_interval_is_a_tenth_of_the_resource_if_nothing_is_said():
    scheduler = run(perturbation_interval=None, max_t=40, populations=1)
    assert scheduler.history.events[0].settings["scheduler"] == "PopulationBasedTrainingScheduler"
    assert scheduler.trials[0].decisions[0].resource == 4


def test_curves_of_copies_are_no_curves_of_their_configs():
    scheduler = run()
    table = ag.curves.CurveTable.from_run(scheduler)
    for trial in copies(scheduler):
        with pytest.raises(AgcoreError):
            list(table.curve(trial.config, 0))
