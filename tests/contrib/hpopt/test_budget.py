import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agcore.history import RunHistory
from agcore.records import Reported, TrialEnded, TrialProposed, TrialStarted, TrialState
from agcore_contrib.hpopt.budget import EpochAccount
from agcore_contrib.hpopt.record import NOT_BEGUN, REPEATED


@pytest.fixture
def switching_often():
    """Threads take turns a thousand times as often as usual, so that they get into a tangle."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 1000)
    yield
    sys.setswitchinterval(interval)


def history_of(*events):
    history = RunHistory()
    history.apply(TrialProposed(0, 0.0, {"lr": 0.1}, "random"))
    for event in events:
        history.apply(event)
    return history


def report(resource, **metrics):
    return Reported(0, 1.0, resource, 0.5, {"score": 0.5, **metrics})


FIRST = (TrialStarted(0, 0.0), report(1), report(2), TrialEnded(0, 1.0, TrialState.INTERRUPTED))
AGAIN = TrialStarted(0, 1.0, 1, again=True)


def test_what_is_trained_again_counts_and_what_is_not_does_not():
    assert EpochAccount().read(history_of(*FIRST)) == 2
    assert EpochAccount().read(history_of(*FIRST, AGAIN)) == 2
    assert EpochAccount().read(history_of(*FIRST, AGAIN, report(3, **{REPEATED: 2}))) == 5
    assert EpochAccount().read(history_of(*FIRST, AGAIN, report(3, **{REPEATED: 0}))) == 3


def test_an_attempt_that_brings_nothing_new_is_taken_to_have_trained_all_of_it():
    lost = TrialEnded(0, 2.0, TrialState.INTERRUPTED, "its search was cut off")
    assert EpochAccount().read(history_of(*FIRST, AGAIN, lost)) == 4
    unused = TrialEnded(0, 2.0, TrialState.INTERRUPTED, NOT_BEGUN)
    assert EpochAccount().read(history_of(*FIRST, AGAIN, unused)) == 2


def test_an_account_is_kept_up_to_date_and_begins_anew_with_another_history():
    account, history = EpochAccount(), history_of(*FIRST)
    assert account.read(history) == 2
    history.apply(AGAIN)
    history.apply(report(3, **{REPEATED: 1}))
    assert account.read(history) == 4
    assert account.read(history_of(*FIRST[:2])) == 1


def test_threads_may_read_an_account_of_a_history_that_grows(switching_often):
    account, history, is_over = EpochAccount(), history_of(), threading.Event()

    def read():
        while not is_over.is_set():
            assert account.read(history) <= 5000

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(1, 5001):
            history.apply(TrialProposed(number, 0.0, {"lr": 0.1}, "random"))
            history.apply(TrialStarted(number, 0.0))
            history.apply(Reported(number, 1.0, 1, 0.5, {"score": 0.5}))
        is_over.set()
        for reader in readers:
            reader.result()
    assert account.read(history) == 5000
