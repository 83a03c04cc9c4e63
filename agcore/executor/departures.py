"""How workers leave: by the steps of `Step`, each with its deadline."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agcore.executor.guard import kill_each, tagged_processes
from agcore.executor.processes import families
from agcore.executor.worker_handle import Step, WorkerHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

_SWEEP_S = 0.01
_GIVE_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class GracePeriods:
    """How long a worker may take for each step on its way out.

    Attributes:
        stop_s: To clean up after a trial that was told to stop.
        term_s: To follow SIGTERM.
        close_s: To exit by itself when there is no trial for it.
    """

    stop_s: float = 5.0
    term_s: float = 0.5
    close_s: float = 2.0


class Departures:
    """The workers on their way out: asked, sent SIGTERM, sent SIGKILL, then swept up after.

    Args:
        grace: How long each step may take.
        tag: What the tags of all workers have in common.
    """

    def __init__(self, grace: GracePeriods, tag: str) -> None:
        self._grace = grace
        self._tag = tag
        self._leaving: set[WorkerHandle] = set()

    def __bool__(self) -> bool:
        return bool(self._leaving)

    def ask(self, worker: WorkerHandle) -> None:
        """Its trial has been told to stop."""
        worker.is_told_to_end = True
        self._set_step(worker, Step.ASKED, self._grace.stop_s)

    def terminate(self, worker: WorkerHandle) -> None:
        """End its trial without asking: SIGTERM with the next `carry_on`."""
        worker.is_told_to_end = True
        self._set_step(worker, Step.ASKED, 0)

    def kill(self, worker: WorkerHandle) -> None:
        """End it: SIGKILL with the next `carry_on`."""
        self._set_step(worker, Step.TERMINATED, 0)

    def let_go(self, worker: WorkerHandle) -> None:
        """It may exit by itself, for it has no trial or cannot speak of it any more."""
        worker.let_go()
        self._set_step(worker, Step.CLOSING, self._grace.close_s)

    def stay(self, worker: WorkerHandle) -> None:
        """Its trial has ended and it may serve another."""
        worker.is_told_to_end = False
        worker.step = Step.SERVING
        worker.deadline_s = None
        self._leaving.discard(worker)

    def mourn(self, worker: WorkerHandle) -> None:
        """Its process has ended; `carry_on` will look for what it has left."""
        self._set_step(worker, Step.GONE, 0)

    def seconds_left(self) -> Iterator[float]:
        """How long until the next step of each."""
        now = time.monotonic()
        for worker in self._leaving:
            if worker.deadline_s is not None:
                yield max(worker.deadline_s - now, 0.0)

    def carry_on(self) -> list[WorkerHandle]:
        """Take the next step where a deadline has passed; those with whom we are done.

        One look at the processes of this machine serves all who are due.
        """
        now = time.monotonic()
        due = [w for w in self._leaving if w.deadline_s is not None and w.deadline_s <= now]
        gone = [worker for worker in due if worker.step is Step.GONE]
        living = [worker for worker in due if worker.step is not Step.GONE]
        tagged = tagged_processes(self._tag) if gone else []
        done = [worker for worker in gone if self._sweep(worker, tagged, now)]
        if living:
            done += self._send_signals(living, now)
        self._leaving.difference_update(done)
        return done

    def _send_signals(self, workers: list[WorkerHandle], now: float) -> list[WorkerHandle]:
        """SIGTERM to the workers that were asked in vain, SIGKILL to others; those given up."""
        # Who dies of the signal leaves orphans that nothing else may connect with its trial.
        found = families(worker.process.pid for worker in workers)
        given_up = []
        for worker in workers:
            worker.family += found[worker.process.pid]
            if worker.step is Step.ASKED:
                worker.terminate()
                self._set_step(worker, Step.TERMINATED, self._grace.term_s)
            elif self._gives_up(worker, now, {worker.process.pid}):
                given_up.append(worker)
            else:
                worker.kill()
                self._set_step(worker, Step.KILLED, self._grace.term_s)
        return given_up

    def _sweep(self, worker: WorkerHandle, tagged: list[int], now: float) -> bool:
        """End what has outlived a worker; whether we are done with it."""
        left = worker.survivors(tagged)
        if not left or self._gives_up(worker, now, left):
            return True
        kill_each(left)  # not by group: the leader is reaped, its number may be reused
        self._set_step(worker, Step.GONE, _SWEEP_S)
        return False

    def _gives_up(self, worker: WorkerHandle, now: float, left: set[int]) -> bool:
        """Whether SIGKILL has been tried for long enough: a process may hang in the kernel."""
        if worker.give_up_s is None:
            worker.give_up_s = now + _GIVE_UP_S
        if now < worker.give_up_s:
            return False
        logger.warning("processes %s of a trial could not be ended", sorted(left))
        return True

    def _set_step(self, worker: WorkerHandle, step: Step, grace_s: float) -> None:
        worker.step = step
        worker.deadline_s = time.monotonic() + grace_s
        self._leaving.add(worker)
