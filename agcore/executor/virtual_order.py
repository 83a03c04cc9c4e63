"""Deterministic runs: the same order of reports on any number of workers.

A run of K logical workers is defined in virtual time: a report costs the resource it has
gained, the end of a function costs 1, the end of a trial that was told to end costs nothing.
Reports are handed over in the order of their virtual times, ties by trial id, whatever order
they really came in. So what the scheduler sees, and with it every decision and every config,
does not depend on how many workers there are or how fast they run.

K trials are alive; at most W of them compute while the others wait in ``reporter``. What that
costs is time in which a worker has nothing to do because the next report in virtual order is
still being computed elsewhere; `VirtualOrder.idle_s` adds it up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agcore.jobs import Exited, Outcome, ReportReceived, Resume, wall_time_s
from agcore.records import Action, Decided, Reported, TrialEnded, TrialStarted, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agcore.executor.base import Deliver, Executor, TrialTask
    from agcore.jobs import ExecutorNews, Job
    from agcore.records import Decision, Event


class VirtualTimes:
    """When, in virtual time, each running trial has last been heard of.

    Attributes:
        now: Virtual time of the run: that of the last thing handed over.
    """

    def __init__(self) -> None:
        self.now = 0
        self._at: dict[int, int] = {}
        self._resource: dict[int, int] = {}

    def started(self, trial_id: int, resume_from: int = 0) -> None:
        """A trial was started; one that was cut off goes on at its own time."""
        self._at.setdefault(trial_id, self.now)
        self._resource.setdefault(trial_id, resume_from)

    def reported(self, trial_id: int, resource: int) -> None:
        """A report was handed over and accepted."""
        self.now = self._at[trial_id] = self.of_report(trial_id, resource)
        self._resource[trial_id] = resource

    def ended(self, trial_id: int) -> None:
        """A trial has ended without being told to."""
        self.now = self._at[trial_id] = self.at(trial_id) + 1

    def left(self, trial_id: int) -> None:
        """A trial has ended as it was told to; if it is promoted, that is at a later time."""
        del self._at[trial_id]

    def at(self, trial_id: int) -> int:
        """When a trial was last heard of."""
        return self._at[trial_id]

    def known(self, trial_id: int) -> int:
        """Resource up to which a trial's reports have been handed over; 0 for a new one."""
        return self._resource.get(trial_id, 0)

    def of_report(self, trial_id: int, resource: int) -> int:
        """The virtual time of a report that is yet to be handed over."""
        return self._at[trial_id] + max(resource - self._resource[trial_id], 1)

    def replay(self, events: Iterable[Event]) -> None:
        """Take the times from the record of a run."""
        stopped = set()
        for event in events:
            if isinstance(event, TrialStarted):
                self.started(event.trial_id, event.resume_from)
            elif isinstance(event, Reported):
                self.reported(event.trial_id, event.resource)
            elif isinstance(event, Decided) and event.decision.action is not Action.CONTINUE:
                stopped.add(event.trial_id)
            elif isinstance(event, TrialEnded):
                if event.trial_id in stopped:
                    stopped.remove(event.trial_id)
                    self.left(event.trial_id)
                elif event.state is not TrialState.INTERRUPTED:
                    self.ended(event.trial_id)


