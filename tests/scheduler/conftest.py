"""A scripted executor on a virtual clock: the only fakes, at the two borders of the loop."""

import heapq
import itertools

import pytest

import agcore as ag
from agcore.jobs import Exited, Outcome, ReportReceived, Resume
from agcore.records import Action


class VirtualClock:
    jumps = False

    def __init__(self):
        self.seconds = 1_000_000.0

    def now_s(self):
        return self.seconds

    def monotonic_s(self):
        return self.seconds


class ScriptedExecutor:
    """Plays ``script(job) -> [(seconds, metrics), ...]`` instead of running a function.

    A script may end with an `Outcome` instead of a report: that is how the attempt ends.
    """

    def __init__(self, script, slots=1):
        self.clock = VirtualClock()
        self.script = script
        self.slots = slots
        self.jobs, self.killed, self.rejected, self.batches = [], [], [], 0
        self.open_count = self.close_count = 0
        self._queue, self._running, self._order = [], {}, itertools.count()

    @property
    def free_slots(self):
        return self.slots - len(self._running)

    def open(self, task):
        self.open_count += 1
        self.task = task

    def submit(self, job):
        assert self.free_slots > 0, "submitted without a free slot"
        self.jobs.append(job)
        start = job.resume_from if isinstance(job, Resume) else 0
        self._running[job.trial_id] = iter(list(self.script(job))[start:])
        self._schedule(job.trial_id)

    def _schedule(self, trial_id):
        step = next(self._running[trial_id], (0.0, Outcome.RETURNED))
        seconds, what = step
        heapq.heappush(
            self._queue, (self.clock.seconds + seconds, next(self._order), trial_id, what)
        )

    def wait(self, timeout_s, deliver):
        self.batches += 1
        if not self._queue:
            assert timeout_s is not None, "the loop would wait for ever"
        until = self.clock.seconds + timeout_s if timeout_s is not None else float("inf")
        if not self._queue or self._queue[0][0] > until:
            self.clock.seconds = until
            return
        when, _, trial_id, what = heapq.heappop(self._queue)
        self.clock.seconds = max(self.clock.seconds, when)
        if trial_id not in self._running:
            return
        if isinstance(what, Outcome):
            del self._running[trial_id]
            error = "boom" if what is not Outcome.RETURNED else ""
            deliver([Exited(trial_id, what, self.clock.seconds, error)])
        else:
            deliver([ReportReceived(trial_id, dict(what), self.clock.seconds)])

    def reply(self, trial_id, decision):
        if decision.action is Action.CONTINUE:
            self._schedule(trial_id)
        else:
            self._end(trial_id, Outcome.STOPPED)

    def reject(self, trial_id, message):
        self.rejected.append(message)
        self._end(trial_id, Outcome.RAISED)

    def kill(self, trial_id):
        self.killed.append(trial_id)
        self._queue = [item for item in self._queue if item[2] != trial_id]
        heapq.heapify(self._queue)
        self._end(trial_id, Outcome.STOPPED)

    def _end(self, trial_id, outcome):
        self._running[trial_id] = iter([(0.0, outcome)])
        self._schedule(trial_id)

    def wake(self):
        pass

    def log(self, trial_id):
        return [f"log of {trial_id}"]

    def close(self):
        self.close_count += 1
        self._running.clear()
        self._queue.clear()


@ag.args(x=ag.Real(0, 1), epochs=9)
def linear(args, reporter):
    """What the scripts play: the reward is x times the epoch."""
    for epoch in range(args.epochs):
        reporter(epoch=epoch + 1, accuracy=args.x * (epoch + 1))


def epochs_of_one_second(job, count=9):
    x = job.config["x"]
    return [(1.0, {"epoch": e + 1, "accuracy": x * (e + 1)}) for e in range(count)]


@pytest.fixture
def scripted():
    """Makes a scripted executor."""
    return ScriptedExecutor


@pytest.fixture
def train_fn():
    return linear


@pytest.fixture
def one_second_epochs():
    return epochs_of_one_second
