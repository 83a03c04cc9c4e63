from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from agcore.executor import wire
from agcore.executor.worker_handle import WorkerHandle


@pytest.fixture
def handle():
    """The handle of a process that sleeps, and the worker's ends of socket and pipe."""
    near, far = socket.socketpair()
    output, output_end = os.pipe()
    os.set_blocking(output, False)
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    handle = WorkerHandle(process, near, output, "a-tag-of-nobody", None)
    yield handle, far, output_end
    process.kill()
    process.wait()
    handle.close()
    far.close()
    os.close(output_end)


def test_frames_are_read_as_far_as_they_have_come(handle):
    handle, far, _ = handle
    assert handle.receive() == []
    far.sendall(wire.encode(wire.REPORT, b"1")[:4])
    assert handle.receive() == []
    far.sendall(wire.encode(wire.REPORT, b"1")[4:] + wire.encode(wire.ENDED, b"2"))
    assert handle.receive() == [(wire.REPORT, b"1"), (wire.ENDED, b"2")]
    far.shutdown(socket.SHUT_WR)
    assert handle.receive() is None


def test_all_that_a_dead_worker_has_sent_is_read(handle):
    handle, far, _ = handle
    assert handle.receive_all() == []
    large = bytes(100_000)  # more than one read
    far.sendall(wire.encode(wire.REPORT, large) + wire.encode(wire.ENDED, b"2"))
    assert handle.receive_all() == [(wire.REPORT, large), (wire.ENDED, b"2")]


def test_sending_to_a_worker_that_is_gone_is_no_error(handle):
    handle, far, _ = handle
    handle.send(wire.GO_ON)
    far.close()
    handle.send(wire.GO_ON)
    handle.send(wire.GO_ON)
    handle.let_go()
    assert handle.receive() is None  # the connection was reset: unread data was thrown away
    assert handle.receive_all() == []


def test_output_is_read_in_bounded_pieces(handle):
    handle, _, output_end = handle
    assert handle.read_output() == b""
    os.write(output_end, b"text")
    assert handle.read_output() == b"text"
    writer = subprocess.Popen(["sh", "-c", "exec cat /dev/zero"], stdout=output_end)
    total = 0
    while total < 10 << 20:
        piece = handle.read_output()
        assert len(piece) <= 1 << 20
        total += len(piece)
    writer.kill()
    writer.wait()


def test_the_end_of_output_comes_after_the_last_of_it():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    near, far = socket.socketpair()
    handle = WorkerHandle(subprocess.Popen(["true"]), near, reading, "", None)
    os.write(writing, b"last words")
    os.close(writing)
    assert handle.read_output() == b"last words"
    assert handle.read_output() is None
    handle.process.wait()
    handle.close()
    far.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-9, "signal SIGKILL"),
        (-37, "signal 37"),
        (None, "it hangs and cannot be ended"),
    ],
)
def test_the_cause_of_death_is_told_in_words(handle, code, words):
    handle, _, _ = handle
    before, handle.process.returncode = handle.process.returncode, code
    assert handle.cause_of_death() == words
    handle.process.returncode = before


def test_a_process_that_cannot_be_watched_is_not_left_running(monkeypatch):
    payload = os.open("/dev/null", os.O_RDONLY)
    started, popen = [], subprocess.Popen

    def starting(*args, **keywords):
        started.append(popen(*args, **keywords))
        return started[-1]

    def refuses(pid):
        raise OSError(24, "Too many open files")

    before = set(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(subprocess, "Popen", starting)
    monkeypatch.setattr(os, "pidfd_open", refuses)
    with pytest.raises(OSError, match="Too many open files"):
        WorkerHandle.spawn(payload, 1, (), "tag", use_pidfd=True)
    assert started[0].returncode == -signal.SIGKILL
    assert set(Path("/proc/self/fd").iterdir()) == before
    os.close(payload)
