from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading

import pytest
from hypothesis import given, strategies as st

from agcore.executor import wire
from agcore.executor.attempt import AttemptEnd
from agcore.jobs import Resume, Start

frames = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=12)


@given(frames=frames, cuts=st.lists(st.integers(0, 4000), max_size=20))
def test_frames_come_out_whole_however_the_stream_is_cut(frames, cuts):
    stream = b"".join(wire.encode(kind, body) for kind, body in frames)
    buffer = wire.FrameBuffer()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = []
    for start, stop in itertools.pairwise(edges):
        found += buffer.feed(stream[start:stop])
    assert found == frames
    assert all(type(body) is bytes for _, body in found)


@given(frames=frames)
def test_frames_come_out_as_soon_as_their_last_byte_is_there(frames):
    buffer = wire.FrameBuffer()
    for kind, body in frames:
        data = wire.encode(kind, body)
        for i in range(len(data) - 1):
            assert buffer.feed(data[i : i + 1]) == []
        assert buffer.feed(data[-1:]) == [(kind, body)]


def test_a_large_frame_is_put_together_in_linear_time():
    data = wire.encode(wire.REPORT, bytes(20 << 20))
    buffer = wire.FrameBuffer()
    copied = 0
    for start in range(0, len(data), 1 << 12):  # 5,000 slices: quadratic would copy 50 GB
        copied += len(buffer.feed(data[start : start + (1 << 12)]))
    assert copied == 1


configs = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.floats(allow_nan=False) | st.text()
)


@given(
    trial_id=st.integers(0, 1 << 40),
    config=configs,
    seed=st.integers(0, (1 << 32) - 1),
    attempt=st.integers(0, 9),
)
def test_jobs_survive_the_journey(trial_id, config, seed, attempt):
    for job in (
        Start(trial_id, config, seed, attempt),
        Resume(trial_id, config, seed, attempt, 3, 9),
    ):
        assert wire.decode_job(wire.encode_job(job)) == job


@given(texts=st.tuples(*[st.text()] * 4), kib=st.integers(0, 1 << 40), clean=st.booleans())
def test_ends_survive_the_journey(texts, kib, clean):
    frame = wire.EndFrame(AttemptEnd(*texts), kib, clean)
    assert wire.decode_end(wire.encode_end(frame)) == frame


class TooLongError(Exception):
    """What a time limit of the user's own raises."""


class InterruptibleSocket:
    """A socket of which one call can be interrupted, as by a signal handler that raises."""

    def __init__(self, sock):
        self._sock = sock
        self.interrupts = ""

    def __getattr__(self, name):
        if name == self.interrupts:
            self.interrupts = ""
            raise TooLongError
        return getattr(self._sock, name)


@pytest.fixture
def line():
    """A worker's channel, its socket, and the scheduler's end of it."""
    with contextlib.ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        theirs.settimeout(60)
        near = InterruptibleSocket(ours)
        yield wire.Channel(near), near, theirs


def received(sock, count=1):
    buffer, found = wire.FrameBuffer(), []
    while len(found) < count:
        found += buffer.feed(sock.recv(1 << 16))
    return found


def ask_in_vain(channel, near, body, interrupts="recv"):
    near.interrupts = interrupts
    with pytest.raises(TooLongError):
        channel.ask(wire.REPORT, body)


def test_a_question_gets_its_answer(line):
    channel, _, scheduler = line
    scheduler.sendall(wire.encode(wire.GO_ON))
    assert channel.ask(wire.REPORT, b"{}") == (wire.GO_ON, b"")
    assert received(scheduler) == [(wire.REPORT, b"{}")]


def test_the_end_of_the_scheduler_is_an_end_of_file(line):
    channel, _, scheduler = line
    scheduler.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        channel.receive_job()
    with pytest.raises(EOFError):
        channel.ask(wire.REPORT, b"{}")


def test_the_answer_to_an_interrupted_question_is_not_taken_for_the_next_ones(line):
    channel, near, scheduler = line
    ask_in_vain(channel, near, b"1")
    scheduler.sendall(wire.encode(wire.REJECTED, b"to 1") + wire.encode(wire.GO_ON))
    assert channel.ask(wire.REPORT, b"2") == (wire.GO_ON, b"")
    assert received(scheduler, 2) == [(wire.REPORT, b"1"), (wire.REPORT, b"2")]


def test_being_told_to_end_is_not_overheard_in_an_interruption(line):
    channel, near, scheduler = line
    ask_in_vain(channel, near, b"1")
    scheduler.sendall(wire.encode(wire.END_NOW))
    assert channel.ask(wire.REPORT, b"2") == (wire.END_NOW, b"")
    assert received(scheduler) == [(wire.REPORT, b"1")]


def test_a_question_interrupted_half_way_is_completed_before_the_next_frame(line):
    channel, near, scheduler = line
    large = json.dumps("x" * 5_000_000).encode()
    ask_in_vain(channel, near, large, interrupts="fileno")
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(received(scheduler, 2)))
    thread.start()
    channel.send(wire.ENDED, b"end")
    thread.join()
    assert frames == [(wire.REPORT, large), (wire.ENDED, b"end")]


def test_a_channel_interrupted_while_bytes_are_sent_is_not_used_again(line):
    channel, near, _ = line
    ask_in_vain(channel, near, b"1", interrupts="send")
    with pytest.raises(ConnectionError, match="signal handler"):
        channel.send(wire.ENDED)


def test_a_late_answer_is_not_taken_for_a_job(line):
    channel, near, scheduler = line
    ask_in_vain(channel, near, b"1")
    scheduler.sendall(wire.encode(wire.GO_ON) + wire.encode(wire.JOB, b"next"))
    assert channel.receive_job() == b"next"
    scheduler.sendall(wire.encode(wire.REJECTED, b"why"))
    assert channel.ask(wire.REPORT, b"2") == (wire.REJECTED, b"why")


def test_the_next_job_is_served_though_an_answer_never_came(line):
    channel, near, scheduler = line
    ask_in_vain(channel, near, b"1")
    scheduler.sendall(wire.encode(wire.JOB, b"next") + wire.encode(wire.GO_ON))
    assert channel.receive_job() == b"next"
    assert channel.ask(wire.REPORT, b"2") == (wire.GO_ON, b"")
