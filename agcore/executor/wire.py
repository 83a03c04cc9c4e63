"""Frames on the socket between scheduler and worker.

A frame is a length (4 bytes), a kind (1 byte) and a body. The scheduler sends pickles (it
trusts itself); a worker sends reports as JSON, which is what a journal wants, and its end as
a pickle of plain values.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, NamedTuple

from agcore.executor.attempt import AttemptEnd
from agcore.jobs import Resume, Start

if TYPE_CHECKING:
    import socket

    from agcore.jobs import Job

# scheduler to worker
JOB = 1
GO_ON = 2
END_NOW = 3
REJECTED = 4  # body: the message
# worker to scheduler
REPORT = 16  # body: JSON object
ENDED = 17  # body: pickled EndFrame as a tuple
BROKEN = 18  # body: why the worker cannot run the train function at all

_HEADER = struct.Struct("!IB")
_CHUNK = 1 << 16

Frame = tuple[int, bytes]


def encode(kind: int, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return _HEADER.pack(len(body), kind) + body


class FrameBuffer:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete after ``data``; the rest waits for more."""
        if self._pending:
            data = self._pending + data
        frames: list[Frame] = []
        start, end = 0, len(data)
        while end - start >= _HEADER.size:
            length, kind = _HEADER.unpack_from(data, start)
            stop = start + _HEADER.size + length
            if stop > end:
                break
            frames.append((kind, data[start + _HEADER.size : stop]))
            start = stop
        self._pending = data[start:]
        return frames


class Channel:
    """The worker's blocking end of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = FrameBuffer()
        self._frames: list[Frame] = []

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send one frame."""
        self._socket.sendall(encode(kind, body))

    def receive(self) -> Frame:
        """The next frame.

        Raises:
            EOFError: The other side is gone.
        """
        while not self._frames:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise EOFError
            self._frames = self._buffer.feed(data)
        return self._frames.pop(0)


class EndFrame(NamedTuple):
    """What a worker says when an attempt has ended.

    Attributes:
        end: How it ended.
        peak_kib: Peak memory of the worker so far.
        has_children: Whether the attempt has left processes behind.
    """

    end: AttemptEnd
    peak_kib: int
    has_children: bool


def encode_job(job: Job) -> bytes:
    """The body of a JOB frame: a tuple of plain values, which pickles fastest."""
    later = (job.resume_from, job.milestone) if isinstance(job, Resume) else (0, 0)
    return pickle.dumps((job.trial_id, job.config, job.seed, job.attempt, *later))


def decode_job(body: bytes) -> Job:
    """The job in a JOB frame."""
    trial_id, config, seed, attempt, resume_from, milestone = pickle.loads(body)
    if resume_from:
        return Resume(trial_id, config, seed, attempt, resume_from, milestone)
    return Start(trial_id, config, seed, attempt)


def encode_end(frame: EndFrame) -> bytes:
    """The body of an ENDED frame."""
    return pickle.dumps((tuple(frame.end), frame.peak_kib, frame.has_children))


def decode_end(body: bytes) -> EndFrame:
    """The meaning of an ENDED frame's body."""
    end, peak_kib, left_behind = pickle.loads(body)
    return EndFrame(AttemptEnd(*end), peak_kib, left_behind)
