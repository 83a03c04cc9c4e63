from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from agcore.jobs import Outcome
from agcore.testing.executor import GO_ON, STOP


def test_large_reports_arrive_whole(drive):
    numbers = [0.123456789] * 500_000  # 6 MB of JSON

    def reports(args, reporter):
        reporter(accuracy=1, numbers=[0.123456789] * 500_000)
        reporter(accuracy=2)

    driver = drive(reports)
    assert driver.run(0).outcome is Outcome.RETURNED
    assert driver.reports[0][0]["numbers"] == numbers
    assert driver.reports[0][1] == {"accuracy": 2}


def test_large_reports_of_a_process_that_dies_after_the_answer_are_kept(drive):
    def dies(args, reporter):
        reporter(accuracy=1, text="x" * 1_000_000)
        os._exit(3)

    driver = drive(dies)
    assert driver.run(0).outcome is Outcome.VANISHED
    assert len(driver.reports[0][0]["text"]) == 1_000_000


def test_a_large_report_is_read_though_its_process_has_died_meanwhile(drive, tmp_path):
    os.mkfifo(tmp_path / "dies")

    def judge(trial_id, _):
        if trial_id == 0:  # the scheduler looks away until the other trial is dead
            (tmp_path / "dies").read_bytes()
        return GO_ON

    def reports(args, reporter):
        def dies_waiting(number, frame):
            while frame and frame.f_code.co_name != "_receive":
                frame = frame.f_back
            if frame:
                os._exit(3)
            signal.setitimer(signal.ITIMER_REAL, 0.01)

        if args.task_id == 1:
            reporter(accuracy=1)
            fifo = (tmp_path / "dies").open("w")
            signal.signal(signal.SIGALRM, dies_waiting)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            reporter(accuracy=2, text="x" * 150_000)
            fifo.close()
        reporter(accuracy=3)

    driver = drive(reports, judge, num_workers=2)
    driver.start(1)
    driver.first_report_of(1)
    driver.start(0)
    assert driver.exit_of(1).exit_code == 3
    assert [report["accuracy"] for report in driver.reports[1]] == [1, 2]


def test_numbers_too_long_for_json_are_an_error_at_the_users_line(drive):
    def reports(args, reporter):
        if args.task_id == 1:
            sys.set_int_max_str_digits(0)  # then the scheduler is the one who cannot read it
        reporter(accuracy=1, digits=10**5000)  # this line

    driver = drive(reports)
    for trial_id, words in enumerate(("has no JSON form", "scheduler cannot read the report")):
        end = driver.run(trial_id)
        assert end.outcome is Outcome.RAISED
        assert words in end.error
        assert "# this line" in end.traceback_text


def test_not_a_number_and_infinity_arrive(drive):
    def reports(args, reporter):
        reporter(accuracy=float("nan"), up=float("inf"), down=float("-inf"))

    driver = drive(reports)
    driver.run(0)
    assert repr(driver.reports[0][0]) == "{'accuracy': nan, 'up': inf, 'down': -inf}"


