import os

import agcore as ag
from agcore.records import TrialState


def run(train_fn, **arguments):
    scheduler = ag.scheduler.LocalSequentialScheduler(train_fn, progress=False, **arguments)
    scheduler.run()
    return scheduler


def test_trials_run_in_this_process_and_rows_have_their_times():
    pids = []

    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        pids.append(os.getpid())
        reporter(epoch=1, accuracy=args.x)
        reporter(epoch=2, accuracy=args.x)

    scheduler = run(train, num_trials=2, reward_attr="accuracy", resource={"num_cpus": 1})
    assert pids == [os.getpid()] * 2
    rows = scheduler.training_history["1"]
    assert [row["trial"] for row in rows] == [1, 1]
    assert 0 <= rows[0]["time_since_start"] <= rows[1]["time_since_start"]
    assert sum(r["time_this_iter"] for r in rows) <= rows[1]["time_since_start"] + 1e-9


def test_a_trial_that_raises_is_recorded_and_the_run_goes_on():
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=1, accuracy=0.5)
        if args.task_id == 1:
            raise RuntimeError("here")

    scheduler = run(train, num_trials=3)
    states = [t.state for t in scheduler.trials.values()]
    assert states == [TrialState.COMPLETED, TrialState.FAILED, TrialState.COMPLETED]
    assert "RuntimeError: here" in scheduler.training_history["1"][-1]["traceback"]


def test_a_trial_that_would_not_end_in_time_is_not_started(scripted, train_fn, one_second_epochs):
    executor = scripted(one_second_epochs)

    class OnAVirtualClock(ag.scheduler.LocalSequentialScheduler):
        """The same scheduler with scripted trials of nine seconds."""

        def __init__(self, **arguments):
            super().__init__(train_fn, progress=False, **arguments)
            self._executor, self._clock = executor, executor.clock

    scheduler = OnAVirtualClock(time_out=25)
    scheduler.run()
    # After 18 seconds 7 are left, less than 0.95 of the mean of 9.
    assert [t.state for t in scheduler.trials.values()] == [TrialState.COMPLETED] * 2
    assert executor.clock.seconds - scheduler.history.start_s == 18.0
    assert scheduler.history.events[-1].reason == "time_out: another trial would not fit"


def test_an_exhausted_space_ends_quietly():
    @ag.args(kind=ag.Categorical("a", "b"))
    def train(args, reporter):
        reporter(epoch=1, accuracy=0.5)

    assert len(run(train, num_trials=10).trials) == 2
