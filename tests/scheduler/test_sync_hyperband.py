import collections
import signal

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Reported, TrialState
from agcore.scheduler import SynchronousHyperbandScheduler


@ag.args(x=ag.Real(0, 1), epochs=9)
def train(args, reporter):
    for epoch in range(args.scheduler.resume_from + 1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * (1 - 0.5**epoch))


def run(function=train, **arguments):
    arguments.setdefault("num_trials", 17)
    arguments.setdefault("executor", "inline")
    scheduler = SynchronousHyperbandScheduler(function, progress=False, **arguments)
    scheduler.run()
    return scheduler


def test_a_whole_cycle_gives_each_round_exactly_its_trials():
    scheduler = run()  # 9 + 5 + 3 trials: the three brackets of max_t=9
    reached = collections.Counter((t.bracket, t.resource) for t in scheduler.trials.values())
    assert reached == {
        (0, 1): 6,
        (0, 3): 2,
        (0, 9): 1,
        (1, 3): 4,
        (1, 9): 1,
        (2, 9): 3,
    }
    for bracket in range(3):
        trials = [t for t in scheduler.trials.values() if t.bracket == bracket]
        best = max(trials, key=lambda trial: trial.config["x"])
        assert best.state is TrialState.COMPLETED


def test_slots_are_never_idle_while_new_trials_may_start(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs, slots=4)
    begin_s = executor.clock.seconds
    scheduler = run(train_fn, executor=executor, num_trials=34)
    # A trial at rest is never in a slot, so all epochs were run one after another in four slots.
    epochs = sum(trial.resource for trial in scheduler.trials.values())
    last_s = max(trial.reports[-1].time_s for trial in scheduler.trials.values())
    assert last_s - begin_s <= epochs / 4 + 2 * 9


def test_few_trials_go_on_to_the_full_resource_too():
    scheduler = run(num_trials=4)
    assert sorted(trial.resource for trial in scheduler.trials.values()) == [1, 1, 1, 9]


def test_a_rung_does_not_wait_for_trials_that_fail():
    @ag.args(x=ag.Real(0, 1), epochs=9)
    def fails(args, reporter):
        for epoch in range(args.scheduler.resume_from + 1, args.epochs + 1):
            if args.task_id % 3 == 0:
                raise ValueError("three")
            reporter(epoch=epoch, accuracy=float("nan") if args.task_id == 1 else args.x)

    scheduler = run(fails, max_failures=None)
    states = collections.Counter(trial.state for trial in scheduler.trials.values())
    assert states[TrialState.FAILED] == 6
    assert states[TrialState.DIVERGED] == 1
    assert states[TrialState.COMPLETED] >= 3


def test_one_bracket_is_successive_halving():
    scheduler = run(brackets=1, num_trials=18)
    assert {trial.bracket for trial in scheduler.trials.values()} == {0}
    assert sorted(t.resource for t in scheduler.trials.values()).count(9) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grace_period": 9}, "no room for a rung"),
        ({"reduction_factor": 1}, "reduction_factor"),
        ({"brackets": 0}, "brackets"),
        ({"searcher_data": "trial"}, "searcher_data"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        run(**arguments)


def test_a_resumed_run_decides_as_one_that_was_never_cut_off(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=tmp_path / "run", callbacks=[InterruptAfter(20)])
    resumed = run(checkpoint=tmp_path / "run", resume=True)
    assert fates(resumed) == fates(run())


class InterruptAfter(ag.callbacks.Callback):
    """Ctrl-C after so many reports."""

    def __init__(self, reports):
        self.left = reports

    def on_event(self, event):
        self.left -= isinstance(event, Reported)
        if self.left == 0:
            self.left = -1
            signal.raise_signal(signal.SIGINT)


def fates(scheduler):
    return {
        trial_id: (trial.config, trial.state, [d.decision for d in trial.decisions])
        for trial_id, trial in scheduler.trials.items()
    }


def test_more_trials_later_go_into_the_next_bracket():
    scheduler = run(num_trials=4)
    scheduler.run(num_trials=6)
    assert [trial.bracket for trial in scheduler.trials.values()] == [0] * 4 + [1] * 2


def test_a_model_based_searcher_goes_with_it():
    scheduler = run(searcher="bayesopt", search_options={"random_seed": 1}, num_trials=10)
    assert len(scheduler.trials) == 10