class VirtualOrder:
    """Another executor, its news in virtual order.

    Args:
        executor: Runs the trials; must have ``logical_workers`` slots.
        logical_workers: Trials that are alive at once; part of what the run is.
        workers: Trials that compute at once; no part of it.
        now_s: A monotonic clock, for `idle_s`.

    Attributes:
        idle_s: Seconds of this run in which workers waited for the order, all together.
        worker_s: Seconds all workers have been there.
    """

    def __init__(
        self,
        executor: Executor,
        logical_workers: int,
        workers: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._slots = logical_workers
        self._workers = min(workers, logical_workers)
        self._now_s = now_s
        self.times = VirtualTimes()
        self.idle_s = 0.0
        self.worker_s = 0.0
        self._forget_all()

    def _forget_all(self) -> None:
        self._known: dict[int, int] = {}  # of all live trials
        self._jobs: dict[int, Job] = {}  # not handed to the executor yet
        self._go_on: dict[int, Decision] = {}  # answers that wait for a worker
        self._computing: set[int] = set()
        self._in_hand: dict[int, ExecutorNews] = {}
        self._at_once: list[ExecutorNews] = []
        self._stopped: set[int] = set()  # told to end by an answer
        self._killed: set[int] = set()
        self._counted_s: float | None = None

    # -- the protocol ----------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """Number of trials that can be alive at once."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """Number of trials that could be submitted now."""
        return self._slots - len(self._known)

    def open(self, task: TrialTask) -> None:
        """Get ready to run trials of ``task``."""
        self._forget_all()
        self.idle_s = self.worker_s = 0.0
        self._executor.open(task)

    def submit(self, job: Job) -> None:
        """Run one attempt of a trial, as soon as a worker is free for it.

        Raises:
            RuntimeError: There is no free slot.
        """
        if self.free_slots <= 0:
            raise RuntimeError("submit needs an open executor and a free slot")
        resume_from = job.resume_from if isinstance(job, Resume) else 0
        self.times.started(job.trial_id, resume_from)
        self._known[job.trial_id] = self.times.known(job.trial_id)
        self._jobs[job.trial_id] = job

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Wait for what comes next in virtual order, and deliver it; or return without."""
        self._count_idle()
        self._put_to_work()
        if self._hand_over(deliver):
            return
        self._executor.wait(timeout_s, self._collect)
        self._count_idle()
        self._hand_over(deliver)

    def replay(self, events: Sequence[Event]) -> None:
        """Take the virtual times from the record of a run that goes on."""
        self.times.replay(events)

    def wake(self) -> None:
        """Make a `wait` in progress return soon; safe in a signal handler."""
        self._executor.wake()

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report of a trial."""
        news = self._in_hand.pop(trial_id, None)
        if isinstance(news, ReportReceived):
            self.times.reported(trial_id, news.resource)
        if decision.action is Action.CONTINUE:
            self._go_on[trial_id] = decision
        else:
            self._stopped.add(trial_id)
            self._executor.reply(trial_id, decision)

    def reject(self, trial_id: int, message: str) -> None:
        """Answer a report that breaks a rule."""
        self._in_hand.pop(trial_id, None)
        self._computing.add(trial_id)
        self._executor.reject(trial_id, message)

    def kill(self, trial_id: int) -> None:
        """End a trial that may not be asked; an `Exited` follows."""
        self._killed.add(trial_id)
        self._in_hand.pop(trial_id, None)
        self._go_on.pop(trial_id, None)
        if self._jobs.pop(trial_id, None) is not None:
            self._at_once.append(Exited(trial_id, Outcome.STOPPED, wall_time_s()))
        else:
            self._executor.kill(trial_id)

    def log(self, trial_id: int) -> list[str]:
        """The last lines a trial has written."""
        return self._executor.log(trial_id)

    def close(self) -> None:
        """End everything that still runs."""
        self._executor.close()
        self._forget_all()

    # -- who computes ----------------------------------------------------------------------

    def _put_to_work(self) -> None:
        """Let as many trials compute as there are workers, the most urgent first."""
        may_start = self._executor.free_slots
        while len(self._computing) < self._workers:
            waiting = [*self._go_on, *(self._jobs if may_start else ())]
            if not waiting:
                return
            trial_id = min(waiting, key=lambda i: (self.times.at(i), i))
            self._computing.add(trial_id)
            decision = self._go_on.pop(trial_id, None)
            if decision is not None:
                self._executor.reply(trial_id, decision)
            else:
                self._executor.submit(self._jobs.pop(trial_id))
                may_start = self._executor.free_slots

    def _count_idle(self) -> None:
        """Add up the time since the last call in which workers waited for the order."""
        now_s = self._now_s()
        if self._counted_s is not None:
            passed_s = now_s - self._counted_s
            free = self._workers - len(self._computing)
            self.idle_s += passed_s * min(free, len(self._in_hand))
            self.worker_s += passed_s * self._workers
        self._counted_s = now_s

    # -- what comes next -------------------------------------------------------------------

    def _collect(self, news: Sequence[ExecutorNews]) -> None:
        self._count_idle()  # those who have reported were at work until now
        for item in news:
            trial_id = item.trial_id
            if trial_id not in self._known:
                continue
            self._computing.discard(trial_id)
            is_told_to_end = trial_id in self._stopped or trial_id in self._killed
            if not isinstance(item, ReportReceived):
                is_due = is_told_to_end
            elif is_told_to_end:
                continue
            else:  # what an earlier attempt has reported costs nothing
                is_due = item.resource <= self._known[trial_id]
            if is_due:
                self._at_once.append(item)
            else:
                self._in_hand[trial_id] = item

    def _hand_over(self, deliver: Deliver) -> bool:
        """Deliver what comes next, if that is known; whether anything was delivered."""
        at_once, self._at_once = self._at_once, []
        for item in at_once:
            if isinstance(item, Exited):
                self._note_told_end(item.trial_id)
        if at_once:
            deliver(at_once)
            return True
        first = self._next()
        if first is None:
            return False
        if isinstance(first, Exited):
            del self._in_hand[first.trial_id]
            del self._known[first.trial_id]
            self.times.ended(first.trial_id)
        deliver([first])
        return True

    def _note_told_end(self, trial_id: int) -> None:
        del self._known[trial_id]
        self._killed.discard(trial_id)
        if trial_id in self._stopped:
            self._stopped.remove(trial_id)
            self.times.left(trial_id)

    def _next(self) -> ExecutorNews | None:
        """The first in virtual order, once nothing can come before it."""
        # Who is told to end does so at this moment: before anything else.
        if not self._in_hand or self._stopped or self._killed:
            return None
        key, item = min(
            ((self._key(item), item) for item in self._in_hand.values()), key=lambda pair: pair[0]
        )
        computing = (i for i in self._known if i not in self._in_hand)
        if any((self.times.at(i) + 1, i) < key for i in computing):
            return None
        return item

    def _key(self, item: ExecutorNews) -> tuple[int, int]:
        trial_id = item.trial_id
        if isinstance(item, ReportReceived):
            return self.times.of_report(trial_id, item.resource), trial_id
        return self.times.at(trial_id) + 1, trial_id
