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
from typing import TYPE_CHECKING

from agcore.executor import wire
from agcore.executor.guard import carries
from agcore.executor.processes import kill_tree, signal_group, survivors
from agcore.executor.surroundings import home_folder, worker_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

_CHUNK = 1 << 16
_MOST_AT_ONCE = 16 * _CHUNK
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Step(enum.Enum):
    """How far a worker is on its way out; each step but the first has a deadline."""

    SERVING = "serves trials"
    ASKED = "was told to end its trial"
    CLOSING = "has finished and may exit by itself"
    TERMINATED = "was sent SIGTERM"
    KILLED = "was sent SIGKILL"
    GONE = "has ended; what it has started may still run"


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
        is_told_to_end: Whether its trial ends because somebody wanted it to.
        step: How far it is on its way out.
        deadline_s: When the next step follows (monotonic clock), or None.
        started_s: When it was started (monotonic clock).
        trials: Number of trials it has been given.
        baseline_kib: Memory after its first trial.
        give_up_s: When to give up on what does not follow SIGKILL, or None.
        family: Processes it had started when it was last sent a signal.
        frames: Cuts what comes in into frames.
        peak_bytes: The most memory it has held, once it has ended.
    """

    process: subprocess.Popen[bytes]
    socket: socket.socket
    output: int
    tag: str
    pidfd: int | None
    gpus: tuple[str, ...] = ()
    trial_id: int | None = None
    last_trial: int = -1
    is_told_to_end: bool = False
    step: Step = Step.SERVING
    deadline_s: float | None = None
    started_s: float = field(default_factory=time.monotonic)
    trials: int = 0
    baseline_kib: int = 0
    give_up_s: float | None = None
    family: list[psutil.Process] = field(default_factory=list)
    frames: wire.FrameBuffer = field(default_factory=wire.FrameBuffer)
    peak_bytes: int = 0

    @classmethod
    def spawn(
        cls, payload_fd: int, threads: int, gpus: tuple[str, ...], tag: str, *, use_pidfd: bool
    ) -> WorkerHandle:
        """Start a worker process; it waits for its surroundings, then for jobs."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            near, far = socket.socketpair()
            ours.callback(near.close)
            theirs.callback(far.close)
            output, output_end = os.pipe()
            ours.callback(os.close, output)
            theirs.callback(os.close, output_end)
            os.set_blocking(output, False)
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "agcore.executor.worker",
                    str(far.fileno()),
                    str(payload_fd),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=subprocess.STDOUT,
                pass_fds=(far.fileno(), payload_fd),
                start_new_session=True,
                env=worker_environment(threads, tag, gpus),
                # Before PYTHONSAFEPATH existed, -m looked for modules here first.
                cwd=home_folder() if sys.version_info < (3, 11) else None,
            )
            ours.callback(process.wait)
            ours.callback(process.kill)
            pidfd = os.pidfd_open(process.pid) if use_pidfd else None
            ours.pop_all()
        return cls(process, near, output, tag, pidfd, gpus)

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send a frame; a worker that is gone shows itself by other means."""
        try:
            self.socket.sendall(wire.encode(kind, body))
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> list[wire.Frame] | None:
        """The frames that have come in, or None if the worker has closed its end.

        No frame may be complete although some bytes have come.
        """
        try:
            data = self.socket.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        return self.frames.feed(data) if data else None

    def receive_all(self) -> list[wire.Frame]:
        """The frames that a process which has ended has left in the socket."""
        frames: list[wire.Frame] = []
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while data := self.socket.recv(_CHUNK, socket.MSG_DONTWAIT):
                frames += self.frames.feed(data)
        return frames

    def read_output(self) -> bytes | None:
        """What the worker has printed so far, or None if nobody can print any more.

        At most some times what a pipe holds: whoever prints without end must not hold up the
        others.
        """
        try:
            data = os.read(self.output, _CHUNK)
            if len(data) < _CHUNK:
                return data or None
        except BlockingIOError:
            return b""
        parts = [data]
        with contextlib.suppress(BlockingIOError):
            while len(parts) * _CHUNK < _MOST_AT_ONCE and parts[-1]:
                parts.append(os.read(self.output, _CHUNK))
        return b"".join(parts)

    def has_ended(self) -> bool:
        """Whether the process has ended (and, if so, reap it)."""
        process = self.process
        if process.returncode is None:
            # poll() would throw away what the process has used.
            with contextlib.suppress(ChildProcessError):
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    self.peak_bytes = usage.ru_maxrss * _MAXRSS_UNIT
        return process.poll() is not None

    def let_go(self) -> None:
        """Tell the worker, which has no trial, that there will be none."""
        with contextlib.suppress(OSError):  # it may have gone by itself
            self.socket.shutdown(socket.SHUT_WR)

    def terminate(self) -> None:
        """Ask the whole group to end."""
        signal_group(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and all that it has started, as far as it is known."""
        kill_tree(self.process.pid, self.family)

    def survivors(self, tagged: Iterable[int]) -> set[int]:
        """Processes that outlived the worker.

        Args:
            tagged: All processes that carry the tag of the run.
        """
        ours = [pid for pid in tagged if carries(pid, self.tag)]
        return survivors(self.process.pid, ours, self.family)

    def cause_of_death(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        if code is None:
            return "it hangs and cannot be ended"
        if code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:  # a real-time signal
            return f"signal {-code}"

    def close(self) -> None:
        """Release what this process holds of the worker."""
        self.socket.close()
        os.close(self.output)
        if self.pidfd is not None:
            os.close(self.pidfd)
