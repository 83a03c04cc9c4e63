from agcore.budget.account import RunAccount
from agcore.budget.pace import PaceBook
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

STOP = Decision(Action.STOP, "a test")


def account(*events, epochs=9):
    run = RunAccount(PaceBook(), epochs)
    run.apply(RunStarted(100.0, 0, {"num_trials": None, "time_out": 60.0}, {}, {}))
    for event in events:
        run.apply(event)
    return run


def trial(number, begin_s, rewards, state=None, *, told=False):
    """Events of a trial with epochs of two seconds."""
    events = [TrialProposed(number, begin_s, {}, "random"), TrialStarted(number, begin_s)]
    for epoch, reward in enumerate(rewards, start=1):
        events.append(Reported(number, begin_s + 2 * epoch, epoch, reward, {}))
    end_s = begin_s + 2 * len(rewards)
    if told:
        events.append(Decided(number, end_s, len(rewards), STOP))
    if state is not None:
        events.append(TrialEnded(number, end_s, state))
    return events


def test_limits_are_those_of_the_present_session():
    run = account()
    assert (run.deadline_s, run.num_trials) == (60.0, None)
    run.apply(RunResumed(500.0, 7, 90.0))
    assert (run.deadline_s, run.num_trials, run.alive_s) == (90.0, 7, 0.0)


def test_trials_that_return_early_shorten_what_is_expected_of_others():
    run = account()
    assert (run.length(9), run.length(None)) == (9.0, None)
    for event in trial(0, 100.0, [1, 1, 1], TrialState.COMPLETED):
        run.apply(event)
    assert (run.length(9), run.length(2), run.length(None)) == (3.0, 2.0, 3.0)
    for event in trial(1, 110.0, [1] * 5, TrialState.COMPLETED, told=True):
        run.apply(event)
    assert run.length(9) == 6.0  # nobody knows how far the second one would have gone
    for event in trial(2, 130.0, [1], TrialState.FAILED):
        run.apply(event)
    assert run.length(9) == 6.0


def test_the_best_trial_is_that_of_the_highest_report():
    run = account(*trial(0, 100.0, [3, 1]), *trial(1, 104.0, [2, float("nan")]))
    assert run.best_id == 0


def test_workers_are_busy_until_their_trials_have_come_to_their_goal():
    run = account(*trial(0, 100.0, [1, 1]), TrialStarted(1, 104.0, milestone=3))
    assert run.loads_s(3, 9) == [14.0, 6.0, 0.0]
    run.apply(TrialEnded(0, 105.0, TrialState.INTERRUPTED))  # it goes on if the run does
    assert run.loads_s(3, 9) == [14.0, 6.0, 0.0]
    run.apply(TrialEnded(0, 106.0, TrialState.LOST))
    assert run.loads_s(3, 9) == [6.0, 0.0, 0.0]


def test_trials_that_start_now_may_have_a_goal_of_their_own():
    run = account()
    run.last_epochs = 4
    for event in trial(0, 100.0, [1]):
        run.apply(event)
    run.last_epochs = None
    assert run.goal_of(0) == 4
    assert run.goal_of(1) is None
