import math

import pytest

from agcore.budget.pace import PaceBook


def play(book, trial_id, seconds, *, begin_s=0.0, resume_from=0):
    book.start(trial_id, begin_s, resume_from)
    now_s = begin_s
    for epoch, cost_s in enumerate(seconds, start=resume_from + 1):
        now_s += cost_s
        book.report(trial_id, epoch, now_s)


def test_nothing_is_known_before_the_first_report():
    book = PaceBook()
    book.start(0, 0.0, 0)
    assert book.seconds_per_epoch is None
    assert book.pace_of(0) is None
    assert PaceBook(3.0).seconds_per_epoch == 3.0


def test_one_slow_epoch_changes_nothing_and_the_first_is_kept_apart():
    book = PaceBook()
    play(book, 0, [12, 2, 2, 90, 2, 2])
    assert book.pace_of(0) == pytest.approx(2)
    assert book.startup_s == pytest.approx(10)


def test_the_only_epoch_of_a_trial_counts_until_there_are_others():
    book = PaceBook()
    play(book, 0, [12])
    assert book.seconds_per_epoch == pytest.approx(12)
    assert book.startup_s == 0


def test_epochs_between_two_reports_share_the_time():
    book = PaceBook()
    book.start(0, 0.0, 0)
    for epoch, now_s in ((3, 6.0), (9, 18.0)):
        book.report(0, epoch, now_s)
    assert book.pace_of(0) == pytest.approx(2)


def test_the_middle_trial_stands_for_all_and_spread_is_that_of_a_log_normal():
    book = PaceBook(expected_spread=0.7)
    paces = [math.exp(0.4 * z) for z in (-1.2, -0.6745, 0.0, 0.6745, 1.2)]
    for trial_id, pace in enumerate(paces[:3]):
        play(book, trial_id, [pace, pace])
    assert book.spread == 0.7
    for trial_id, pace in enumerate(paces[3:], start=3):
        play(book, trial_id, [pace, pace])
    assert book.seconds_per_epoch == pytest.approx(1, abs=1e-6)
    assert book.spread == pytest.approx(0.4, rel=0.01)
    assert book.num_measured == 5


@pytest.mark.parametrize(("first_s", "repeats"), [(2.0, 0.0), (8.0, 1.0), (5.0, 0.5)])
def test_what_promoted_trials_repeat_is_learnt(first_s, repeats):
    book = PaceBook()
    play(book, 0, [2, 2, 2])
    play(book, 0, [first_s, 2], begin_s=50.0, resume_from=3)
    assert book.repeats == pytest.approx(repeats)
    assert book.pace_of(0) == pytest.approx(2)
