from __future__ import annotations

import contextlib
import random
import signal
import sys
import threading

import numpy as np
import pytest

import agcore as ag
from agcore.errors import EarlyStop, SpecError
from agcore.executor.inline import InlineExecutor
from agcore.jobs import Outcome, Start
from agcore.testing.executor import GO_ON, Driver, task_of


def drive(function, judge=None, **arguments):
    return Driver(InlineExecutor(), task_of(function, **arguments), judge)


def test_the_function_runs_on_the_callers_stack_where_a_debugger_works():
    marker = object()

    def looks(args, reporter):
        frame = sys._getframe()
        while frame and frame.f_locals.get("marker") is not marker:
            frame = frame.f_back
        reporter(accuracy=frame is not None and 1.0)

    with drive(looks) as driver:
        driver.run(0)
    assert driver.reports[0] == [{"accuracy": 1.0}]


def test_the_callers_random_numbers_go_on_as_if_nothing_had_happened():
    def draws(args, reporter):
        return random.random() + np.random.random()  # noqa: NPY002  the seeded generator

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    with drive(draws) as driver:
        driver.run(0)
        driver.run(1)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    assert driver.reports[0] != driver.reports[1]
    assert not any(type(finder).__name__ == "TrialSeeder" for finder in sys.meta_path)


def test_output_goes_where_it_always_goes_and_to_the_log(capsys):
    def prints(args, reporter):
        print("to stdout")
        sys.stderr.write("to stderr\n")
        sys.stdout.writelines(["two\n", "lines\n"])
        sys.stdout.buffer.write(b"")
        reporter(accuracy=1, encoding=sys.stdout.encoding, terminal=sys.stdout.isatty())

    before = sys.stdout
    with drive(prints) as driver:
        assert driver.run(0).outcome is Outcome.RETURNED
    assert sys.stdout is before
    assert driver.executor.log(0) == ["to stdout", "to stderr", "two", "lines"]
    assert driver.reports[0][0]["encoding"] == sys.stdout.encoding
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("to stdout\ntwo\nlines\n", "to stderr\n")


def test_a_trial_that_is_killed_before_it_begins_does_not_begin():
    began = []
    with drive(lambda args, reporter: began.append(1)) as driver:
        driver.start(0)
        driver.executor.kill(0)
        assert driver.exit_of(0).outcome is Outcome.STOPPED
        assert driver.run(1).outcome is Outcome.RETURNED
    assert began == [1]


def test_a_killed_trial_that_raises_on_its_way_out_says_so():
    def raises(args, reporter):
        try:
            reporter(accuracy=1)
        except EarlyStop:
            raise ValueError("on the way out") from None

    def judge(trial_id, _):
        driver.executor.kill(trial_id)
        return GO_ON

    with drive(raises, judge) as driver:
        end = driver.run(0)
    assert (end.outcome, end.error) == (Outcome.RAISED, "ValueError: on the way out")


def test_it_serves_one_run_and_one_trial_at_a_time():
    def judge(trial_id, _):
        with pytest.raises(RuntimeError, match="free slot"):
            driver.executor.submit(Start(1, {}, 0))
        return GO_ON

    with drive(lambda args, reporter: reporter(accuracy=1), judge) as driver:
        with pytest.raises(SpecError, match="runs trials already"):
            driver.executor.open(task_of(lambda args, reporter: None))
        assert driver.run(0).outcome is Outcome.RETURNED
    with pytest.raises(RuntimeError, match="open executor"):
        driver.executor.submit(Start(2, {}, 0))


def test_a_second_thread_may_report():
    def threads(args, reporter):
        thread = threading.Thread(target=reporter, kwargs={"accuracy": 1})
        thread.start()
        thread.join()
        reporter(accuracy=2)

    with drive(threads) as driver:
        driver.run(0)
    assert driver.reports[0] == [{"accuracy": 1}, {"accuracy": 2}]


# -- Ctrl-C --------------------------------------------------------------------------------


def interrupted_run(train, **options):
    """A scheduler whose run was ended by Ctrl-C."""
    scheduler = ag.scheduler.FIFOScheduler(
        ag.args(x=ag.Real(0, 1))(train), num_trials=9, executor="inline", progress=False, **options
    )
    with pytest.raises(KeyboardInterrupt):
        scheduler.run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return scheduler


def test_ctrl_c_ends_the_trial_at_once_and_the_history_can_be_read():
    after, attempts = [], []

    def train(args, reporter):
        reporter(epoch=1, accuracy=args.x)
        if args.task_id == 2:
            attempts.append(1)
            if len(attempts) == 1:
                signal.raise_signal(signal.SIGINT)
                after.append("not reached")

    scheduler = interrupted_run(train)
    assert not after
    assert [trial.state.value for trial in scheduler.trials.values()] == [
        "completed",
        "completed",
        "interrupted",
    ]
    assert list(scheduler.training_history) == ["0", "1", "2"]
    scheduler.run(num_trials=4)
    assert [trial.state.value for trial in scheduler.trials.values()] == ["completed"] * 4
    assert len(attempts) == 2


def test_ctrl_c_while_the_scheduler_decides_ends_the_trial_too():
    seen = []

    class Watcher(ag.callbacks.Callback):
        def on_event(self, event):
            if type(event).__name__ == "Reported":
                signal.raise_signal(signal.SIGINT)

    def train(args, reporter):
        for epoch in range(1, 9):
            reporter(epoch=epoch, accuracy=args.x)
            seen.append(epoch)

    scheduler = interrupted_run(train, callbacks=[Watcher()])
    assert seen == []
    assert len(scheduler.trials) == 1


def test_ctrl_c_between_submitting_and_running_is_not_overlooked():
    began = []
    with drive(lambda args, reporter: began.append(1)) as driver:
        driver.start(0)
        driver.executor.wake()
        driver.executor.wait(None, lambda news: None)
        assert not began
        driver.exit_of(0)
    assert began == [1]


def test_wake_from_another_thread_does_not_raise_there():
    def wakes(args, reporter):
        thread = threading.Thread(target=executor.wake)
        thread.start()
        thread.join()
        with contextlib.suppress(KeyboardInterrupt):
            reporter(accuracy=1)
            reporter(accuracy=2)

    executor = InlineExecutor()
    with Driver(executor, task_of(wakes)) as driver:
        driver.run(0)
    assert driver.reports[0] == [{"accuracy": 1}]
