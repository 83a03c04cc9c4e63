from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from agcore.executor import guard
from agcore.executor.guard import TAG_VARIABLE


@pytest.fixture
def sleeper():
    """Starts processes that sleep, in a group of their own, with or without a tag."""
    started = []

    def start(tag=None):
        environment = {name: value for name, value in os.environ.items() if name != TAG_VARIABLE}
        if tag is not None:
            environment[TAG_VARIABLE] = tag
        started.append(subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_processes_are_found_by_their_tag(sleeper):
    plain, one, eleven = sleeper(), sleeper("run.1."), sleeper("outer.run.11.")
    found = set(guard.tagged_processes("run.1."))
    assert one.pid in found
    assert not {plain.pid, eleven.pid} & found
    assert {one.pid, eleven.pid} <= set(guard.tagged_processes("run."))
    assert guard.carries(one.pid, "run.1.")
    assert not guard.carries(1 << 30, "run.1.")


def test_groups_and_tagged_processes_are_killed_and_no_others(sleeper):
    group, tagged, other = sleeper(), sleeper("run.1."), sleeper("another.1.")
    guard.kill_all([group.pid, 1 << 30], "run.")
    assert group.wait(30) == tagged.wait(30) == -signal.SIGKILL
    assert other.poll() is None


def test_what_cannot_be_killed_is_given_up(monkeypatch):
    looks = []
    monkeypatch.setattr(guard, "tagged_processes", lambda tag: looks.append(tag) or [1 << 30])
    guard.kill_all([], "run.")
    assert len(looks) == guard._ROUNDS


@pytest.fixture
def killed(monkeypatch):
    """What the guard would kill."""
    calls = []
    monkeypatch.setattr(guard, "kill_all", lambda groups, tag: calls.append((set(groups), tag)))
    return calls


def notes(*texts):
    """The reading end of a pipe that holds them and has no writer any more."""
    reading, writing = os.pipe()
    for text in texts:
        os.write(writing, text.encode())
    os.close(writing)
    return reading


def test_workers_that_were_noted_and_not_taken_back_are_killed(killed):
    pipe = notes("+1\n+2\n", "+3", "3\n-2\n-9\n")
    guard.watch(pipe, "tag", os.getppid())
    os.close(pipe)
    assert killed == [({1, 33}, "tag")]


def test_the_death_of_the_scheduler_is_noticed_though_the_pipe_stays_open(killed, monkeypatch):
    monkeypatch.setattr(guard, "_LOOK_AROUND_S", 0.01)
    parents = iter([7, 7, 7, 1, 1, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    reading, writing = os.pipe()
    os.write(writing, b"+5\n")
    guard.watch(reading, "tag", 7)
    os.close(reading)
    os.close(writing)
    assert killed == [({5}, "tag")]


def test_it_runs_without_agcore_and_without_site_packages():
    command = [sys.executable, "-I", "-S", guard.__file__, "a-tag-of-nobody", str(os.getpid())]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
