"""Frames on the socket between scheduler and worker.

A frame is a length (4 bytes), a kind (1 byte) and a body. The scheduler sends pickles (it
trusts itself); a worker sends reports as JSON, which is what a journal wants, and its end as
a pickle of plain values.
"""

from __future__ import annotations

import json
import pickle
import select
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from agcore.errors import ReportError
from agcore.executor.attempt import AttemptEnd
from agcore.jobs import ReportReceived, Resume, Start
from agcore.json_values import with_names, with_numbers

if TYPE_CHECKING:
    from agcore.jobs import Job
    from agcore.reporter import Report

# scheduler to worker
JOB = 1
GO_ON = 2
END_NOW = 3
REJECTED = 4  # body: the message
# worker to scheduler
REPORT = 16  # body: see encode_report
REPORT_NOT_FINITE = 17  # the same, with names in the place of some numbers
ENDED = 18  # body: pickled EndFrame as a tuple
BROKEN = 19  # body: why the worker cannot run the train function at all

_HEADER = struct.Struct("!IB")
_REPORT = struct.Struct("!qq")
_CHUNK = 1 << 16
_FIELDS_OF_START = 4

_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
# What json.loads does, without looking for the encoding and for what follows the object.
_loads = json.JSONDecoder().raw_decode

Frame = tuple[int, bytes]


def encode(kind: int, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return _HEADER.pack(len(body), kind) + body


class FrameBuffer:
    """Cuts a byte stream into frames, in time that grows with the bytes and not their square."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete after ``data``; the rest waits for more."""
        pending = self._pending
        if not pending:
            frames, used = _cut(data)
            if used < len(data):
                pending += data[used:]
            return frames
        pending += data
        frames, used = _cut(pending)
        del pending[:used]
        return frames


def _cut(data: bytes | bytearray) -> tuple[list[Frame], int]:
    """The frames at the beginning of ``data``, and the number of bytes they take."""
    frames: list[Frame] = []
    start, end = 0, len(data)
    while end - start >= _HEADER.size:
        length, kind = _HEADER.unpack_from(data, start)
        stop = start + _HEADER.size + length
        if stop > end:
            break
        frames.append((kind, bytes(data[start + _HEADER.size : stop])))
        start = stop
    return frames, start


class Channel:
    """The worker's blocking end of the socket.

    A signal handler of the train function may raise in the middle of a report (a time limit of
    the user's own does). A frame that is half sent then is completed before the next one, and the
    answer that was not waited for is not taken for the next report's. Only if it raised during
    the very call that sends bytes is the channel lost.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = FrameBuffer()
        self._frames: deque[Frame] = deque()
        self._unsent = memoryview(b"")
        self._unanswered = 0
        self._is_sending = False

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send one frame."""
        self._flush()
        self._unsent = memoryview(encode(kind, body))
        self._flush()

    def ask(self, kind: int, body: bytes) -> Frame:
        """The answer to one frame.

        Raises:
            EOFError: The other side is gone.
        """
        while self._unanswered:
            late = self._answer()
            if late[0] == END_NOW:
                return late
        self._flush()
        self._unanswered = 1
        self._unsent = memoryview(encode(kind, body))
        self._flush()
        return self._answer()

    def receive_job(self) -> bytes:
        """The body of the next JOB frame; answers that nobody waits for any more are dropped.

        Raises:
            EOFError: The other side is gone.
        """
        while True:
            kind, body = self._receive()
            if kind == JOB:
                self._unanswered = 0
                return body

    def _answer(self) -> Frame:
        frame = self._receive()
        self._unanswered = 0
        return frame

    def _receive(self) -> Frame:
        while not self._frames:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise EOFError
            self._frames.extend(self._buffer.feed(data))
        return self._frames.popleft()

    def _flush(self) -> None:
        while self._unsent:
            if self._is_sending:
                raise ConnectionError("a signal handler has raised while a frame was being sent")
            # Never blocks: a send that is interrupted does not tell how far it came.
            self._is_sending = True
            sent = self._send_some()
            self._unsent = self._unsent[sent:]
            self._is_sending = False
            if not sent:
                room = select.poll()
                room.register(self._socket, select.POLLOUT)
                room.poll()

    def _send_some(self) -> int:
        try:
            return self._socket.send(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0


class EndFrame(NamedTuple):
    """What a worker says when an attempt has ended.

    Attributes:
        end: How it ended.
        memory_kib: What the worker holds now.
        is_clean: Whether the attempt has left no process and no thread behind.
    """

    end: AttemptEnd
    memory_kib: int
    is_clean: bool


def encode_job(job: Job) -> bytes:
    """The body of a JOB frame: a tuple of plain values, which pickles fastest."""
    fields: tuple[Any, ...] = (job.trial_id, job.config, job.seed, job.attempt)
    if isinstance(job, Resume):
        fields += (job.resume_from, job.milestone, job.checkpoint)
    return pickle.dumps(fields)


def decode_job(body: bytes) -> Job:
    """The job in a JOB frame."""
    fields = pickle.loads(body)
    return Resume(*fields) if len(fields) > _FIELDS_OF_START else Start(*fields)


def encode_report(report: Report) -> tuple[int, bytes]:
    """Kind and body of the frame for a report: two numbers, then the metrics as strict JSON.

    Raises:
        ReportError: A value has no JSON form.
    """
    kind = REPORT
    try:
        try:
            text = _dumps(report.metrics)
        except ValueError:  # a number that is not finite, or one of thousands of digits
            kind, text = REPORT_NOT_FINITE, _dumps(with_names(report.metrics))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"the report has no JSON form: {error}") from None
    size = -1 if report.checkpoint_bytes is None else report.checkpoint_bytes
    return kind, _REPORT.pack(report.resource, size) + text.encode()


def decode_report(kind: int, trial_id: int, body: bytes, time_s: float) -> ReportReceived:
    """The news in a report's frame.

    Raises:
        ValueError: The metrics cannot be read, as a number of thousands of digits.
        RecursionError: They are nested too deeply.
    """
    resource, size = _REPORT.unpack_from(body)
    text = body[_REPORT.size :].decode()
    metrics = _loads(text)[0]
    if kind == REPORT_NOT_FINITE:
        metrics = with_numbers(metrics)
    return ReportReceived(trial_id, metrics, time_s, resource, text, None if size < 0 else size)


def encode_end(frame: EndFrame) -> bytes:
    """The body of an ENDED frame."""
    return pickle.dumps((tuple(frame.end), frame.memory_kib, frame.is_clean))


def decode_end(body: bytes) -> EndFrame:
    """The meaning of an ENDED frame's body."""
    end, memory_kib, is_clean = pickle.loads(body)
    return EndFrame(AttemptEnd(*end), memory_kib, is_clean)
