from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from agcore.executor import departures, processes
from agcore.executor.departures import GracePeriods
from agcore.jobs import Outcome
from agcore.testing.executor import GO_ON, STOP

# Ways in which a train function can start a process that would outlive it. Each returns the
# process id. They are source text, so that trials in workers and in scripts can share them.
WAYS = {
    "fork": """
def start():
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return child
""",
    "daemon": """
def start():
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        daemon = os.fork()
        if daemon == 0:
            time.sleep(600)
        else:
            os.write(writing, str(daemon).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reading, 100))
""",
    "session": """
def start():
    return subprocess.Popen(["sleep", "600"], start_new_session=True).pid
""",
    "multiprocessing": """
def start():
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    process.start()
    return process.pid
""",
    "deaf": """
def start():
    child = os.fork()
    if child == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.setpgid(0, 0)
        time.sleep(600)
        os._exit(0)
    return child
""",
}
IMPORTS = "import multiprocessing, os, signal, subprocess, sys, time\n"


def starter(way):
    names = {}
    exec(IMPORTS + WAYS[way], names)
    return names["start"]


def is_alive(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(params=sorted(WAYS))
def way(request):
    return request.param


def test_what_a_trial_leaves_behind_is_ended_before_its_slot_is_free(drive, way):
    start = starter(way)

    def leaves(args, reporter):
        reporter(accuracy=1, child=start())

    driver = drive(leaves)
    for trial_id in range(2):
        assert driver.run(trial_id).outcome is Outcome.RETURNED
        while driver.executor.free_slots == 0:
            driver.executor.wait(None, lambda news: None)
        assert not is_alive(driver.reports[trial_id][0]["child"])


@pytest.mark.parametrize("use_pidfd", [True, False])
def test_what_outlives_a_killed_worker_is_ended(drive, way, use_pidfd):
    # The grandchild of the first two ways holds the worker's socket and pipe open.
    start = starter(way)

    def leaves(args, reporter):
        reporter(accuracy=1, child=start())
        os.kill(os.getpid(), signal.SIGKILL)

    driver = drive(leaves, use_pidfd=use_pidfd)
    assert driver.run(0).outcome is Outcome.VANISHED
    driver.executor.close()
    assert not is_alive(driver.reports[0][0]["child"])


@pytest.mark.parametrize("ends", ["killed", "told to stop"])
def test_what_a_trial_has_started_ends_with_it(drive, monkeypatch, way, ends):
    # As on macOS, which does not show the environment of processes.
    monkeypatch.setattr(departures, "tagged_processes", lambda tag: [])
    start = starter(way)

    def hangs(args, reporter):
        child = start()
        with contextlib.suppress(BaseException):
            reporter(accuracy=1, child=child)
        signal.pause()

    driver = drive(
        hangs,
        lambda _, __: GO_ON if ends == "killed" else STOP,
        grace=GracePeriods(stop_s=0.05, term_s=0.05),
    )
    driver.start(0)
    child = driver.first_report_of(0)["child"]
    driver.executor.kill(0)
    assert driver.exit_of(0).outcome is Outcome.STOPPED
    driver.executor.close()
    assert not is_alive(child)


def test_a_child_without_our_environment_or_session_ends_with_its_trial(drive):
    def hangs(args, reporter):
        child = subprocess.Popen(["/bin/sleep", "600"], env={}, start_new_session=True)
        reporter(accuracy=1, child=child.pid)
        signal.pause()

    driver = drive(hangs)
    driver.start(0)
    child = psutil.Process(driver.first_report_of(0)["child"])
    driver.executor.kill(0)
    driver.exit_of(0)
    driver.executor.close()
    assert not is_alive(child.pid)


def test_children_that_have_ended_before_cost_nothing(drive):
    def runs(args, reporter):
        subprocess.run(["true"], check=True)
        reporter(accuracy=1, pid=os.getpid())

    driver = drive(runs)
    driver.run(0)
    driver.run(1)
    assert driver.reports[0] == driver.reports[1]


# -- the scheduler dies --------------------------------------------------------------------

SCHEDULER = (
    IMPORTS
    + """
from agcore.executor.local import LocalExecutor
from agcore.testing.executor import Driver, task_of

{way}

def hangs(args, reporter):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reporter(accuracy=1, worker=os.getpid(), child=start())
    while True:
        time.sleep(600)

executor = LocalExecutor(num_workers=2, use_death_signal={use_death_signal})
driver = Driver(executor, task_of(hangs))
driver.start(0)
driver.start(1)
for trial_id in range(2):
    report = driver.first_report_of(trial_id)
    print("PROCESSES", report["worker"], report["child"], flush=True)
{more}
signal.pause()
"""
)


@pytest.mark.parametrize("use_death_signal", [True, False])
def test_nothing_outlives_a_killed_scheduler(script, all_gone, gone, way, use_death_signal):
    source = SCHEDULER.format(way=WAYS[way], use_death_signal=use_death_signal, more="")
    program = script(source)
    pids = [int(pid) for _ in range(2) for pid in program.line("PROCESSES").split()]
    assert all(is_alive(pid) for pid in pids)
    program.process.kill()
    for pid in pids:
        gone(pid)
    all_gone()


def test_nothing_outlives_a_killed_scheduler_that_has_forked_a_child(script, all_gone, gone):
    # The child has inherited the scheduler's end of the guard's pipe.
    more = """
child = os.fork()
if child == 0:
    signal.pause()
print("CHILD", child, flush=True)
"""
    program = script(SCHEDULER.format(way=WAYS["daemon"], use_death_signal=False, more=more))
    pids = [int(pid) for _ in range(2) for pid in program.line("PROCESSES").split()]
    child = int(program.line("CHILD"))
    program.process.kill()
    for pid in pids:
        gone(pid)
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)
    all_gone()