def test_reports_come_from_threads_too_and_a_stop_reaches_the_function(drive):
    def threads(args, reporter):
        def reports():
            with contextlib.suppress(BaseException):
                while True:
                    reporter(accuracy=1)

        workers = [threading.Thread(target=reports) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    driver = drive(threads, lambda _, __: STOP if len(driver.reports[0]) >= 50 else GO_ON)
    assert driver.run(0).outcome is Outcome.STOPPED
    assert len(driver.reports[0]) == 50


def test_a_forked_child_that_comes_back_neither_reports_nor_takes_the_next_job(drive):
    def forks(args, reporter):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(ValueError):
                reporter(accuracy=99)
            return 98.0
        os.waitpid(child, 0)
        reporter(accuracy=args.task_id, pid=os.getpid())

    driver = drive(forks)
    for trial_id in range(3):
        assert driver.run(trial_id).outcome is Outcome.RETURNED
    reports = [driver.reports[trial_id] for trial_id in range(3)]
    assert [report["accuracy"] for (report,) in reports] == [0, 1, 2]
    assert len({report["pid"] for (report,) in reports}) == 1


def test_programs_that_a_trial_starts_do_not_hold_its_socket(drive):
    def starts(args, reporter):
        command = [sys.executable, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"]
        done = subprocess.run(command, close_fds=False, capture_output=True, check=True)
        reporter(accuracy=int(done.stdout))

    driver = drive(starts)
    driver.run(0)
    assert driver.reports[0] == [{"accuracy": 4}]  # stdin, stdout, stderr, the folder itself


def test_a_pool_of_processes_works_inside_a_trial(drive):
    def pools(args, reporter):
        import multiprocessing

        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                reporter(accuracy=sum(pool.map(abs, [-1, -2, 3])))

    driver = drive(pools)
    assert driver.run(0).outcome is Outcome.RETURNED
    assert driver.reports[0] == [{"accuracy": 6}] * 2


def test_a_run_inside_a_trial_works_and_leaves_nothing(drive):
    def tunes(args, reporter):
        import agcore as ag

        @ag.args(x=ag.Real(0, 1))
        def inner(args, reporter):
            reporter(epoch=1, accuracy=1 + args.x, pid=os.getpid(), parent=os.getppid())

        scheduler = ag.scheduler.FIFOScheduler(inner, num_trials=4, num_workers=2, progress=False)
        scheduler.run()
        rows = [rows[-1] for rows in scheduler.training_history.values()]
        assert {row["parent"] for row in rows} == {os.getpid()}
        reporter(accuracy=len(rows), pid=os.getpid())

    driver = drive(tunes)
    for trial_id in range(2):
        end = driver.run(trial_id)
        assert end.outcome is Outcome.RETURNED, end.traceback_text
    assert driver.reports[0][0]["accuracy"] == 4
    assert driver.reports[0] == driver.reports[1]  # the same worker: nothing was left behind


def test_a_run_inside_a_trial_dies_with_the_trial(drive, all_gone):
    def tunes(args, reporter):
        import agcore as ag

        @ag.args(x=ag.Real(0, 1))
        def inner(args, reporter):
            reporter(epoch=1, accuracy=1)
            if args.task_id == 1:
                os.kill(os.getppid(), signal.SIGKILL)
            signal.pause()

        ag.scheduler.FIFOScheduler(inner, num_trials=2, num_workers=2, progress=False).run()

    driver = drive(tunes)
    assert driver.run(0).outcome is Outcome.VANISHED
    driver.executor.close()


# -- Ctrl-C, end to end --------------------------------------------------------------------

INTERRUPTED = """
import os, signal, subprocess, sys, time
import agcore as ag

@ag.args(x=ag.Real(0, 1))
def train(args, reporter):
    reporter(epoch=1, accuracy=args.x)
    if args.task_id >= 2:
        {worker}
        reporter(epoch=2, accuracy=args.x, ready=True)
        while True:
            time.sleep(600)

class Announcer(ag.callbacks.Callback):
    def on_event(self, event):
        if type(event).__name__ == "Reported" and event.metrics.get("ready"):
            print("READY", flush=True)

scheduler = ag.scheduler.FIFOScheduler(
    train, num_trials=100, progress=False, callbacks=[Announcer()], {options}
)
try:
    scheduler.run()
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("HISTORY", {{k: len(v) for k, v in scheduler.training_history.items()}})
    print("STATES", [t.state.value for t in scheduler.trials.values()], flush=True)
"""
CHILD = "subprocess.Popen(['sleep', '600'], start_new_session=True)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.parametrize(
    ("options", "worker", "trials", "presses"),
    [
        ("num_workers=2", CHILD, 4, 1),
        ("num_workers=2", DEAF, 4, 1),
        ("num_workers=2", DEAF, 4, 2),  # the second comes while the first is being followed
        ("executor='inline'", "", 3, 1),
    ],
)
def test_ctrl_c_leaves_no_process_and_a_history(script, all_gone, options, worker, trials, presses):
    program = script(INTERRUPTED.format(worker=worker, options=options))
    for _ in range(trials - 2):
        program.line("READY")
    for _ in range(presses):
        os.killpg(program.process.pid, signal.SIGINT)
    history = program.line("HISTORY")
    states = program.line("STATES")
    output, code = program.output()
    assert code == 0, output
    assert history == str({**{"0": 1, "1": 1}, **{str(i): 2 for i in range(2, trials)}})
    assert states == str(["completed"] * 2 + ["interrupted"] * (trials - 2))
    all_gone()
