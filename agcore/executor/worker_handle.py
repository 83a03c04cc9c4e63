"""The scheduler's side of one worker process."""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

from agcore.executor import wire
from agcore.executor.processes import kill_tree, signal_group, survivors
from agcore.executor.surroundings import worker_environment

_CHUNK = 1 << 16
_MOST_AT_ONCE = 16 * _CHUNK


class Step(enum.Enum):
    """How far a worker is on its way out; each step but the first two has a deadline."""

    SERVING = "serves trials"
    ASKED = "was told to end its trial"
    CLOSING = "has finished and may exit by itself"
    TERMINATED = "was sent SIGTERM"
    KILLED = "was sent SIGKILL"
    GONE = "has ended; its slot is free"


@dataclass(slots=True, eq=False)
class WorkerHandle:
    """One worker process and what the executor knows of it.

    Attributes:
        process: The process; leader of its own session and process group.
        socket: Jobs and answers out, reports and ends in.
        output: Read end of the pipe behind the worker's stdout and stderr.
        tag: Marks all that descends from this worker.
        pidfd: Readable when the process has ended, or None where there is no such thing.
        gpus: Devices it holds.
        trial_id: The trial it runs, or None.
        last_trial: The trial whose output is being read.
        step: How far it is on its way out.
        deadline_s: When the next step follows (monotonic clock), or None.
        started_s: When it was started (monotonic clock).
        trials: Number of trials it has been given.
        baseline_kib: Peak memory after its first trial.
        sweep_until_s: When to give up on processes that outlive it, or None.
        frames: Cuts what comes in into frames.
    """

    process: subprocess.Popen[bytes]
    socket: socket.socket
    output: int
    tag: str
    pidfd: int | None
    gpus: tuple[str, ...] = ()
    trial_id: int | None = None
    last_trial: int = -1
    step: Step = Step.SERVING
    deadline_s: float | None = None
    started_s: float = field(default_factory=time.monotonic)
    trials: int = 0
    baseline_kib: int = 0
    sweep_until_s: float | None = None
    frames: wire.FrameBuffer = field(default_factory=wire.FrameBuffer)

    @classmethod
    def spawn(
        cls, payload_fd: int, threads: int, gpus: tuple[str, ...], tag: str, *, use_pidfd: bool
    ) -> WorkerHandle:
        """Start a worker process; it waits for its surroundings, then for jobs."""
        ours, theirs = socket.socketpair()
        output, output_end = os.pipe()
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "agcore.executor.worker",
                    str(theirs.fileno()),
                    str(payload_fd),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), payload_fd),
                start_new_session=True,
                env=worker_environment(threads, tag, gpus),
            )
        except BaseException:
            ours.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(output_end)
        os.set_blocking(output, False)
        pidfd = os.pidfd_open(process.pid) if use_pidfd else None
        return cls(process, ours, output, tag, pidfd, gpus)

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send a frame; a worker that is gone shows itself by other means."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(wire.encode(kind, body))

    def receive(self) -> list[wire.Frame] | None:
        """The frames that have come in, or None if the worker has closed its end."""
        try:
            data = self.socket.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        return self.frames.feed(data) if data else None

    def read_output(self) -> bytes | None:
        """What the worker has printed so far, or None if nobody can print any more.

        At most what a pipe holds: whoever prints without end must not hold up the others.
        """
        parts: list[bytes] = []
        while len(parts) * _CHUNK < _MOST_AT_ONCE:
            try:
                data = os.read(self.output, _CHUNK)
            except BlockingIOError:
                break
            if not data:
                return b"".join(parts) or None
            parts.append(data)
        return b"".join(parts)

    def has_ended(self) -> bool:
        """Whether the process has ended (and, if so, reap it)."""
        return self.process.poll() is not None

    def terminate(self) -> None:
        """Ask the whole group to end."""
        signal_group(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and all that it has started."""
        kill_tree(self.process.pid, self.tag)

    def survivors(self) -> set[int]:
        """Processes that outlived the worker."""
        return survivors(self.process.pid, self.tag)

    def close(self) -> None:
        """Release what this process holds of the worker."""
        self.socket.close()
        os.close(self.output)
        if self.pidfd is not None:
            os.close(self.pidfd)
