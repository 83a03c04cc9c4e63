"""Defects of the ancestor that users met, by their number in its list: none may come back.

Each test fails on the old behaviour. Those about spaces are in test_train_fn.py (15, 16, 17,
36) and those about models arrive with the models.
"""

import argparse
import logging
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

import agcore as ag
from agcore.errors import SpecError, TrialFailed
from agcore.records import TrialState

QUICK = {"num_workers": 2, "progress": False}


def fifo(train_fn, **arguments):
    arguments = {"num_trials": 3, **QUICK, **arguments}
    scheduler = ag.scheduler.FIFOScheduler(train_fn, **arguments)
    scheduler.run()
    return scheduler


def reporting(value=0.5, **space):
    """A train function that reports one value, in its parameters' honour."""

    @ag.args(**(space or {"x": ag.Real(0, 1)}))
    def train(args, reporter):
        reporter(epoch=1, accuracy=value)

    return train


def test_01_gpus_that_are_not_there_are_an_error_at_construction():
    with pytest.raises(SpecError, match=r"num_gpus=1000 .* can use \d+ GPUs"):
        ag.scheduler.FIFOScheduler(reporting(), num_trials=1, resource={"num_gpus": 1000})


def test_01_more_cpus_than_there_are_give_one_warning_and_one_trial_at_a_time(caplog):
    with caplog.at_level(logging.WARNING, "agcore"):
        scheduler = ag.scheduler.FIFOScheduler(
            reporting(), num_trials=2, resource={"num_cpus": 1000}, progress=False
        )
        scheduler.run()
    assert scheduler.slots == 1
    assert len(caplog.records) == 1
    assert scheduler.num_finished_tasks == 2


@pytest.mark.parametrize("way", ["exit", "signal", "sys.exit"])
def test_02_a_child_that_dies_without_a_word_does_not_hang_the_run(way):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        import sys

        reporter(epoch=1, accuracy=0.5)
        if args.task_id == 1 and way == "exit":
            os._exit(3)
        if args.task_id == 1 and way == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        if args.task_id == 1:
            sys.exit("leaving")

    scheduler = fifo(train)
    states = [trial.state for trial in scheduler.trials.values()]
    lost = TrialState.FAILED if way == "sys.exit" else TrialState.LOST
    assert states == [TrialState.COMPLETED, lost, TrialState.COMPLETED]
    assert scheduler.trials[1].exit_code == {"exit": 3, "signal": -9, "sys.exit": None}[way]
    assert scheduler.get_best_task_id() in ("0", "2")


def test_03_an_exception_is_never_lost_however_quick_it_is():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        raise ValueError(f"number {args.task_id}")

    scheduler = fifo(train, num_trials=30, max_failures=None)
    for trial_id, trial in scheduler.trials.items():
        assert trial.state is TrialState.FAILED
        assert trial.error == f"ValueError: number {trial_id}"
        assert "raise ValueError" in trial.traceback_text


def test_04_numpy_scalars_can_be_reported():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=np.int64(1), accuracy=np.float32(0.5), loss=np.array(2.5))

    history = fifo(train, num_trials=1).training_history
    assert history == {"0": [{"epoch": 1, "accuracy": 0.5, "loss": 2.5}]}


@pytest.mark.parametrize("mistake", ["skips a rung", "no reward", "no epoch", "epoch 0"])
def test_05_a_wrong_report_fails_its_trial_with_one_clear_error(mistake):
    reports = {
        "skips a rung": {"epoch": 2, "accuracy": 0.5},
        "no reward": {"epoch": 1, "acuracy": 0.5},
        "no epoch": {"accuracy": 0.5},
        "epoch 0": {"epoch": 0, "accuracy": 0.5},
    }

    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        reporter(**reports[mistake])

    scheduler = ag.scheduler.HyperbandScheduler(train, num_trials=2, **QUICK)
    with pytest.raises(TrialFailed):
        scheduler.run()
    messages = {
        "skips a rung": "jumped over the rung at 1",
        "no reward": "did you mean 'acuracy'",
        "no epoch": "no 'epoch' (time_attr)",
        "epoch 0": "must be a positive integer",
    }
    for trial in scheduler.trials.values():
        assert trial.state is TrialState.FAILED
        assert messages[mistake] in trial.error


