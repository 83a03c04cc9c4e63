"""What trials leave behind and find again: real processes, real files, real signals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import agcore as ag
from agcore.errors import AgcoreError, SpecError
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
