"""The worker process: loads the train function once, then runs one attempt after another.

Started as ``python -m agcore.executor.worker SOCKET PAYLOAD`` with two inherited file
descriptors. Whatever the train function does, the scheduler learns how the attempt ended:
from an ENDED frame, or from the end of this process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import socket
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from agcore.executor import wire
from agcore.executor.attempt import AttemptRunner
from agcore.executor.leftovers import Housekeeping
from agcore.executor.seeding import TrialSeeder
from agcore.executor.shipping import unpack
from agcore.executor.surroundings import Surroundings, loading
from agcore.reporter import END_NOW, GO_ON, Answer

if TYPE_CHECKING:
    from agcore.reporter import Report, Verdict

_VERDICTS = {wire.GO_ON: GO_ON, wire.END_NOW: END_NOW}


def serve(channel: wire.Channel, runner: AttemptRunner) -> None:
    """Run jobs until the scheduler closes the socket."""

    def exchange(report: Report) -> Verdict:
        try:
            kind, body = channel.ask(*wire.encode_report(report))
        except (EOFError, ConnectionError) as error:
            _leave(error)  # without a scheduler there is nothing left to run for
        verdict = _VERDICTS.get(kind)
        return verdict if verdict is not None else Answer(True, error=body.decode())

    housekeeping = Housekeeping()
    while True:
        end = runner.run(wire.decode_job(channel.receive_job()), exchange)
        is_clean = housekeeping.tidy_up()
        frame = wire.EndFrame(end, housekeeping.memory_kib(), is_clean)
        channel.send(wire.ENDED, wire.encode_end(frame))


def load_runner(payload_fd: int) -> AttemptRunner:
    """The task in the shared memory behind ``payload_fd``, ready to run."""
    with mmap.mmap(payload_fd, 0, access=mmap.ACCESS_READ) as shared, memoryview(shared) as view:
        task = unpack(view)
    os.close(payload_fd)
    seeder = TrialSeeder()
    seeder.install()
    return AttemptRunner(task, seeder.seed)


def main(socket_fd: int, payload_fd: int) -> None:
    """Entry point of the worker process."""
    # What kills the interpreter outright leaves at least a traceback in the trial's log.
    faulthandler.enable()
    # Lines of stdout and stderr go into one pipe; this keeps them in the order of printing.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
    sock = socket.socket(fileno=socket_fd)
    sock.set_inheritable(False)  # no program that a trial starts shall hold it
    channel = wire.Channel(sock)
    try:
        surroundings = Surroundings.decode(channel.receive_job())
        serve(channel, _prepare(channel, surroundings, payload_fd))
    except EOFError:
        return  # no more jobs
    except ConnectionError as error:
        _leave(error)


def _prepare(channel: wire.Channel, surroundings: Surroundings, payload_fd: int) -> AttemptRunner:
    try:
        surroundings.adopt()
        with loading():
            return load_runner(payload_fd)
    except BaseException:  # noqa: BLE001  importing the user's module may raise anything
        _give_up(channel, traceback.format_exc())


def _give_up(channel: wire.Channel, why: str) -> NoReturn:
    sys.stdout.flush()
    channel.send(wire.BROKEN, why.encode(errors="backslashreplace"))
    os._exit(1)


def _leave(why: Exception) -> NoReturn:
    with contextlib.suppress(Exception):
        print(f"this worker process ends: {why}", file=sys.stderr)  # noqa: T201  into the log
        sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    # Under -m this file is __main__; records that travel must come from the real module.
    from agcore.executor.worker import main as run_worker

    run_worker(int(sys.argv[1]), int(sys.argv[2]))
