"""Trials in worker processes of this machine: one thread, no sleep, nothing left behind.

A worker is its own session and process group, and the adoptive parent of whatever its train
function starts. It is reused for the next trial unless it failed, left processes behind,
grew, or has run many trials; with GPUs, or ``isolation='process'``, it runs one trial only.

A worker leaves by the steps of `Step`, each with its deadline: asked to stop, SIGTERM,
SIGKILL. Its slot is free when nothing of it is left.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from agcore.compat import require_posix
from agcore.errors import SpecError, WorkerLost
from agcore.executor import wire
from agcore.executor.guardian import Guardian
from agcore.executor.logs import LogTails
from agcore.executor.processes import has_pidfd, kill_each
from agcore.executor.resources import GpuPool, TrialResources, cpu_count, gpu_ids
from agcore.executor.shipping import pack, shared_memory
from agcore.executor.surroundings import Surroundings
from agcore.executor.worker_handle import Step, WorkerHandle
from agcore.jobs import Exited, Outcome, ReportReceived
from agcore.records import Action

if TYPE_CHECKING:
    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import ExecutorNews, Job
    from agcore.records import Decision

logger = logging.getLogger(__name__)

STOP_GRACE_S = 5.0
"""How long a trial that was told to stop may take to clean up."""
TERM_GRACE_S = 0.5
"""How long a process may take to follow SIGTERM."""
CLOSE_GRACE_S = 2.0
"""How long an idle worker may take to exit by itself."""
_SWEEP_S = 0.01
_LONGEST_SWEEP_S = 5.0
_POLL_S = 0.05

RECYCLE_TRIALS = 1000
"""Trials after which a worker is replaced, so that a slow leak cannot grow for ever ..."""
RECYCLE_AGE_S = 30.0
"""... but not sooner than this after its start, so that replacing costs below a percent."""
_GROWTH = 1.2
_GROWTH_KIB = 64 * 1024

Handler = Callable[[WorkerHandle, list["ExecutorNews"]], None]


class LocalExecutor:
    """Runs trials in worker processes of this machine.

    Args:
        resources: What each trial gets.
        num_workers: Trials at once; by default as many as CPUs and GPUs allow.
        isolation: ``'auto'`` reuses workers, ``'process'`` starts one for each trial.
        gpus: Ids of the GPUs to use, by default those this process can see.
        use_pidfd: Whether to wait on pidfds, by default where the system has them.

    Raises:
        SpecError: More GPUs per trial than there are, or this is Windows.
    """

    def __init__(
        self,
        resources: TrialResources | None = None,
        num_workers: int | None = None,
        *,
        isolation: str = "auto",
        gpus: tuple[str, ...] | None = None,
        use_pidfd: bool | None = None,
    ) -> None:
        require_posix("running trials in worker processes")
        if isolation not in ("auto", "process"):
            raise SpecError(f"isolation={isolation!r} must be 'auto' or 'process'")
        self._resources = resources or TrialResources()
        devices = gpu_ids() if gpus is None else gpus
        cpus = cpu_count()
        self._slots = self._resources.slots(cpus, devices, num_workers)
        self._threads = min(self._resources.num_cpus, cpus)
        self._gpus = GpuPool(devices)
        self._reuse = isolation == "auto" and not self._resources.num_gpus
        self._use_pidfd = has_pidfd() if use_pidfd is None else use_pidfd
        self._logs = LogTails()
        self._workers: set[WorkerHandle] = set()
        self._idle: list[WorkerHandle] = []
        self._leaving: set[WorkerHandle] = set()
        self._running: dict[int, WorkerHandle] = {}
        self._payload_fd = -1
        self._spawned = 0

    # -- the protocol ----------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """Number of trials that can run at once."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """Number of trials that could be submitted now."""
        return self._slots - len(self._workers) + len(self._idle)

    def open(self, task: TrialTask) -> None:
        """Get ready to run trials of ``task``; processes start with the first jobs."""
        self._payload_fd = shared_memory(pack(task))
        self._surroundings = Surroundings.of_this_process()
        self._run_tag = uuid.uuid4().hex
        self._guardian = Guardian(self._run_tag)
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._watch(self._wake_in, self._swallow_wake)

    def submit(self, job: Job) -> None:
        """Run one attempt of a trial in an idle worker or a new one."""
        worker = self._idle.pop() if self._idle else self._spawn()
        worker.trial_id = worker.last_trial = job.trial_id
        worker.trials += 1
        self._running[job.trial_id] = worker
        worker.send(wire.JOB, wire.encode_job(job))

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Wait for news, at most ``timeout_s`` seconds, and deliver it; or return without."""
        news: list[ExecutorNews] = []
        for key, _ in self._selector.select(self._patience(timeout_s)):
            handler, worker = key.data
            if worker is None or worker in self._workers:
                handler(worker, news)
        if not self._use_pidfd:
            for worker in [w for w in self._workers if w.has_ended()]:
                self._on_death(worker, news)
        if self._leaving:
            self._next_steps()
        if news:
            deliver(news)

    def wake(self) -> None:
        """Make a `wait` in progress return soon; safe in a signal handler."""
        try:
            self._wake_out.send(b"!")
        except BlockingIOError:
            return  # it has been woken often enough already

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report of a trial; one that is stopped has some seconds to clean up."""
        worker = self._running.get(trial_id)
        if worker is None:
            return
        if decision.action is Action.CONTINUE:
            worker.send(wire.GO_ON)
        else:
            worker.send(wire.END_NOW)
            self._set_step(worker, Step.ASKED, STOP_GRACE_S)

    def reject(self, trial_id: int, message: str) -> None:
        """Answer a report that breaks a rule: `ReportError` is raised at the user's line."""
        worker = self._running.get(trial_id)
        if worker is not None:
            worker.send(wire.REJECTED, message.encode())

    def kill(self, trial_id: int) -> None:
        """End a trial that may not be asked: SIGTERM to its group, SIGKILL soon after."""
        worker = self._running.get(trial_id)
        if worker is not None and worker.step in (Step.SERVING, Step.ASKED):
            worker.terminate()
            self._set_step(worker, Step.TERMINATED, TERM_GRACE_S)

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written to stdout and stderr."""
        return self._logs.read(trial_id)

    def close(self) -> None:
        """End everything that still runs; nothing is left behind. May be called twice."""
        if self._payload_fd < 0:
            return
        for worker in list(self._workers):
            self._close_or_kill(worker)
        while self._workers:
            self.wait(None, lambda _: None)
        self._guardian.dismiss()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        os.close(self._payload_fd)
        self._payload_fd = -1

    # -- workers come ----------------------------------------------------------------------

    def _spawn(self) -> WorkerHandle:
        self._spawned += 1
        gpus = self._gpus.take(self._resources.num_gpus)
        worker = WorkerHandle.spawn(
            self._payload_fd,
            self._threads,
            gpus,
            f"{self._run_tag}.{self._spawned}.",
            use_pidfd=self._use_pidfd,
        )
        self._guardian.add(worker.process.pid)
        self._workers.add(worker)
        self._watch(worker.socket, self._on_frames, worker)
        self._watch(worker.output, self._on_output, worker)
        if worker.pidfd is not None:
            self._watch(worker.pidfd, self._on_death, worker)
        worker.send(wire.JOB, self._surroundings.encode())
        return worker

    def _watch(
        self, source: socket.socket | int, handler: Handler, worker: WorkerHandle | None = None
    ) -> None:
        self._selector.register(source, selectors.EVENT_READ, (handler, worker))

    def _swallow_wake(self, _: WorkerHandle, __: list[ExecutorNews]) -> None:
        self._wake_in.recv(4096)

    # -- news of a worker ------------------------------------------------------------------

    def _on_frames(self, worker: WorkerHandle, news: list[ExecutorNews]) -> None:
        frames = worker.receive()
        if frames is None:
            self._selector.unregister(worker.socket)
        else:
            self._take(worker, frames, news)

    def _take(
        self, worker: WorkerHandle, frames: list[wire.Frame], news: list[ExecutorNews]
    ) -> None:
        for kind, body in frames:
            if kind == wire.REPORT:
                self._on_report(worker, body, news)
            elif kind == wire.ENDED:
                self._on_end(worker, wire.decode_end(body), news)
            else:
                raise WorkerLost(
                    "a worker process could not load the train function; what it imports must "
                    f"be importable there too\n{body.decode()}"
                )

    def _on_report(self, worker: WorkerHandle, body: bytes, news: list[ExecutorNews]) -> None:
        if worker.step is Step.SERVING and worker.trial_id is not None:
            news.append(ReportReceived(worker.trial_id, json.loads(body), time.time()))

    def _on_end(self, worker: WorkerHandle, frame: wire.EndFrame, news: list[ExecutorNews]) -> None:
        if worker.trial_id is None:
            return
        self._on_output(worker, news)
        end = frame.end
        asked = worker.step is not Step.SERVING
        outcome = Outcome(end.outcome)
        self._forget_trial(
            worker,
            Exited(
                worker.trial_id,
                Outcome.STOPPED if asked and outcome is Outcome.RETURNED else outcome,
                time.time(),
                end.error,
                end.traceback_text,
                evidence=end.evidence,
            ),
            news,
        )
        if worker.step in (Step.TERMINATED, Step.KILLED):
            return
        if frame.has_children:
            self._kill(worker)
        elif self._is_healthy(worker, outcome, frame.peak_kib):
            self._set_step(worker, Step.SERVING, None)
            self._idle.append(worker)
        else:
            self._close_or_kill(worker)

    def _is_healthy(self, worker: WorkerHandle, outcome: Outcome, peak_kib: int) -> bool:
        """Whether the worker may run another trial."""
        worker.baseline_kib = worker.baseline_kib or peak_kib
        grown = peak_kib > worker.baseline_kib * _GROWTH + _GROWTH_KIB
        failed = outcome not in (Outcome.RETURNED, Outcome.STOPPED)
        return self._reuse and not failed and not grown and not self._is_worn_out(worker)

    def _is_worn_out(self, worker: WorkerHandle) -> bool:
        return (
            worker.trials >= RECYCLE_TRIALS and time.monotonic() - worker.started_s >= RECYCLE_AGE_S
        )

    def _on_output(self, worker: WorkerHandle, _: list[ExecutorNews]) -> None:
        data = worker.read_output()
        if data:
            self._logs.write(worker.last_trial, data)
        elif data is None:
            self._stop_watching(worker.output)

    def _on_death(self, worker: WorkerHandle, news: list[ExecutorNews]) -> None:
        """The process has ended: take what it left, then see that nothing else is left."""
        if worker.step is Step.GONE or not worker.has_ended():
            return
        while frames := worker.receive():
            self._take(worker, frames, news)
        self._on_output(worker, news)
        if worker.trial_id is not None:
            self._forget_trial(worker, self._how_it_vanished(worker), news)
        for source in (worker.socket, worker.output, worker.pidfd):
            self._stop_watching(source)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.step = Step.GONE
        self._sweep(worker)

    def _how_it_vanished(self, worker: WorkerHandle) -> Exited:
        assert worker.trial_id is not None
        code = worker.process.returncode
        if worker.step is not Step.SERVING:
            return Exited(worker.trial_id, Outcome.STOPPED, time.time(), exit_code=code)
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        message = f"the worker process vanished ({cause})"
        return Exited(worker.trial_id, Outcome.VANISHED, time.time(), message, exit_code=code)

    def _forget_trial(self, worker: WorkerHandle, exited: Exited, news: list[ExecutorNews]) -> None:
        news.append(exited)
        del self._running[exited.trial_id]
        worker.trial_id = None

    # -- workers go ------------------------------------------------------------------------

    def _close_or_kill(self, worker: WorkerHandle) -> None:
        """Let a worker without a trial exit by itself; end any other."""
        if worker.step in (Step.TERMINATED, Step.KILLED, Step.GONE):
            return
        if worker.trial_id is not None:
            self._kill(worker)
            return
        if worker in self._idle:
            self._idle.remove(worker)
        if self._is_watched(worker.socket):
            worker.socket.shutdown(socket.SHUT_WR)
        self._set_step(worker, Step.CLOSING, CLOSE_GRACE_S)

    def _kill(self, worker: WorkerHandle) -> None:
        worker.kill()
        self._set_step(worker, Step.KILLED, TERM_GRACE_S)

    def _set_step(self, worker: WorkerHandle, step: Step, grace_s: float | None) -> None:
        worker.step = step
        if grace_s is None:
            worker.deadline_s = None
            self._leaving.discard(worker)
        else:
            worker.deadline_s = time.monotonic() + grace_s
            self._leaving.add(worker)

    def _next_steps(self) -> None:
        """Carry on with every worker whose deadline has passed."""
        now = time.monotonic()
        for worker in [w for w in self._leaving if w.deadline_s is not None]:
            if worker.deadline_s is None or worker.deadline_s > now:
                continue
            if worker.step is Step.ASKED:
                worker.terminate()
                self._set_step(worker, Step.TERMINATED, TERM_GRACE_S)
            elif worker.step is Step.GONE:
                self._sweep(worker)
            else:
                self._kill(worker)

    def _sweep(self, worker: WorkerHandle) -> None:
        """End what has outlived the worker; free the slot when nothing has."""
        left = worker.survivors()
        if left and worker.sweep_until_s is None:
            worker.sweep_until_s = time.monotonic() + _LONGEST_SWEEP_S
        if left and time.monotonic() < (worker.sweep_until_s or 0):
            kill_each(left)  # not by group: the leader is reaped, its number may be reused
            self._set_step(worker, Step.GONE, _SWEEP_S)
            return
        if left:
            logger.warning("processes %s of a trial could not be ended", sorted(left))
        self._leaving.discard(worker)
        self._workers.discard(worker)
        self._gpus.put_back(worker.gpus, self._resources.num_gpus)
        self._guardian.remove(worker.process.pid)
        worker.close()

    # -- waiting ---------------------------------------------------------------------------

    def _patience(self, timeout_s: float | None) -> float | None:
        """How long to wait when ``timeout_s`` is what the caller allows."""
        limits = [] if timeout_s is None else [max(timeout_s, 0.0)]
        if self._leaving:
            now = time.monotonic()
            limits += [max(w.deadline_s - now, 0) for w in self._leaving if w.deadline_s]
        if not self._use_pidfd and self._workers:
            limits.append(_POLL_S)
        return min(limits, default=None)

    def _is_watched(self, source: socket.socket | int) -> bool:
        try:
            self._selector.get_key(source)
        except (KeyError, ValueError):
            return False
        return True

    def _stop_watching(self, source: socket.socket | int | None) -> None:
        if source is not None and self._is_watched(source):
            self._selector.unregister(source)