def test_workers_die_with_their_scheduler_also_without_a_guard(script, all_gone, gone):
    way = "def start(): return 0"
    program = script(SCHEDULER.format(way=way, use_death_signal=True, more=""))
    workers = [int(program.line("PROCESSES").split()[0]) for _ in range(2)]
    children = psutil.Process(program.process.pid).children()
    (guard,) = (child for child in children if child.pid not in workers)
    guard.kill()
    gone(guard.pid)
    program.process.kill()
    for worker in workers:
        gone(worker)
    all_gone()


# -- the parts -----------------------------------------------------------------------------


def test_families_are_complete():
    source = "import os, time; os.fork(); os.fork(); os.write(1, b'.'); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.read(4) == b"...."
        found = processes.families([parent.pid, 1 << 30])
        assert len(found[parent.pid]) == 3
        assert found[1 << 30] == []
        processes.kill_tree(parent.pid, found[parent.pid])
        parent.kill()


def test_pidfds_are_not_used_where_the_system_refuses_them(monkeypatch):
    assert processes.has_pidfd() is hasattr(os, "pidfd_open")

    def refuses(pid):
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refuses, raising=False)
    assert not processes.has_pidfd()
    monkeypatch.delattr(os, "pidfd_open")
    assert not processes.has_pidfd()


@pytest.mark.parametrize("with_waitid", [True, False])
def test_children_are_noticed_running_or_ended(monkeypatch, with_waitid):
    if not with_waitid:  # as on macOS before Python 3.13
        monkeypatch.delattr(os, "waitid")
    assert not processes.has_children()
    with subprocess.Popen(["sleep", "600"]) as child:
        assert processes.has_children()
        child.kill()
    assert not processes.has_children()


def test_signals_to_groups_that_are_gone_are_not_errors():
    with subprocess.Popen(["true"], start_new_session=True) as child:
        pass
    assert not processes.signal_group(child.pid, signal.SIGTERM)
    assert processes.survivors(child.pid, [], []) == set()