def test_06_code_that_catches_exception_cannot_swallow_the_stop():
    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        for epoch in range(args.epochs):
            try:
                reporter(epoch=epoch + 1, accuracy=-args.task_id)
            except (Exception, ValueError):  # noqa: BLE001 - what users write
                continue

    scheduler = ag.scheduler.HyperbandScheduler(train, num_trials=4, num_workers=1, progress=False)
    scheduler.run()
    assert [len(t.reports) for t in scheduler.trials.values()] == [9, 1, 1, 1]


def test_07_a_wrong_reward_attr_is_an_error_that_shows_what_was_reported():
    with pytest.raises(TrialFailed, match=r"no 'acc' .*epoch, accuracy"):
        fifo(reporting(), reward_attr="acc")


def test_08_an_experiment_in_which_all_failed_says_so_and_has_no_best():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=1, accuracy=0.5)
        raise RuntimeError("broken")

    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=3, **QUICK)
    with pytest.raises(TrialFailed, match=r"3 of 3 trials failed.*broken"):
        scheduler.run()
    assert scheduler.get_best_config() == {}
    assert scheduler.get_best_reward() == -math.inf
    with pytest.raises(ag.AgcoreError, match="no best trial"):
        scheduler.get_best_task_id()


def test_09_history_searcher_and_best_agree_on_the_best_report():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        for epoch, value in enumerate([0.1, 0.8, 0.3]):
            reporter(epoch=epoch + 1, accuracy=value)

    scheduler = fifo(train)
    assert scheduler.get_best_reward() == 0.8
    assert scheduler.searcher.get_best_reward() == 0.8
    assert max(row["accuracy"] for row in scheduler.training_history["0"]) == 0.8


def test_10_time_out_ends_a_trial_that_never_reports():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        threading.Event().wait()

    scheduler = fifo(train, num_trials=None, time_out=0.5)
    assert {t.state for t in scheduler.trials.values()} == {TrialState.INTERRUPTED}


def test_11_and_12_nothing_is_left_to_join_or_to_shut_down():
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    scheduler = fifo(reporting())
    scheduler.join_jobs(timeout=0.001)
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before


def test_13_and_14_a_grid_runs_under_every_scheduler_and_its_end_is_normal():
    train = reporting(kind=ag.Categorical("a", "b", "c"), flag=ag.Bool(), epochs=1)
    scheduler = fifo(train, searcher="grid", num_trials=100)
    assert len(scheduler.trials) == 6

    @ag.args(kind=ag.Categorical("a", "b", "c"), epochs=3)
    def epochs(args, reporter):
        for epoch in range(args.epochs):
            reporter(epoch=epoch + 1, accuracy=0.5)

    for kind in ("stopping", "promotion"):
        hyperband = ag.scheduler.HyperbandScheduler(
            epochs, searcher="grid", num_trials=100, type=kind, **QUICK
        )
        hyperband.run()
        assert len(hyperband.trials) == 3


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(ag.Int(1, 9), 9), (ag.Categorical(3, 27, 9), 27), (9, 9), (ag.Ordinal(3, 9), 9)],
)
def test_18_max_t_of_a_searched_epochs_is_its_largest_value(epochs, expected):
    @ag.args(x=ag.Real(0, 1), epochs=epochs)
    def train(args, reporter):
        """Never run."""

    assert ag.scheduler.HyperbandScheduler(train, num_trials=1).max_t == expected


def test_19_rung_levels_go_with_one_of_grace_period_and_reduction_factor():
    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        """Never run."""

    for extra in ({"grace_period": 1}, {"reduction_factor": 3}, {}):
        ag.scheduler.HyperbandScheduler(train, num_trials=1, rung_levels=[1, 2, 4], **extra)


def test_26_every_trial_has_seeds_of_its_own_which_the_experiment_fixes():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        draw = np.random.rand()  # noqa: NPY002 - the global generator is what is seeded
        reporter(epoch=1, accuracy=draw, python=random.random())

    def draws(**options):
        rows = fifo(train, num_trials=6, search_options=options).training_history
        return {trial: (row[0]["accuracy"], row[0]["python"]) for trial, row in rows.items()}

    first = draws()
    assert len(set(first.values())) == 6
    assert draws() == first
    assert draws(random_seed=5) != first


