from __future__ import annotations

import os
import socket
import subprocess
import types

import pytest

from agcore.executor import departures
from agcore.executor.departures import Departures, GracePeriods
from agcore.executor.worker_handle import Step, WorkerHandle


@pytest.fixture
def handle():
    """The handle of a process that sleeps."""
    near, far = socket.socketpair()
    output, output_end = os.pipe()
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    handle = WorkerHandle(process, near, output, "a-tag-of-nobody", None)
    yield handle
    process.kill()
    process.wait()
    handle.close()
    far.close()
    os.close(output_end)


@pytest.fixture
def clock(monkeypatch):
    """The time that departures see."""
    clock = types.SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(departures, "time", clock)
    return clock


def test_a_worker_that_does_not_go_is_sent_sigterm_then_sigkill(handle, clock, monkeypatch):
    signals = []
    monkeypatch.setattr(WorkerHandle, "terminate", lambda _: signals.append("TERM"))
    monkeypatch.setattr(WorkerHandle, "kill", lambda _: signals.append("KILL"))
    leaving = Departures(GracePeriods(stop_s=5, term_s=2), "a-tag-of-nobody")
    assert not leaving
    leaving.ask(handle)
    assert leaving
    assert handle.is_told_to_end
    for elapsed, step, left, sent in (
        (0, Step.ASKED, 5, []),
        (4, Step.ASKED, 1, []),
        (1, Step.TERMINATED, 2, ["TERM"]),
        (2, Step.KILLED, 2, ["TERM", "KILL"]),
        (2, Step.KILLED, 2, ["TERM", "KILL", "KILL"]),
    ):
        clock.now += elapsed
        assert leaving.carry_on() == []
        assert handle.step is step
        assert list(leaving.seconds_left()) == [left]
        assert signals == sent


def test_a_worker_that_comes_back_in_time_stays(handle, clock):
    leaving = Departures(GracePeriods(), "a-tag-of-nobody")
    leaving.ask(handle)
    leaving.stay(handle)
    clock.now += 100
    assert leaving.carry_on() == []
    assert not leaving
    assert handle.step is Step.SERVING
    assert not handle.is_told_to_end


def test_a_process_that_does_not_follow_sigkill_is_given_up(handle, clock, monkeypatch, caplog):
    monkeypatch.setattr(WorkerHandle, "kill", lambda _: None)
    leaving = Departures(GracePeriods(term_s=2), "a-tag-of-nobody")
    leaving.kill(handle)
    done = []
    for _ in range(5):
        done += leaving.carry_on()
        clock.now += 2
    assert done == [handle]
    assert not leaving
    assert f"processes [{handle.process.pid}] of a trial could not be ended" in caplog.text


def test_survivors_that_cannot_be_killed_are_given_up(handle, clock, monkeypatch, caplog):
    monkeypatch.setattr(WorkerHandle, "survivors", lambda _, tagged: {1 << 30})
    leaving = Departures(GracePeriods(), "a-tag-of-nobody")
    leaving.mourn(handle)
    assert leaving.carry_on() == []
    clock.now += 6
    assert leaving.carry_on() == [handle]
    assert "could not be ended" in caplog.text


def test_the_last_step_is_over_when_nothing_is_left(handle, clock):
    handle.process.kill()
    handle.process.wait()
    leaving = Departures(GracePeriods(), "a-tag-of-nobody")
    leaving.mourn(handle)
    assert leaving.carry_on() == [handle]
    assert not leaving
