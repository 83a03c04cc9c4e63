"""Long simulated runs: what an event costs does not grow with the trials, nor what one is kept in.

Counted are calls and bytes, which no load on the machine changes.
"""

import gc
import sys
import tracemalloc

import pytest

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor

MAX_T = 9
FEW, MANY = 200, 1200
KINDS = {
    "stopping": lambda **k: ag.scheduler.HyperbandScheduler(train, type="stopping", **k),
    "promotion": lambda **k: ag.scheduler.HyperbandScheduler(train, type="promotion", **k),
    "pasha": lambda **k: ag.scheduler.PASHAScheduler(train, **k),
    "sync": lambda **k: ag.scheduler.SynchronousHyperbandScheduler(train, **k),
    "median": lambda **k: ag.scheduler.MedianStoppingScheduler(train, **k),
    "fifo": lambda **k: ag.scheduler.FIFOScheduler(train, **k),
}


@ag.args(x=ag.Real(0, 1), epochs=MAX_T)
def train(args, reporter):
    raise AssertionError("a simulated trial runs nothing")


def curve(config):
    for epoch in range(1, MAX_T + 1):
        yield {"epoch": epoch, "accuracy": config["x"] * epoch}, 10 * (1 + config["x"])


def scheduler_of(kind, num_trials):
    return KINDS[kind](
        searcher="random",
        num_trials=num_trials,
        executor=SimulatedExecutor(curve, num_workers=100),
        progress=False,
    )


def calls_an_event(kind, num_trials):
    """Calls of Python functions and of built-in ones, for each event of the history."""
    scheduler = scheduler_of(kind, num_trials)
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        scheduler.run()
    finally:
        sys.setprofile(None)
    return count / len(scheduler.history.events)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_takes_as_many_calls_in_a_long_run(kind):
    assert calls_an_event(kind, MANY) < 1.2 * calls_an_event(kind, FEW)


def kilobytes(num_trials):
    """What a run has kept at its end."""
    gc.collect()
    tracemalloc.start()
    try:
        scheduler = scheduler_of("stopping", num_trials)
        scheduler.run()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 1024
    finally:
        tracemalloc.stop()


def test_a_trial_is_kept_in_a_few_kilobytes():
    """Its events are all that is: reports, decisions and the config."""
    kilobytes(10)  # what is made once
    assert (kilobytes(600) - kilobytes(100)) / 500 < 6
