import random

from agcore.history import Trial
from agcore.scheduler.deadlines import Deadlines
from agcore.scheduler.parts import LiveTrial


def attempt(trial_id):
    return LiveTrial(Trial(trial_id, {}, "random", {}, 0))


def test_without_attempts_nothing_is_due():
    deadlines = Deadlines({})
    assert deadlines.first_s() is None
    assert deadlines.take_overdue(1e9) == []


def test_overdue_attempts_come_once_the_soonest_first():
    running = {i: attempt(i) for i in range(4)}
    deadlines = Deadlines(running)
    for trial_id, deadline_s in enumerate([3.0, 1.0, 2.0, 2.0]):
        deadlines.add(running[trial_id], deadline_s)
    assert deadlines.first_s() == 1.0
    assert deadlines.take_overdue(0.5) == []
    assert deadlines.take_overdue(2.0) == [running[1], running[2], running[3]]
    assert deadlines.take_overdue(2.0) == []
    assert deadlines.first_s() == 3.0


def test_an_attempt_that_has_ended_has_no_deadline():
    running = {0: attempt(0), 1: attempt(1)}
    deadlines = Deadlines(running)
    deadlines.add(running[0], 1.0)
    deadlines.add(running[1], 2.0)
    del running[0]
    assert deadlines.first_s() == 2.0
    running[0] = attempt(0)  # started again: what it had before is not its own
    deadlines.add(running[0], 5.0)
    assert deadlines.take_overdue(4.0) == [running[1]]
    assert deadlines.first_s() == 5.0


def test_it_agrees_with_a_look_at_every_running_attempt():
    rng = random.Random(1)
    running, ends = {}, {}
    deadlines = Deadlines(running)
    for trial_id in range(3000):
        running[trial_id] = attempt(trial_id)
        ends[trial_id] = trial_id + rng.choice([5.0, 20.0, 1e6])
        deadlines.add(running[trial_id], ends[trial_id])
        for done in rng.sample(sorted(running), k=len(running) // 4):
            del running[done], ends[done]
        assert deadlines.first_s() == min(ends.values(), default=None)
        overdue = {i for i, end_s in ends.items() if end_s <= trial_id}
        assert {live.trial.trial_id for live in deadlines.take_overdue(trial_id)} == overdue
        for ended in overdue:
            del running[ended], ends[ended]


def test_attempts_that_have_ended_are_not_kept_until_their_time_would_be_over(monkeypatch):
    tidied = []
    monkeypatch.setattr(
        "agcore.scheduler.deadlines.heapq.heapify", lambda queue: tidied.append(len(queue))
    )
    running = {}
    deadlines = Deadlines(running)
    for trial_id in range(1000):
        running[trial_id] = attempt(trial_id)
        deadlines.add(running[trial_id], 1e9 + trial_id)
        running.pop(trial_id - 3, None)
    assert len(tidied) > 10
    assert set(tidied) == {3}
