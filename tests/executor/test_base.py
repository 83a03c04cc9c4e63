from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import agcore as ag
from agcore.executor.departures import GracePeriods
from agcore.executor.inline import InlineExecutor
from agcore.executor.local import LocalExecutor
from agcore.testing.executor import ExecutorContract


class TestInlineExecutor(ExecutorContract):
    def make_executor(self):
        return InlineExecutor()


class TestLocalExecutor(ExecutorContract):
    def make_executor(self):
        return LocalExecutor(num_workers=1)


# -- with a scheduler, end to end ----------------------------------------------------------


def test_children_that_die_in_every_way_are_told_and_harm_no_other_trial():
    def dies(args, reporter):
        print(f"log of {args.how}", flush=True)
        reporter(epoch=1, accuracy=0.5)
        if args.how == "_exit":
            os._exit(3)
        elif args.how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        elif args.how == "sys.exit":
            sys.exit("that was it")
        elif args.how == "raise":
            raise ValueError("wrong\nand more")
        elif args.how == "out of memory":
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        elif args.how == "forks":
            subprocess.Popen(["sleep", "600"], start_new_session=True)
        elif args.how == "prints":
            print("x" * 3_000_000)
        reporter(epoch=2, accuracy=0.75)

    told = {
        "fine": ("completed", "", None),
        "_exit": ("lost", "the worker process vanished (exit code 3)", 3),
        "SIGKILL": ("lost", "the worker process vanished (signal SIGKILL)", -9),
        "sys.exit": ("failed", "SystemExit: that was it", None),
        "raise": ("failed", "ValueError: wrong", None),
        "out of memory": (
            "out_of_memory",
            "RuntimeError: CUDA out of memory. Tried to allocate",
            None,
        ),
        "forks": ("completed", "", None),
        "prints": ("completed", "", None),
        "fine too": ("completed", "", None),
    }
    scheduler = ag.scheduler.FIFOScheduler(
        ag.args(how=ag.Categorical(*told))(dies),
        searcher="grid",
        num_trials=len(told),
        num_workers=2,
        max_failures=None,
        progress=False,
    )
    scheduler.run()
    for trial in scheduler.trials.values():
        how = trial.config["how"]
        state, error, exit_code = told.pop(how)
        assert (trial.state.value, trial.error, trial.exit_code) == (state, error, exit_code)
        assert len(trial.reports) == (2 if state == "completed" else 1)
        assert scheduler.log(trial.trial_id)[0] == f"log of {how}"
        raised = state in ("failed", "out_of_memory")
        assert ("in dies" in trial.traceback_text) is raised
        assert bool(trial.evidence) is (state == "out_of_memory")
    assert not told


def test_a_run_whose_trials_never_report_ends_with_its_time():
    def hangs(args, reporter):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        while True:
            with contextlib.suppress(BaseException):
                signal.pause()

    scheduler = ag.scheduler.FIFOScheduler(
        ag.args(x=ag.Real(0, 1))(hangs), time_out=0.5, num_workers=2, progress=False
    )
    scheduler.run()
    assert [t.state.value for t in scheduler.trials.values()] == ["interrupted"] * 2
    assert scheduler.training_history == {}


def test_trials_that_swallow_the_stop_are_ended_when_the_reward_is_reached():
    def swallows(args, reporter):
        epoch = 0
        while True:
            epoch += 1
            with contextlib.suppress(BaseException):
                reporter(epoch=epoch, accuracy=epoch)

    scheduler = ag.scheduler.FIFOScheduler(
        ag.args(x=ag.Real(0, 1))(swallows),
        num_trials=3,
        max_reward=5,
        progress=False,
        executor=LocalExecutor(num_workers=2, grace=GracePeriods(stop_s=0.1, term_s=0.1)),
    )
    scheduler.run()
    assert {trial.state.value for trial in scheduler.trials.values()} == {"stopped"}
    assert scheduler.get_best_reward() == 5


def test_two_schedulers_run_at_once_in_two_threads():
    def train(args, reporter):
        for epoch in range(1, 6):
            reporter(epoch=epoch, accuracy=args.x + args.offset)

    def run(offset):
        scheduler = ag.scheduler.FIFOScheduler(
            ag.args(x=ag.Real(0, 1), offset=offset)(train),
            num_trials=10,
            num_workers=2,
            progress=False,
        )
        scheduler.run()
        bests[offset] = scheduler.get_best_reward()

    bests = {}
    threads = [threading.Thread(target=run, args=(offset,)) for offset in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 10 < bests[10] < 11
    assert 20 < bests[20] < 21
