from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from agcore.errors import SpecError
from agcore.executor import local
from agcore.executor.departures import GracePeriods
from agcore.executor.local import LocalExecutor
from agcore.jobs import Outcome, Start
from agcore.testing.executor import GO_ON, STOP, Driver, task_of

# -- children that die ---------------------------------------------------------------------


@pytest.mark.parametrize("use_pidfd", [None, False])
def test_however_a_process_dies_its_trial_is_lost_and_the_next_one_unharmed(drive, use_pidfd):
    deaths = [
        (lambda: os._exit(3), 3, "exit code 3"),
        (lambda: os._exit(0), 0, "exit code 0"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -9, "signal SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), -15, "signal SIGTERM"),
        (lambda: os.kill(os.getpid(), 37), -37, "signal 37"),  # a real-time signal
        (lambda: os.execv("/bin/sh", ["sh", "-c", "exit 5"]), 5, "exit code 5"),
    ]

    def dies(args, reporter):
        print("last words", flush=True)
        reporter(accuracy=1)
        if args.task_id < len(deaths):
            deaths[args.task_id][0]()

    driver = drive(dies, use_pidfd=use_pidfd)
    for trial_id, (_, code, cause) in enumerate(deaths):
        end = driver.run(trial_id)
        assert end.outcome is Outcome.VANISHED
        assert end.exit_code == code
        assert end.error == f"the worker process vanished ({cause})"
        assert driver.reports[trial_id] == [{"accuracy": 1}]
        assert driver.executor.log(trial_id) == ["last words"]
    assert driver.run(99).outcome is Outcome.RETURNED


def test_ends_are_noticed_also_where_the_program_ignores_its_children(drive):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        driver = drive(lambda args, reporter: os._exit(3))
        assert driver.run(0).outcome is Outcome.VANISHED  # the exit code is lost
        driver.executor.close()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_exceptions_of_every_kind_are_told_and_cost_the_worker(drive):
    class SilentError(Exception):
        def __str__(self):
            raise ValueError

    class UnpicklableError(BaseException):
        def __init__(self):
            super().__init__("has a lock")
            self.lock = threading.Lock()

    def raises(args, reporter):
        kinds = (SilentError, UnpicklableError, KeyboardInterrupt, SystemExit, MemoryError)
        if args.task_id < len(kinds):
            raise kinds[args.task_id]()
        return float(os.getpid())

    driver = drive(raises)
    ends = [driver.run(trial_id) for trial_id in range(6)]
    assert [end.error for end in ends] == [
        "SilentError: (its message cannot be shown: ValueError in __str__)",
        "UnpicklableError: has a lock",
        "KeyboardInterrupt",
        "SystemExit",
        "MemoryError",
        "",
    ]
    outcomes = [Outcome.RAISED] * 4 + [Outcome.OUT_OF_MEMORY, Outcome.RETURNED]
    assert [end.outcome for end in ends] == outcomes


def test_real_memory_exhaustion_is_told(drive):
    def needs_much(args, reporter):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        return [bytearray(1 << 28) for _ in range(9)]

    end = drive(needs_much).run(0)
    assert end.outcome is Outcome.OUT_OF_MEMORY
    assert end.evidence == "MemoryError was raised"


@pytest.mark.parametrize("use_pidfd", [None, False])
def test_who_swallows_every_signal_but_one_is_killed(drive, use_pidfd):
    def goes_on_for_ever(args, reporter):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            with contextlib.suppress(BaseException):
                reporter(accuracy=1)

    grace = GracePeriods(stop_s=0.05, term_s=0.05)
    driver = drive(goes_on_for_ever, lambda _, __: STOP, grace=grace, use_pidfd=use_pidfd)
    end = driver.run(0)
    assert end.outcome is Outcome.STOPPED
    assert end.exit_code == -signal.SIGKILL
    assert driver.reports[0] == [{"accuracy": 1}]


def test_who_does_not_come_back_after_a_stop_is_sent_sigterm_first(drive):
    def hangs(args, reporter):
        with contextlib.suppress(BaseException):
            reporter(accuracy=1)
        signal.sigwait([signal.SIGUSR1])

    end = drive(hangs, lambda _, __: STOP, grace=GracePeriods(stop_s=0.05, term_s=60)).run(0)
    assert end.outcome is Outcome.STOPPED
    assert end.exit_code == -signal.SIGTERM


def test_a_trial_that_never_reports_can_be_killed(drive, tmp_path):
    os.mkfifo(tmp_path / "started")

    def hangs(args, reporter):
        (tmp_path / "started").write_text("now")
        signal.pause()

    driver = drive(hangs)
    driver.start(0)
    (tmp_path / "started").read_text()
    driver.executor.kill(0)
    driver.executor.kill(0)
    end = driver.exit_of(0)
    assert end.outcome is Outcome.STOPPED
    assert end.exit_code == -signal.SIGTERM


def test_a_trial_may_clean_up_when_it_is_sent_sigterm(drive, tmp_path):
    os.mkfifo(tmp_path / "started")

    def cleans_up(args, reporter):
        signal.signal(signal.SIGTERM, lambda *_: exits_orderly())
        try:
            (tmp_path / "started").write_text("now")
            signal.pause()
        finally:
            print("cleaned up")

    def exits_orderly():
        raise SystemExit(1)

    driver = drive(cleans_up, grace=GracePeriods(term_s=60))
    driver.start(0)
    (tmp_path / "started").read_text()
    driver.executor.kill(0)
    assert driver.exit_of(0).error == "SystemExit: 1"
    assert driver.executor.log(0) == ["cleaned up"]


def test_a_trial_that_closes_all_files_is_lost_but_no_hang(drive):
    def daemonises(args, reporter):
        os.closerange(3, 256)
        signal.pause()

    end = drive(daemonises, grace=GracePeriods(close_s=0.1)).run(0)
    assert end.outcome is Outcome.VANISHED


def test_a_time_limit_of_the_users_own_may_interrupt_a_report(drive, tmp_path):
    os.mkfifo(tmp_path / "fired")

    class TooLongError(Exception):
        pass

    def judge(_, metrics):
        if "pid" in metrics:  # answers only when the limit is over
            while psutil.Process(metrics["pid"]).status() != psutil.STATUS_SLEEPING:
                pass
            os.kill(metrics["pid"], signal.SIGUSR1)
            (tmp_path / "fired").read_text()
        return "not the answer to this" if "pid" in metrics else GO_ON

    def limited(args, reporter):
        def fire(*_):
            (tmp_path / "fired").write_text("now")
            raise TooLongError

        signal.signal(signal.SIGUSR1, fire)
        if args.task_id == 0:
            with contextlib.suppress(TooLongError):
                reporter(accuracy=0, pid=os.getpid())
        reporter(accuracy=1)
        reporter(accuracy=2)

    driver = drive(limited, judge)
    for trial_id in range(2):
        assert driver.run(trial_id).outcome is Outcome.RETURNED
    assert [report["accuracy"] for report in driver.reports[0]] == [0, 1, 2]
    assert [report["accuracy"] for report in driver.reports[1]] == [1, 2]


# -- the life of a worker ------------------------------------------------------------------


def pids(driver, count):
    """The processes in which so many trials run, one after another."""
    for trial_id in range(count):
        driver.run(trial_id)
    return [driver.reports[trial_id][0]["pid"] for trial_id in range(count)]


def telling_pid():
    # Made anew for each test, so that it travels by value and no worker imports this file.
    def tells(args, reporter):
        reporter(accuracy=1, pid=os.getpid())

    return tells


def test_trials_share_a_warm_worker(drive):
    assert len(set(pids(drive(telling_pid()), 5))) == 1


def test_isolation_gives_each_trial_a_process(drive):
    assert len(set(pids(drive(telling_pid(), isolation="process"), 3))) == 3


def test_a_stopped_trial_leaves_its_worker_warm(drive):
    driver = drive(telling_pid(), lambda _, __: STOP)
    assert len(set(pids(driver, 3))) == 1


def test_workers_are_replaced_after_many_trials_but_not_too_often(drive, monkeypatch):
    monkeypatch.setattr(local, "RECYCLE_TRIALS", 2)
    assert len(set(pids(drive(telling_pid()), 4))) == 1
    monkeypatch.setattr(local, "RECYCLE_AGE_S", 0.0)
    first, second, third, fourth, fifth = pids(drive(telling_pid()), 5)
    assert first == second != third == fourth != fifth


@pytest.mark.parametrize(
    ("spoils", "stays"),
    [
        ("starts a child", False),
        ("starts a thread", False),
        ("starts a daemon thread", True),
        ("hoards memory", False),
        ("raises", False),
        ("does nothing", True),
    ],
)
def test_a_worker_is_replaced_if_a_trial_has_spoilt_it(drive, spoils, stays):
    def runs(args, reporter):
        reporter(accuracy=1, pid=os.getpid())
        if args.task_id == 1:
            deeds[spoils]()

    deeds = {
        "starts a child": lambda: subprocess.Popen(["sleep", "60"]),
        "starts a thread": lambda: threading.Thread(target=threading.Event().wait).start(),
        "starts a daemon thread": lambda: threading.Thread(
            target=threading.Event().wait, daemon=True
        ).start(),
        "hoards memory": lambda: setattr(sys, "hoard", bytearray(b"x" * (200 << 20))),
        "raises": lambda: {}["nothing"],
        "does nothing": lambda: None,
    }
    before, spoilt, after = pids(drive(runs), 3)
    assert before == spoilt
    assert (spoilt == after) is stays


def test_a_trial_finds_the_working_directory_as_the_first_one_did(drive, tmp_path):
    def looks(args, reporter):
        reporter(accuracy=1, directory=str(Path.cwd()))
        folder = tmp_path / "gone"
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        folder.rmdir()

    driver = drive(looks)
    for trial_id in range(3):
        driver.run(trial_id)
    seen = [driver.reports[trial_id][0]["directory"] for trial_id in range(3)]
    assert seen == [str(Path.cwd())] * 3


def test_an_alarm_of_one_trial_does_not_ring_in_the_next(drive):
    def sets_alarm(args, reporter):
        reporter(accuracy=signal.alarm(100))

    driver = drive(sets_alarm)
    for trial_id in range(3):
        driver.run(trial_id)
        assert driver.reports[trial_id] == [{"accuracy": 0}]


# -- opening and closing -------------------------------------------------------------------


def test_closing_ends_trials_that_run(drive, tmp_path):
    def runs(args, reporter):
        reporter(accuracy=1, pid=os.getpid())
        signal.pause()

    driver = drive(runs, num_workers=2)
    driver.start(0)
    driver.start(1)
    workers = [psutil.Process(driver.first_report_of(i)["pid"]) for i in (0, 1)]
    driver.executor.close()
    assert not any(worker.is_running() for worker in workers)
    assert driver.executor.free_slots == 2
    driver.executor.kill(0)
    driver.executor.reply(0, GO_ON)
    driver.executor.reject(0, "late")
    driver.executor.close()


def open_files():
    return {file.name for file in Path("/proc/self/fd").iterdir()}


def test_nothing_of_an_executor_stays_open():
    def works(args, reporter):
        return 1.0

    before = open_files()
    executor = LocalExecutor(num_workers=2)
    for _ in range(2):
        with Driver(executor, task_of(works)) as driver:
            driver.start(0)
            driver.start(1)
            driver.exit_of(0)
            driver.exit_of(1)
    assert open_files() == before


def test_an_executor_serves_one_run_at_a_time(drive):
    driver = drive(telling_pid())
    with pytest.raises(SpecError, match="runs trials already"):
        driver.executor.open(task_of(telling_pid()))
    driver.start(0)
    with pytest.raises(RuntimeError, match="free slot"):
        driver.executor.submit(Start(1, {}, 0))
    assert driver.exit_of(0).outcome is Outcome.RETURNED
    driver.executor.close()
    with pytest.raises(RuntimeError, match="open executor"):
        driver.executor.submit(Start(2, {}, 0))


def test_a_worker_that_cannot_be_started_costs_no_slot(monkeypatch):
    executor = LocalExecutor(num_workers=1)
    with Driver(executor, task_of(telling_pid())) as driver:
        before = open_files()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(FileNotFoundError):
                driver.run(0)
        assert open_files() == before
        assert executor.free_slots == 1
        assert driver.run(1).outcome is Outcome.RETURNED


def test_two_executors_share_a_process_and_its_threads(drive):
    def in_a_thread(results, name):
        with Driver(LocalExecutor(num_workers=1), task_of(telling_pid())) as driver:
            results[name] = pids(driver, 20)

    results = {}
    threads = [threading.Thread(target=in_a_thread, args=(results, i)) for i in range(3)]
    for thread in threads:
        thread.start()
    driver = drive(telling_pid())
    results["main"] = pids(driver, 20)
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len({pid for found in results.values() for pid in found}) == 4


def test_wake_works_in_a_signal_handler(drive):
    driver = drive(telling_pid())
    before = signal.signal(signal.SIGALRM, lambda *_: driver.executor.wake())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        driver.executor.wait(None, lambda news: None)  # would last for ever
    finally:
        signal.signal(signal.SIGALRM, before)
    for _ in range(100_000):  # more than a socket holds
        driver.executor.wake()
    assert driver.run(0).outcome is Outcome.RETURNED


def test_ctrl_c_while_closing_ends_everything_at_once(drive):
    def will_not_go(args, reporter):
        def interrupts_parent():
            os.kill(os.getppid(), signal.SIGINT)
            signal.pause()

        atexit.register(interrupts_parent)
        reporter(accuracy=1, pid=os.getpid())

    driver = drive(will_not_go, grace=GracePeriods(close_s=1000))
    (worker,) = pids(driver, 1)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        driver.executor.close()
    assert interrupt.value.__context__ is None
    assert not psutil.pid_exists(worker)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork beside threads
def test_a_forked_child_of_the_scheduler_does_not_end_its_trials(drive):
    driver = drive(telling_pid())
    (worker,) = pids(driver, 1)
    child = os.fork()
    if child == 0:
        driver.executor.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    driver.run(1)
    assert driver.reports[1][0]["pid"] == worker
