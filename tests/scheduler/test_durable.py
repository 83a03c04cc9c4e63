"""What trials leave behind and find again: real processes, real files, real signals."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import agcore as ag
from agcore.errors import AgcoreError, JournalError, SpecError
from agcore.records import TrialStarted

ROOT = Path(__file__).resolve().parents[2]


def saves(args, reporter):
    """Adds 1 to a number each epoch and keeps it in a checkpoint."""
    state = {"steps": 0, "attempts": 0}
    if reporter.latest_checkpoint is not None:
        state = json.loads((reporter.latest_checkpoint / "state.json").read_text())
    assert state["steps"] == reporter.resume_from == args.scheduler.resume_from
    state["attempts"] += 1
    for epoch in range(state["steps"] + 1, args.epochs + 1):
        state["steps"] += 1
        (reporter.checkpoint_dir / "state.json").write_text(json.dumps(state))
        reporter(epoch=epoch, accuracy=args.x * state["steps"], attempts=state["attempts"])


@pytest.fixture
def saving():
    return ag.args(x=ag.Real(0, 1), epochs=9)(saves)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- checkpoints ---------------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_a_promoted_trial_goes_on_from_its_own_files(saving, tmp_path, executor):
    scheduler = ag.scheduler.HyperbandScheduler(
        saving,
        num_trials=9,
        max_t=9,
        grace_period=1,
        reduction_factor=3,
        type="promotion",
        checkpoint=tmp_path,
        executor=executor,
        num_workers=2,
        progress=False,
    )
    scheduler.run()
    promoted = [trial for trial in scheduler.trials.values() if trial.attempts > 1]
    assert promoted
    for trial in promoted:
        assert trial.reports[-1].metrics["attempts"] == trial.attempts
        rewards = [report.reward / trial.config["x"] for report in trial.reports]
        assert rewards == pytest.approx(range(1, len(rewards) + 1))


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_without_a_run_directory_the_files_are_gone_at_the_end(saving, executor, tmp_path):
    seen = tmp_path / "seen.txt"

    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        with seen.open("a") as file:
            file.write(f"{reporter.checkpoint_dir}\n")
        saves(args, reporter)

    scheduler = ag.scheduler.HyperbandScheduler(
        train, num_trials=9, max_t=9, type="promotion", executor=executor, progress=False
    )
    scheduler.run()
    assert any(trial.attempts > 1 for trial in scheduler.trials.values())
    folders = [Path(line) for line in seen.read_text().splitlines()]
    assert folders
    assert not any(folder.parents[2].exists() for folder in folders)


def test_of_trials_that_can_go_no_further_only_the_best_keeps_its_files(saving, tmp_path):
    scheduler = ag.scheduler.FIFOScheduler(
        saving, num_trials=4, checkpoint=tmp_path, num_workers=2, progress=False
    )
    scheduler.run()
    best = scheduler.best().trial_id
    assert files_below(tmp_path / "trials") == [f"{best:04d}/checkpoint/9/state.json"]


def test_a_trial_that_only_counts_its_reports_goes_on_with_the_count(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        done = 0
        if reporter.latest_checkpoint is not None:
            done = int((reporter.latest_checkpoint / "done").read_text())
        for step in range(done + 1, 6):
            (reporter.checkpoint_dir / "done").write_text(str(step))
            reporter(accuracy=step * args.x)
            if step == 3 and done == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    scheduler = ag.scheduler.FIFOScheduler(
        train, num_trials=1, max_retries=1, checkpoint=tmp_path, progress=False
    )
    scheduler.run()
    (trial,) = scheduler.trials.values()
    assert trial.state.value == "completed"
    x = trial.config["x"]
    assert [report.resource for report in trial.reports] == [1, 2, 3, 4, 5]
    assert [report.reward for report in trial.reports] == pytest.approx(
        [x * i for i in range(1, 6)]
    )


def test_the_best_is_trained_on_from_its_best_report(saving, tmp_path):
    scheduler = ag.scheduler.FIFOScheduler(
        saving, num_trials=3, checkpoint=tmp_path, progress=False
    )
    with pytest.raises(AgcoreError, match="no best trial"):
        scheduler.refit()
    scheduler.run()
    events = len(scheduler.history.events)
    result = scheduler.refit(args={"epochs": 12})
    assert [report["epoch"] for report in result.reports] == [10, 11, 12]
    assert result.config == scheduler.get_best_config()
    assert json.loads((result.checkpoint / "state.json").read_text())["steps"] == 12
    assert result.checkpoint.is_relative_to(tmp_path / "refit")
    assert len(scheduler.history.events) == events
    again = ag.scheduler.FIFOScheduler(saving, num_trials=3, checkpoint=tmp_path, resume=True)
    assert again.refit(scheduler.best()).reports == []
    with pytest.raises(AgcoreError, match="there is no trial 7"):
        again.refit(7)


def test_without_files_the_best_is_trained_from_the_beginning(saving):
    scheduler = ag.scheduler.FIFOScheduler(saving, num_trials=2, progress=False)
    scheduler.run()
    result = scheduler.refit(1)
    assert (result.trial_id, len(result.reports)) == (1, 9)
    assert (result.checkpoint / "state.json").exists()


def test_a_limit_on_the_disk_is_a_positive_number(saving):
    with pytest.raises(SpecError, match="max_checkpoint_gb=0 must be a positive number"):
        ag.scheduler.FIFOScheduler(saving, num_trials=1, max_checkpoint_gb=0)


# -- retries and limits --------------------------------------------------------------------


def test_a_trial_whose_process_vanished_is_tried_again_and_then_lost(tmp_path, caplog):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=1, accuracy=args.x)
        if args.task_id == 1 or (args.task_id == 0 and not (tmp_path / "once").exists()):
            (tmp_path / "once").touch()
            os._exit(3)
        reporter(epoch=2, accuracy=args.x)

    scheduler = ag.scheduler.FIFOScheduler(
        train, num_trials=3, max_retries=2, num_workers=1, progress=False
    )
    scheduler.run()
    trials = scheduler.trials
    assert [trial.state.value for trial in trials.values()] == ["completed", "lost", "completed"]
    assert [trial.attempts for trial in trials.values()] == [2, 3, 1]
    assert [report.resource for report in trials[0].reports] == [1, 2]
    assert [report.resource for report in trials[1].reports] == [1]
    assert scheduler.history.num_failures == 1
    assert scheduler.history.num_running == 0
    assert scheduler.num_finished_tasks == 3
    assert "retry 2 of 2" in caplog.text
    starts = [event for event in scheduler.history.events if isinstance(event, TrialStarted)]
    assert [event.again for event in starts] == [False, True, False, True, True, False]


def test_a_trial_that_uses_up_its_own_time_is_ended_and_keeps_its_results():
    @ag.args(x=ag.Real(0.5, 1))
    def train(args, reporter):
        reporter(epoch=1, accuracy=args.x)
        if args.task_id == 0:
            time.sleep(600)

    scheduler = ag.scheduler.FIFOScheduler(
        train, num_trials=3, trial_time_out=1.0, num_workers=1, progress=False
    )
    scheduler.run()
    states = [trial.state.value for trial in scheduler.trials.values()]
    assert states == ["timed_out", "completed", "completed"]
    assert scheduler.best() is not None
    assert len(scheduler.trials[0].reports) == 1


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
def test_time_out_ends_trials_that_never_report(kind):
    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)

    scheduler = ag.scheduler.HyperbandScheduler(
        train, time_out=1.0, max_t=9, type=kind, num_workers=2, progress=False
    )
    scheduler.run()
    assert {trial.state.value for trial in scheduler.trials.values()} == {"interrupted"}
    spent_s = scheduler.history.events[-1].time_s - scheduler.history.start_s
    assert spent_s < 10  # the figure is measured by benchmarks/journal.py


def test_what_ctrl_c_has_cut_off_goes_on_when_the_run_goes_on(saving, tmp_path):
    interrupted = ag.scheduler.FIFOScheduler(
        saving,
        num_trials=2,
        checkpoint=tmp_path,
        num_workers=1,
        progress=False,
        callbacks=[InterruptAt(5)],
    )
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    assert interrupted.trials[0].state.value == "interrupted"
    assert len(interrupted.trials[0].reports) >= 5
    scheduler = ag.scheduler.FIFOScheduler(
        saving, num_trials=2, checkpoint=tmp_path, resume=True, num_workers=1, progress=False
    )
    scheduler.run()
    assert [trial.state.value for trial in scheduler.trials.values()] == ["completed"] * 2
    assert [report.resource for report in scheduler.trials[0].reports] == list(range(1, 10))
    assert scheduler.trials[0].reports[-1].metrics["attempts"] == 2


class InterruptAt(ag.callbacks.Callback):
    """Ctrl-C at a report."""

    def __init__(self, count):
        self.left = count

    def on_event(self, event):
        if type(event).__name__ == "Reported":
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)


# -- logs ----------------------------------------------------------------------------------


def test_what_trials_print_is_in_their_files_in_order_and_says_where(tmp_path, caplog):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        for number in range(300):
            print(f"line {number}", file=sys.stderr if number % 2 else sys.stdout)
        if args.task_id == 1:
            raise ValueError("boom")
        if args.task_id == 2:
            return
        reporter(accuracy=args.x)

    scheduler = ag.scheduler.FIFOScheduler(
        train, num_trials=2, checkpoint=tmp_path, num_workers=1, progress=False
    )
    scheduler.run()
    for trial_id in (0, 1):
        log = tmp_path / "trials" / f"{trial_id:04d}" / "log.txt"
        assert log.read_text().splitlines() == [f"line {number}" for number in range(300)]
        assert scheduler.log(trial_id) == [f"line {number}" for number in range(100, 300)]
    (record,) = [record for record in caplog.records if "boom" in record.getMessage()]
    text = record.getMessage()
    assert "ValueError: boom" in text
    assert "line 280" in text
    assert "line 279" not in text
    assert text.endswith(f"All of its output: {log}")
    again = ag.scheduler.FIFOScheduler(train, num_trials=2, checkpoint=tmp_path, resume=True)
    assert again.log(0)[-1] == "line 299"


def test_a_silent_run_leaves_no_folder_of_trials(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(accuracy=args.x)

    ag.scheduler.FIFOScheduler(train, num_trials=2, checkpoint=tmp_path, progress=False).run()
    assert files_below(tmp_path) == ["events.jsonl", "run.json"]
    assert not (tmp_path / "trials").exists()


# -- the queue -----------------------------------------------------------------------------


def test_configs_enqueued_by_a_script_that_runs_again_are_tried_once(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(accuracy=args.x)

    def script(num_trials, **arguments):
        scheduler = ag.scheduler.FIFOScheduler(
            train, num_trials=num_trials, checkpoint=tmp_path, progress=False, **arguments
        )
        for x in (0.25, 0.5, 0.75):
            scheduler.enqueue({"x": x})
        scheduler.run()
        return [trial.config["x"] for trial in scheduler.trials.values()]

    assert script(2) == [0.25, 0.5]
    assert script(5, resume=True)[:3] == [0.25, 0.5, 0.75]
    configs = script(6, resume=True)
    assert len(set(configs)) == 6


def test_configs_enqueued_by_hand_outlive_the_process(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(accuracy=args.x)

    first = ag.scheduler.FIFOScheduler(train, num_trials=1, checkpoint=tmp_path, progress=False)
    first.enqueue({"x": 0.25})
    first.enqueue({"x": 0.5})
    first.run()
    second = ag.scheduler.FIFOScheduler(
        train, num_trials=3, checkpoint=tmp_path, resume=True, progress=False
    )
    second.run()
    assert [second.trials[i].config["x"] for i in (0, 1)] == [0.25, 0.5]


# -- the scheduler is killed ---------------------------------------------------------------


def test_a_scheduler_that_is_killed_leaves_no_temporary_folder(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal, sys, time
            from pathlib import Path
            import agcore as ag

            @ag.args(x=ag.Real(0, 1))
            def train(args, reporter):
                (reporter.checkpoint_dir / "file").write_text("x")
                reporter(accuracy=args.x)
                Path("folder.txt").write_text(str(reporter.checkpoint_dir.parents[2]))
                Path("folder.txt").rename("folder")
                time.sleep(600)

            if __name__ == "__main__":
                ag.scheduler.FIFOScheduler(train, num_trials=1, progress=False).run()
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    told = tmp_path / "folder"
    wait_until(told.exists)
    folder = Path(told.read_text())
    assert folder.is_dir()
    process.kill()
    process.wait()
    wait_until(lambda: not folder.exists())


def wait_until(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- what a stranger tried -----------------------------------------------------------------


def test_what_one_trial_writes_outlives_what_another_trials_report_deletes(tmp_path):
    @ag.args(i=ag.Categorical(0, 1))
    def train(args, reporter):
        for epoch in range(3):
            folder = reporter.checkpoint_dir
            (folder / "first").write_text("x")
            if args.i == 1 and epoch == 0:
                wait_until((tmp_path / "writing").exists)
            if args.i == 0 and epoch == 1:
                (tmp_path / "writing").touch()
                wait_until((tmp_path / "led").exists)
            (folder / "second").write_text("x")
            reporter(epoch=epoch + 1, accuracy=args.i * 0.5 + 0.1 * epoch)
            if args.i == 1:
                (tmp_path / "led").touch()
            saved = sorted(path.name for path in reporter.latest_checkpoint.iterdir())
            assert saved == ["first", "second"]

    scheduler = ag.scheduler.FIFOScheduler(
        train,
        searcher="grid",
        num_workers=2,
        num_trials=2,
        progress=False,
        max_checkpoint_gb=1e-9,
    )
    scheduler.run()
    assert {trial.state.value for trial in scheduler.trials.values()} == {"completed"}


def test_after_a_full_disk_the_journal_has_no_hole(tmp_path):
    @ag.args(x=ag.Int(0, 100))
    def train(args, reporter):
        for epoch in range(3):
            reporter(epoch=epoch + 1, accuracy=args.x, note="y" * (3000 if epoch == 1 else 1))

    def scheduler(**arguments):
        return ag.scheduler.FIFOScheduler(
            train,
            num_trials=6,
            executor="inline",
            checkpoint=tmp_path,
            progress=False,
            **arguments,
        )

    run = scheduler()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        with pytest.raises(JournalError, match=r"cannot be written .*first event that is missing"):
            run.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    run.run()
    again = scheduler(resume=True)

    def reports(scheduler):
        return {i: [r.resource for r in t.reports] for i, t in scheduler.trials.items()}

    assert reports(again) == reports(run)
    assert list(reports(run).values()) == [[1, 2, 3]] * 6


def steps(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x + epoch)


def stepping(folder, high=1.0, epochs=3, **arguments):
    train = ag.args(x=ag.Real(0, high), epochs=epochs)(steps)
    return ag.scheduler.FIFOScheduler(
        train,
        **{"num_trials": 3, "executor": "inline", "checkpoint": folder, "progress": False}
        | arguments,
    )


def test_time_used_by_earlier_sessions_counts(tmp_path):
    first = stepping(tmp_path)
    first.run()
    again = stepping(tmp_path, resume=True, num_trials=None, time_out=1e-6)
    again.run()
    assert len(again.trials) == 3
    assert again.history.events[-1].reason == "time_out"


def test_a_state_that_is_loaded_into_a_directory_can_be_resumed_there(tmp_path):
    first = stepping(None)
    first.run()
    second = stepping(tmp_path)
    second.load_state_dict(first.state_dict())
    second.run(num_trials=4)
    third = stepping(tmp_path, resume=True, num_trials=5)
    third.run()
    assert [third.trials[i].config for i in range(3)] == [first.trials[i].config for i in range(3)]
    with pytest.raises(JournalError, match="mode was 'max' and is 'min'"):
        stepping(None, mode="min").load_state_dict(first.state_dict())


def test_trials_cut_off_behind_max_reward_are_stopped_as_they_would_have_been(tmp_path):
    def scheduler(folder, **arguments):
        return stepping(
            folder,
            epochs=9,
            num_trials=4,
            executor="local",
            num_workers=1,
            deterministic=True,
            logical_workers=3,
            max_reward=5.5,
            **arguments,
        )

    whole = scheduler(tmp_path / "whole")
    whole.run()
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    reached = next(
        number
        for number, event in enumerate(whole.history.events)
        if type(event).__name__ == "Reported" and event.reward >= 5.5
    )
    for number in (reached + 1, reached + 2, reached + 4):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "events.jsonl").write_bytes(b"".join(lines[:number]))
        (folder / "run.json").write_bytes((tmp_path / "whole" / "run.json").read_bytes())
        rest = scheduler(folder, resume=True)
        rest.run()
        for trial_id, trial in whole.trials.items():
            assert rest.trials[trial_id].state is trial.state
            assert len(rest.trials[trial_id].reports) == len(trial.reports)


def test_limits_of_failures_may_change_when_a_run_goes_on(tmp_path):
    @ag.args(x=ag.Real(0, 1))
    def bad(args, reporter):
        raise ValueError("bad")

    def scheduler(**arguments):
        return ag.scheduler.FIFOScheduler(
            bad, executor="inline", checkpoint=tmp_path, progress=False, **arguments
        )

    with pytest.raises(ag.errors.TrialFailed, match="max_failures=None"):
        scheduler(num_trials=1).run()
    again = scheduler(num_trials=3, resume=True, max_failures=None, max_retries=1)
    again.run()
    assert len(again.trials) == 3


def test_a_journal_torn_in_its_first_line_is_no_run_yet(tmp_path):
    (tmp_path / "events.jsonl").write_text('{"event":"RunSta')
    with pytest.raises(JournalError, match="holds no run"):
        stepping(tmp_path, resume=True)
    run = stepping(tmp_path, resume="auto")
    run.run()
    assert len(stepping(tmp_path, resume=True).trials) == 3


def test_a_line_that_is_there_twice_is_one_clear_error(tmp_path):
    train = ag.args(x=ag.Real(0, 1), epochs=3)(steps)

    def scheduler(**arguments):
        return ag.scheduler.HyperbandScheduler(
            train, num_trials=4, executor="inline", checkpoint=tmp_path, progress=False, **arguments
        )

    scheduler().run()
    journal = tmp_path / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if b'"Reported"' in line)
    journal.write_bytes(b"".join([*lines[: at + 1], lines[at], *lines[at + 1 :]]))
    with pytest.raises(JournalError, match="does not follow from those before it"):
        scheduler(resume=True)


def test_the_directory_stays_where_it_was_named(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run = stepping("run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    run.run()
    assert (tmp_path / "run" / "events.jsonl").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_space_that_was_widened_stays_wide(tmp_path):
    stepping(tmp_path, high=1.0).run()
    stepping(tmp_path, high=2.0, resume="auto", num_trials=6).run()
    with pytest.raises(JournalError, match="x was "):
        stepping(tmp_path, high=1.0, resume=True, num_trials=7)
    stepping(tmp_path, high=2.0, resume=True, num_trials=7).run()


def test_without_a_description_the_journal_is_compared(tmp_path, caplog):
    stepping(tmp_path).run()
    (tmp_path / "run.json").unlink()
    with pytest.raises(JournalError, match="mode was 'max' and is 'min'"):
        stepping(tmp_path, resume=True, mode="min")
    assert "has no run.json" in caplog.text
    assert len(stepping(tmp_path, resume=True).trials) == 3
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(JournalError, match="holds no JSON object"):
        stepping(tmp_path, resume=True)


def test_other_constants_are_a_warning(tmp_path, caplog):
    stepping(tmp_path).run()
    stepping(tmp_path, resume=True, epochs=30)
    assert "arguments: epochs was 3 and is 30" in caplog.text


def test_a_trial_that_starts_over_keeps_what_it_has_just_saved(tmp_path):
    @ag.args(x=ag.Real(0, 1), epochs=4)
    def over(args, reporter):
        for epoch in range(args.epochs):
            (reporter.checkpoint_dir / "file").write_text("1")
            reporter(epoch=epoch + 1, accuracy=args.x + epoch)
            assert reporter.latest_checkpoint.exists()
            if epoch == 2 and not (tmp_path / "once").exists():
                (tmp_path / "once").touch()
                os._exit(1)

    scheduler = ag.scheduler.FIFOScheduler(over, num_trials=1, max_retries=1, progress=False)
    scheduler.run()
    assert scheduler.trials[0].state.value == "completed"


def test_arguments_of_a_refit_are_checked(saving):
    scheduler = ag.scheduler.FIFOScheduler(saving, num_trials=1, executor="inline", progress=False)
    scheduler.run()
    with pytest.raises(SpecError, match=r"'epoch'.*did you mean 'epochs'"):
        scheduler.refit(args={"epoch": 3})
    with pytest.raises(SpecError, match=r"'x'.* is searched"):
        scheduler.refit(args={"x": 0.5})
    assert scheduler.refit("0").trial_id == 0


def test_an_empty_name_of_a_directory_is_an_error():
    with pytest.raises(SpecError, match="checkpoint='' must be the name"):
        stepping("")


def test_resuming_what_is_not_there_makes_no_folder(tmp_path):
    with pytest.raises(JournalError, match="there is no directory"):
        stepping(tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
