import os

import agcore as ag
from agcore.history import RunHistory
from agcore.records import RunResumed, RunStarted
from agcore.scheduler.opening import opening
from agcore.scheduler.settings import Limits
from agcore.space import SearchSpace

SPACE = SearchSpace({"x": ag.Real(0, 1)})


def open_at(history, now_s):
    limits = Limits(3, 60.0)
    return opening(history, now_s, seed=7, settings={"mode": "max"}, space=SPACE, limits=limits)


def test_a_run_is_started_once_and_goes_on_from_then():
    history = RunHistory()
    first = open_at(history, 10.0)
    assert isinstance(first, RunStarted)
    assert (first.time_s, first.seed, first.settings) == (10.0, 7, {"mode": "max"})
    assert first.space == SPACE.describe()
    history.apply(first)
    second = open_at(history, 20.0)
    assert isinstance(second, RunResumed)
    assert (second.num_trials, second.time_out) == (3, 60.0)
    assert first.pid == second.pid == os.getpid()