def test_27_an_existing_gpu_mask_is_kept_and_numeric_threads_are_limited(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-abc")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
        reporter(epoch=1, accuracy=0.5, environment=[os.environ[name] for name in names])

    scheduler = fifo(train, num_trials=1)
    assert scheduler.training_history["0"][0]["environment"] == ["5,GPU-abc", "1"]


def test_28_schedulers_of_one_process_share_nothing():
    results = {}

    def run(name, seed):
        results[name] = fifo(reporting(), num_trials=8, search_options={"random_seed": seed})

    threads = [threading.Thread(target=run, args=(name, name)) for name in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, scheduler in results.items():
        alone = fifo(reporting(), num_trials=8, search_options={"random_seed": name})
        assert list(scheduler.trials) == list(range(8))
        assert [t.config for t in scheduler.trials.values()] == [
            t.config for t in alone.trials.values()
        ]


def test_29_a_waiting_scheduler_uses_no_cpu_and_no_thread_per_trial():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        threading.Event().wait(1.0)
        reporter(epoch=1, accuracy=0.5)

    before = time.process_time()
    threads = threading.active_count()
    counts = []

    class Spy(ag.callbacks.Callback):
        def on_event(self, event):
            counts.append(threading.active_count())

    fifo(train, num_trials=2, callbacks=[Spy()])
    assert max(counts) == threads
    assert time.process_time() - before < 0.5


def test_30_a_history_callback_that_raises_is_logged_once_and_the_run_goes_on(caplog):
    calls = []

    def callback(training_history, start_time):
        calls.append((len(training_history), start_time))
        raise RuntimeError("in the callback")

    with caplog.at_level(logging.WARNING, "agcore"):
        scheduler = fifo(reporting(), training_history_callback=callback)
    assert scheduler.num_finished_tasks == 3
    assert len(calls) == 2
    assert caplog.text.count("in the callback") == 1


def test_34_a_misspelt_search_option_is_an_error_with_a_suggestion():
    with pytest.raises(SpecError, match="did you mean 'random_seed'"):
        fifo(reporting(), search_options={"random_sed": 1})
    with pytest.raises(TypeError, match="searcher_options"):
        ag.scheduler.FIFOScheduler(reporting(), num_trials=1, searcher_options={})


def test_35_debug_log_reaches_the_screen_without_setting_up_logging():
    # In a process of its own: here pytest shows log records already.
    script = """
import logging
import agcore as ag

@ag.args(x=ag.Real(0, 1))
def train(args, reporter):
    reporter(epoch=1, accuracy=0.5)

ag.scheduler.FIFOScheduler(train, num_trials=2, search_options={"debug_log": True}).run()
assert not logging.getLogger("agcore").handlers
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "trial 0 starts (default): x=0.5" in done.stderr


def test_36_args_may_be_a_namespace_with_debug_log_and_promotion():
    @ag.args(x=ag.Real(0, 1), epochs=3)
    def train(args, reporter):
        for epoch in range(args.scheduler.resume_from, args.epochs):
            reporter(epoch=epoch + 1, accuracy=args.x * args.factor)

    scheduler = ag.scheduler.HyperbandScheduler(
        train,
        args=argparse.Namespace(x=0.5, epochs=3, factor=2.0),
        type="promotion",
        num_trials=6,
        search_options={"debug_log": True},
        **QUICK,
    )
    scheduler.run()
    assert scheduler.get_best_reward() == pytest.approx(
        2.0 * max(t.config["x"] for t in scheduler.trials.values() if t.resource == 3)
    )


def test_minor_a_report_may_have_a_metric_called_config():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=1, accuracy=0.5, config="a", self="b", reporter="c")

    learnt = []

    class Spy:
        def get_config(self):
            return {"x": 0.25}

        def update(self, config, **result):
            learnt.append((config, result))

    row = {"epoch": 1, "accuracy": 0.5, "config": "a", "self": "b", "reporter": "c"}
    scheduler = fifo(train, num_trials=1, searcher=Spy())
    assert scheduler.training_history["0"] == [row]
    assert learnt[0][0] == {"x": 0.25}
    assert learnt[0][1]["accuracy"] == 0.5


def test_minor_a_negative_time_out_and_a_zero_trial_run_are_refused():
    for arguments in ({"time_out": -1.0}, {"time_out": 0}, {"num_trials": 0}, {"num_trials": True}):
        with pytest.raises(SpecError, match="must be"):
            ag.scheduler.FIFOScheduler(reporting(), **arguments)
    with pytest.raises(SpecError, match="never end"):
        ag.scheduler.FIFOScheduler(reporting())
