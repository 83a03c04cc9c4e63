from fractions import Fraction

from agcore_contrib.otx import Trial
from agcore_contrib.otx.account import EpochAccount


def trial_to(iteration, number=0):
    trial = Trial(str(number), {})
    trial.aim_at(iteration)
    return trial


def report(account, trial, *epochs):
    for epoch in epochs:
        before = trial.progress
        trial.register_score(0.5, epoch)
        account.report(trial, before, epoch)


def start(account, trial):
    trial.hand_out()
    account.start(trial)


def test_epochs_are_counted_once_however_they_are_reported():
    account, trial = EpochAccount(None), trial_to(9)
    start(account, trial)
    report(account, trial, 1, 2, 2, 5)
    assert account.spent == 5


def test_an_attempt_that_goes_on_costs_the_new_epochs_and_one_that_begins_anew_costs_all():
    account, trial = EpochAccount(None), trial_to(9)
    start(account, trial)
    report(account, trial, 1, 2, 3)
    start(account, trial)
    report(account, trial, 4)
    assert account.spent == 4
    start(account, trial)
    report(account, trial, 1, 2, 3, 4, 5)
    assert account.spent == 9


def test_what_running_trials_will_need_is_not_given_away():
    account = EpochAccount(Fraction(10))
    first, second, third = (trial_to(4, number) for number in range(3))
    for trial in (first, second):
        assert account.can_afford(trial)
        start(account, trial)
    report(account, first, 1, 2)
    assert not account.can_afford(third)
    assert account.is_short
    account.end(first)  # its training ended itself, after 2 epochs
    assert not account.is_short
    assert account.can_afford(third)
    assert account.running.keys() == {"1"}


def test_without_a_budget_everything_can_be_afforded():
    assert EpochAccount(None).can_afford(trial_to(10**6))
