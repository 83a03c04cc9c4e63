"""The worker process: loads the train function once, then runs one attempt after another.

Started as ``python -m agcore.executor.worker SOCKET PAYLOAD`` with two inherited file
descriptors. Whatever the train function does, the scheduler learns how the attempt ended:
from an ENDED frame, or from the end of this process.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from agcore.executor import wire
from agcore.executor.attempt import AttemptRunner
from agcore.executor.processes import has_children
from agcore.executor.seeding import TrialSeeder
from agcore.executor.shipping import unpack
from agcore.executor.surroundings import Surroundings
from agcore.reporter import END_NOW, GO_ON, Answer

if TYPE_CHECKING:
    from agcore.jobs import Metrics
    from agcore.reporter import Verdict

_KIB_PER_MAXRSS = 1 / 1024 if sys.platform == "darwin" else 1
_VERDICTS = {wire.GO_ON: GO_ON, wire.END_NOW: END_NOW}
_encode_json = json.JSONEncoder(separators=(",", ":")).encode


def serve(channel: wire.Channel, runner: AttemptRunner) -> None:
    """Run jobs until the scheduler closes the socket."""

    def exchange(metrics: Metrics) -> Verdict:
        channel.send(wire.REPORT, _encode_json(metrics).encode())
        kind, body = _answer(channel)
        verdict = _VERDICTS.get(kind)
        return verdict if verdict is not None else Answer(True, error=body.decode())

    while True:
        try:
            _, body = channel.receive()
        except (EOFError, ConnectionError):
            return
        end = runner.run(wire.decode_job(body), exchange)
        sys.stdout.flush()
        sys.stderr.flush()
        peak_kib = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_PER_MAXRSS)
        channel.send(wire.ENDED, wire.encode_end(wire.EndFrame(end, peak_kib, has_children())))


def _answer(channel: wire.Channel) -> wire.Frame:
    """The scheduler's answer; without a scheduler there is nothing left to run for."""
    try:
        return channel.receive()
    except (EOFError, ConnectionError):
        os._exit(1)


def load_runner(payload_fd: int) -> AttemptRunner:
    """The task in the shared memory behind ``payload_fd``, ready to run."""
    with mmap.mmap(payload_fd, 0, access=mmap.ACCESS_READ) as shared:
        task = unpack(shared[:])
    os.close(payload_fd)
    seeder = TrialSeeder()
    seeder.install()
    return AttemptRunner(task, seeder.seed)


def main(socket_fd: int, payload_fd: int) -> None:
    """Entry point of the worker process."""
    channel = wire.Channel(socket.socket(fileno=socket_fd))
    # Lines of stdout and stderr go into one pipe; this keeps them in the order of printing.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    try:
        _, body = channel.receive()
        Surroundings.decode(body).adopt()
        runner = load_runner(payload_fd)
    except EOFError:
        return
    except BaseException:  # noqa: BLE001  importing the user's module may raise anything
        _give_up(channel, traceback.format_exc())
    serve(channel, runner)


def _give_up(channel: wire.Channel, why: str) -> NoReturn:
    channel.send(wire.BROKEN, why.encode())
    sys.exit(1)


if __name__ == "__main__":
    # Under -m this file is __main__; records that travel must come from the real module.
    from agcore.executor.worker import main as run_worker

    run_worker(int(sys.argv[1]), int(sys.argv[2]))
