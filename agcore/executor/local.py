"""Trials in worker processes of this machine: one thread, no sleep, nothing left behind.

A worker is its own session and process group, and the adoptive parent of whatever its train
function starts. It is reused for the next trial unless it failed, left processes behind,
grew, or has run many trials; with GPUs, or ``isolation='process'``, it runs one trial only.

A worker leaves by the steps of `Step`, each with its deadline: asked to stop, SIGTERM,
SIGKILL (`Departures`). Its slot is free when nothing of it is left.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from agcore.compat import require_posix
from agcore.errors import SpecError, WorkerLost
from agcore.executor import wire
from agcore.executor.departures import Departures, GracePeriods
from agcore.executor.guardian import Guardian
from agcore.executor.held_back import HeldBackInterrupts
from agcore.executor.logs import LogTails, TrialLogs, trial_logs
from agcore.executor.memory import MemoryWatch
from agcore.executor.processes import has_pidfd
from agcore.executor.resources import GpuPool, TrialResources, cpu_count, gpu_ids
from agcore.executor.shipping import pack, shared_memory
from agcore.executor.surroundings import Surroundings
from agcore.executor.worker_handle import Step, WorkerHandle
from agcore.jobs import Exited, Outcome, wall_time_s
from agcore.records import Action

if TYPE_CHECKING:
    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import ExecutorNews, Job
    from agcore.records import Decision

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
        grace: How long a worker may take to leave.
        use_pidfd: Whether to wait on pidfds, by default where the system has them.
        use_death_signal: Whether the kernel kills a worker whose scheduler has died; without
            that signal, or on a system that has none, the guard process alone does.
        memory: Tells which kills were for memory; by default from the kernel's counts.

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
        grace: GracePeriods | None = None,
        use_pidfd: bool | None = None,
        use_death_signal: bool = True,
        memory: MemoryWatch | None = None,
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
        self._grace = grace or GracePeriods()
        self._use_pidfd = has_pidfd() if use_pidfd is None else use_pidfd
        self._use_death_signal = use_death_signal
        self._logs: TrialLogs = LogTails()
        self._memory = memory or MemoryWatch()
        self._workers: set[WorkerHandle] = set()
        self._idle: list[WorkerHandle] = []
        self._running: dict[int, WorkerHandle] = {}
        self._spawned = 0
        self._is_open = False
        self._wake_out: socket.socket | None = None

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
        """Get ready to run trials of ``task``; processes start with the first jobs.

        Raises:
            SpecError: The task cannot be pickled, or another run uses this executor.
        """
        if self._is_open:
            raise SpecError("this executor runs trials already; make one for each run at a time")
        with contextlib.ExitStack() as held:
            self._payload_fd = shared_memory(pack(task))
            held.callback(os.close, self._payload_fd)
            self._surroundings = Surroundings.of_this_process(
                use_death_signal=self._use_death_signal
            )
            self._selector = held.enter_context(selectors.DefaultSelector())
            self._wake_in, wake_out = map(held.enter_context, socket.socketpair())
            self._wake_in.setblocking(False)
            wake_out.setblocking(False)
            self._watch(self._wake_in, self._swallow_wake)
            self._logs = trial_logs(task.folders, self._logs)
            self._run_tag = uuid.uuid4().hex
            self._departures = Departures(self._grace, self._run_tag)
            self._broken = ""
            self._guardian = Guardian(self._run_tag, _to_be_removed(task))
            self._wake_out = wake_out
            self._owner = os.getpid()
            self._is_open = True
            self._held = held.pop_all()

    def submit(self, job: Job) -> None:
        """Run one attempt of a trial in an idle worker or a new one.

        Raises:
            RuntimeError: There is no free slot.
        """
        if self._idle:
            worker = self._idle.pop()
        elif self._is_open and self.free_slots > 0:
            worker = self._spawn()
        else:
            raise RuntimeError("submit needs an open executor and a free slot")
        worker.trial_id = worker.last_trial = job.trial_id
        worker.trials += 1
        self._running[job.trial_id] = worker
        worker.send(wire.JOB, wire.encode_job(job))

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Wait for news, at most ``timeout_s`` seconds, and deliver it; or return without.

        Raises:
            WorkerLost: No worker can load the train function.
        """
        news = self._turn(timeout_s)
        if news:
            deliver(news)
        if self._broken:
            raise WorkerLost(
                "a worker process could not load the train function; what it imports must be "
                f"importable there too\n{self._broken}"
            )

    def wake(self) -> None:
        """Make a `wait` in progress return soon; safe in a signal handler."""
        wake_out = self._wake_out
        if wake_out is not None:
            with contextlib.suppress(OSError):  # woken often enough, or closed meanwhile
                wake_out.send(b"!")

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report of a trial; one that is stopped has some seconds to clean up."""
        worker = self._running.get(trial_id)
        if worker is None:
            return
        if decision.action is Action.CONTINUE:
            worker.send(wire.GO_ON)
        else:
            worker.send(wire.END_NOW)
            self._departures.ask(worker)

    def reject(self, trial_id: int, message: str) -> None:
        """Answer a report that breaks a rule: `ReportError` is raised at the user's line."""
        worker = self._running.get(trial_id)
        if worker is not None:
            worker.send(wire.REJECTED, message.encode())

    def kill(self, trial_id: int) -> None:
        """End a trial that may not be asked: SIGTERM to its group, SIGKILL soon after."""
        worker = self._running.get(trial_id)
        if worker is not None and worker.step in (Step.SERVING, Step.ASKED, Step.CLOSING):
            self._departures.terminate(worker)

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written to stdout and stderr."""
        return self._logs.read(trial_id)

    def close(self) -> None:
        """End everything that still runs; nothing is left behind. May be called twice.

        Raises:
            KeyboardInterrupt: Ctrl-C meanwhile. Everything has been ended, the sooner for it.
        """
        with HeldBackInterrupts(self.wake) as interrupts:
            if not self._is_open:
                return
            self._is_open = False
            try:
                # A child that this process has forked closes nothing but its own copies.
                if os.getpid() == self._owner:
                    self._end_workers(interrupts)
            finally:
                self._let_go_of_everything()

    def _end_workers(self, interrupts: HeldBackInterrupts) -> None:
        for worker in self._workers:
            self._send_away(worker)
        is_patient = True
        while self._workers:
            self._turn(None)
            if interrupts.seen and is_patient:
                is_patient = False
                for worker in self._workers:
                    if worker.step not in (Step.KILLED, Step.GONE):
                        self._departures.kill(worker)
        self._guardian.dismiss()

    def _let_go_of_everything(self) -> None:
        # If workers are left, the guard finds its pipe closed and ends them.
        self._guardian.let_go()
        self._wake_out = None
        self._held.close()
        for worker in self._workers:
            self._gpus.put_back(worker.gpus, self._resources.num_gpus)
            worker.close()
        self._workers.clear()
        self._idle.clear()
        self._running.clear()

    # -- waiting ---------------------------------------------------------------------------

    def _turn(self, timeout_s: float | None) -> list[ExecutorNews]:
        """What has come in within ``timeout_s`` seconds."""
        news: list[ExecutorNews] = []
        for key, _ in self._selector.select(self._patience(timeout_s)):
            handler, worker = key.data
            handler(worker, news)
        if not self._use_pidfd:
            for worker in self._workers:
                self._on_death(worker, news)
        if self._departures:
            for worker in self._departures.carry_on():
                self._release(worker, news)
        return news

    def _patience(self, timeout_s: float | None) -> float | None:
        """How long to wait when ``timeout_s`` is what the caller allows."""
        if timeout_s is None and self._use_pidfd and not self._departures:
            return None
        limits = [] if timeout_s is None else [max(timeout_s, 0.0)]
        if self._departures:
            limits += self._departures.seconds_left()
        if not self._use_pidfd and self._workers:
            limits.append(_POLL_S)
        return min(limits, default=None)

    def _watch(
        self, source: socket.socket | int, handler: Handler, worker: WorkerHandle | None = None
    ) -> None:
        self._selector.register(source, selectors.EVENT_READ, (handler, worker))

    def _stop_watching(self, *sources: socket.socket | int | None) -> None:
        watched = self._selector.get_map()
        for source in sources:
            if source is not None and source in watched:
                self._selector.unregister(source)

    def _swallow_wake(self, _: WorkerHandle, __: list[ExecutorNews]) -> None:
        self._wake_in.recv(4096)

    # -- workers come and go ---------------------------------------------------------------

    def _spawn(self) -> WorkerHandle:
        self._spawned += 1
        gpus = self._gpus.take(self._resources.num_gpus)
        try:
            worker = WorkerHandle.spawn(
                self._payload_fd,
                self._threads,
                gpus,
                f"{self._run_tag}.{self._spawned}.",
                use_pidfd=self._use_pidfd,
            )
        except BaseException:
            self._gpus.put_back(gpus, self._resources.num_gpus)
            raise
        self._workers.add(worker)
        self._guardian.add(worker.process.pid)
        self._watch(worker.socket, self._on_frames, worker)
        self._watch(worker.output, self._on_output, worker)
        if worker.pidfd is not None:
            self._watch(worker.pidfd, self._on_death, worker)
        worker.send(wire.JOB, self._surroundings.encode())
        return worker

    def _send_away(self, worker: WorkerHandle) -> None:
        """Let a worker without a trial exit by itself; end any other.

        Ctrl-C may have cut off what was being done with it, so nothing is taken for granted.
        """
        self._leave_idle(worker)
        if worker.step is Step.GONE:
            self._departures.mourn(worker)
        elif worker.trial_id is None and worker.step in (Step.SERVING, Step.CLOSING):
            self._departures.let_go(worker)
        else:
            self._departures.kill(worker)

    def _leave_idle(self, worker: WorkerHandle) -> None:
        if worker in self._idle:
            self._idle.remove(worker)

    def _release(self, worker: WorkerHandle, news: list[ExecutorNews]) -> None:
        """Nothing is left of a worker, or nothing can be done about it: its slot is free."""
        if worker.trial_id is not None:
            self._forget_trial(worker, self._how_it_vanished(worker, worker.trial_id), news)
        self._stop_watching(worker.socket, worker.output, worker.pidfd)
        self._workers.discard(worker)
        self._gpus.put_back(worker.gpus, self._resources.num_gpus)
        self._guardian.remove(worker.process.pid)
        worker.close()

    # -- news of a worker ------------------------------------------------------------------

    def _on_frames(self, worker: WorkerHandle, news: list[ExecutorNews]) -> None:
        frames = worker.receive()
        if frames is not None:
            self._take(worker, frames, news)
            return
        self._stop_watching(worker.socket)
        if worker.step in (Step.SERVING, Step.ASKED):
            # It is about to end. If not, it has closed its files and cannot say anything more.
            self._leave_idle(worker)
            self._departures.let_go(worker)

    def _take(
        self, worker: WorkerHandle, frames: list[wire.Frame], news: list[ExecutorNews]
    ) -> None:
        for kind, body in frames:
            if kind in (wire.REPORT, wire.REPORT_NOT_FINITE):
                self._on_report(worker, kind, body, news)
            elif kind == wire.ENDED:
                self._on_end(worker, wire.decode_end(body), news)
            else:
                self._on_broken(worker, body)

    def _on_broken(self, worker: WorkerHandle, body: bytes) -> None:
        """Its trial has not begun, and none ever will: `wait` raises."""
        self._broken = body.decode()
        if worker.trial_id is not None:
            del self._running[worker.trial_id]
            worker.trial_id = None

    def _on_report(
        self, worker: WorkerHandle, kind: int, body: bytes, news: list[ExecutorNews]
    ) -> None:
        if worker.is_told_to_end or worker.trial_id is None:
            return
        try:
            news.append(wire.decode_report(kind, worker.trial_id, body, wall_time_s()))
        except (ValueError, RecursionError) as error:
            worker.send(wire.REJECTED, f"the scheduler cannot read the report: {error}".encode())

    def _on_end(self, worker: WorkerHandle, frame: wire.EndFrame, news: list[ExecutorNews]) -> None:
        if worker.trial_id is None:
            return
        self._on_output(worker, news)
        end = frame.end
        outcome = Outcome(end.outcome)
        if worker.is_told_to_end and outcome is Outcome.RETURNED:
            outcome = Outcome.STOPPED
        exited = Exited(
            worker.trial_id,
            outcome,
            wall_time_s(),
            end.error,
            end.traceback_text,
            evidence=end.evidence,
        )
        self._forget_trial(worker, exited, news)
        if worker.step in (Step.KILLED, Step.GONE):
            return
        if worker.step is Step.TERMINATED or not frame.is_clean:
            self._departures.kill(worker)
        elif self._is_healthy(worker, outcome, frame.memory_kib):
            if worker.step is not Step.SERVING:
                self._departures.stay(worker)
            self._idle.append(worker)
        else:
            self._departures.let_go(worker)

    def _is_healthy(self, worker: WorkerHandle, outcome: Outcome, memory_kib: int) -> bool:
        """Whether the worker may run another trial."""
        worker.baseline_kib = worker.baseline_kib or memory_kib
        grown = memory_kib > worker.baseline_kib * _GROWTH + _GROWTH_KIB
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
        """If the process has ended, take what it left; what it has started is ended next."""
        if worker.step is Step.GONE or not worker.has_ended():
            return
        self._take(worker, worker.receive_all(), news)
        self._on_output(worker, news)
        if worker.trial_id is not None:
            self._forget_trial(worker, self._how_it_vanished(worker, worker.trial_id), news)
        self._stop_watching(worker.socket, worker.output, worker.pidfd)
        self._leave_idle(worker)
        self._departures.mourn(worker)

    def _how_it_vanished(self, worker: WorkerHandle, trial_id: int) -> Exited:
        code = worker.process.returncode
        if worker.is_told_to_end:
            return Exited(trial_id, Outcome.STOPPED, wall_time_s(), exit_code=code)
        message = f"the worker process vanished ({worker.cause_of_death()})"
        evidence = self._memory.evidence(code, worker.peak_bytes)
        outcome = Outcome.OUT_OF_MEMORY if evidence else Outcome.VANISHED
        return Exited(trial_id, outcome, wall_time_s(), message, exit_code=code, evidence=evidence)

    def _forget_trial(self, worker: WorkerHandle, exited: Exited, news: list[ExecutorNews]) -> None:
        news.append(exited)
        del self._running[exited.trial_id]
        worker.trial_id = None


def _to_be_removed(task: TrialTask) -> str:
    """The folder that must not outlive the run, or an empty string."""
    folders = task.folders
    return str(folders.root) if folders is not None and folders.is_temporary else ""
