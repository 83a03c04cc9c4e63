"""The executor below is faked: it computes steps in whatever order a test wants."""

import random

from hypothesis import given, strategies as st

from agcore.executor.virtual_order import VirtualOrder, VirtualTimes
from agcore.jobs import Exited, Outcome, ReportReceived, Start
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

GO_ON = Decision(Action.CONTINUE, "go on")
STOP = Decision(Action.STOP, "stop")


class Shuffled:
    """Finishes the next step of a random trial among those that compute."""

    def __init__(self, curves, seed, slots):
        self.curves, self.slots = curves, slots
        self.random = random.Random(seed)
        self.computing, self.most_computing = {}, 0

    @property
    def free_slots(self):
        return self.slots

    def open(self, task):
        self.left = {trial_id: list(curve) for trial_id, curve in self.curves.items()}

    def submit(self, job):
        self._compute(job.trial_id)

    def _compute(self, trial_id):
        left = self.left[trial_id]
        self.computing[trial_id] = left.pop(0) if left else None
        self.most_computing = max(self.most_computing, len(self.computing))

    def wait(self, timeout_s, deliver):
        if not self.computing:
            return
        trial_id = self.random.choice(sorted(self.computing))
        resource = self.computing.pop(trial_id)
        if resource is None:
            deliver([Exited(trial_id, Outcome.RETURNED, 0.0)])
        else:
            deliver([ReportReceived(trial_id, {}, 0.0, resource)])

    def reply(self, trial_id, decision):
        self._compute(trial_id)
        if decision.action is not Action.CONTINUE:
            self.computing[trial_id] = None

    def kill(self, trial_id):
        self.computing[trial_id] = None

    def close(self):
        self.computing.clear()


def run(curves, slots, workers, seed, stop_at=99):
    """What is handed over, in order; whoever reports ``stop_at`` or more is told to stop."""
    executor = Shuffled(curves, seed, slots)
    order = VirtualOrder(executor, slots, workers, now_s=lambda: 0.0)
    order.open(None)
    seen, waiting, running = [], list(curves), set()

    def deliver(news):
        for item in news:
            if isinstance(item, ReportReceived):
                seen.append((item.trial_id, item.resource))
                order.reply(item.trial_id, STOP if item.resource >= stop_at else GO_ON)
            else:
                seen.append((item.trial_id, "end"))
                running.remove(item.trial_id)

    for _ in range(2000):
        while waiting and order.free_slots:
            trial_id = waiting.pop(0)
            running.add(trial_id)
            order.submit(Start(trial_id, {}, 0))
        if not running:
            break
        order.wait(None, deliver)
    assert not running
    assert executor.most_computing <= workers + 1  # one more while a trial is told to end
    return seen


curves = st.dictionaries(
    st.integers(0, 9),
    st.lists(st.integers(1, 3), max_size=5).map(
        lambda steps: [sum(steps[: i + 1]) for i in range(len(steps))]
    ),
    min_size=1,
    max_size=8,
)


@given(curves, st.integers(1, 4), st.integers(1, 8), st.integers(0, 99), st.integers(2, 9))
def test_the_order_depends_neither_on_workers_nor_on_their_speed(
    curves, slots, workers, seed, stop_at
):
    reference = run(curves, slots, 1, 0, stop_at)
    assert run(curves, slots, workers, seed, stop_at) == reference


def test_a_trial_of_larger_steps_waits_for_the_others():
    assert run({0: [3], 1: [1, 2]}, 2, 2, 0) == [
        (1, 1),
        (1, 2),
        (0, 3),
        (1, "end"),
        (0, "end"),
    ]


def test_times_taken_from_a_record_are_those_of_the_run():
    stop = Decided(0, 0.0, 2, STOP)
    events = [
        TrialProposed(0, 0.0, {}, "random"),
        TrialStarted(0, 0.0),
        TrialStarted(1, 0.0),
        Reported(0, 0.0, 2, 0.5, {}),
        stop,
        TrialEnded(0, 0.0, TrialState.STOPPED),
        TrialStarted(2, 0.0),
        TrialEnded(1, 0.0, TrialState.FAILED),
        TrialEnded(2, 0.0, TrialState.INTERRUPTED),
    ]
    times = VirtualTimes()
    times.replay(events)
    assert times.at(1) == 1
    assert times.at(2) == 2
    assert times.known(0) == 2
    times.started(2)  # it was cut off: its time goes on
    assert times.at(2) == 2
    times.started(0)  # it was promoted
    assert times.at(0) == times.now
