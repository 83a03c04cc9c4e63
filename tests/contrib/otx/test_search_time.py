"""Seconds come from a clock that the tests turn."""

import json

import pytest

from agcore.errors import JournalError, SpecError
from agcore_contrib.otx.search_time import SearchTime
from agcore_contrib.otx.trial import Trial


class Clock:
    """A clock that stands still."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def search_time(clock, tmp_path):
    """Makes a `SearchTime` of twice a training of 10 epochs."""

    def make(**options):
        given = {"ratio": 2, "num_epochs": 10, "path": tmp_path / "time.json", **options}
        return SearchTime(given.pop("ratio"), given.pop("num_epochs"), **given, clock=clock)

    return make


def trial_of(number, epochs):
    trial = Trial(str(number), {})
    trial.aim_at(epochs)
    return trial


def trains(kept, clock, trial, *, epoch_s, start_s=0.0, prepares_s=0.0, behind=0):
    """A trial is trained up to its epochs; of its start, some seconds are the function's."""
    kept.start(trial, behind)
    clock.now_s += start_s
    called_s = clock.now_s - prepares_s
    for epoch in range(behind + 1, trial.iteration + 1):
        clock.now_s += epoch_s
        kept.hear(trial, epoch, clock.now_s - called_s)
    kept.end(trial)


def test_there_is_no_limit_before_the_first_trial_has_ended(search_time, clock):
    kept, first = search_time(used_s=1e6), trial_of(0, 10)
    kept.start(first, 0)
    trains(kept, clock, trial_of(1, 1), epoch_s=1.0)
    kept.hear(first, 9, 2.0)
    assert kept.left_s == float("inf")
    assert kept.holds(trial_of(2, 10), 0)
    kept.end(first)
    assert kept.left_s < 0
    assert not kept.holds(trial_of(2, 10), 0)


def test_a_training_is_start_and_epochs_of_the_first_trial(search_time, clock):
    kept = search_time()
    other = trial_of(1, 10)
    trains(kept, clock, other, epoch_s=30.0)
    assert kept.training_s == pytest.approx(300)  # until the first one is heard of
    kept = search_time()
    trains(kept, clock, trial_of(0, 3), epoch_s=2.0, start_s=5.0)
    assert kept.training_s == pytest.approx(5 + 10 * 2)
    assert kept.left_s == pytest.approx(2 * 25 - 11)


def test_a_slower_config_changes_nothing_about_the_limit(search_time, clock):
    kept = search_time()
    trains(kept, clock, trial_of(0, 10), epoch_s=1.0)
    trains(kept, clock, trial_of(1, 3), epoch_s=3.0)
    assert kept.left_s == pytest.approx(20 - 19)


def test_a_trial_is_begun_if_half_of_it_fits(search_time, clock):
    kept = search_time()
    trains(kept, clock, trial_of(0, 10), epoch_s=1.0)
    assert kept.holds(trial_of(1, 20), 0)
    assert not kept.holds(trial_of(1, 21), 0)
    assert kept.holds(trial_of(1, 21), 1)  # it goes on from a checkpoint
    trains(kept, clock, trial_of(1, 2), epoch_s=2.0)  # one that is twice as slow
    assert kept.left_s == pytest.approx(6)
    assert kept.holds(trial_of(1, 8), 2)
    assert not kept.holds(trial_of(1, 9), 2)
    assert kept.holds(trial_of(2, 8), 0)  # an unknown one has the mean pace, 1.5 s
    assert not kept.holds(trial_of(2, 9), 0)


def test_the_start_of_a_process_is_no_part_of_its_only_epoch(search_time, clock):
    kept = search_time()
    trains(kept, clock, trial_of(0, 1), epoch_s=1.0, start_s=3.0)
    assert kept.training_s == pytest.approx(3 + 10)


def test_preparations_are_told_from_epochs_once_a_trial_has_two(search_time, clock):
    kept = search_time()
    starts = {"start_s": 3.0, "prepares_s": 3.0}
    trains(kept, clock, trial_of(0, 1), epoch_s=1.0, **starts)
    trains(kept, clock, trial_of(1, 1), epoch_s=1.0, **starts)
    assert kept.training_s == pytest.approx(40)  # nobody can say how much of it is training
    trains(kept, clock, trial_of(1, 4), epoch_s=1.0, behind=1, **starts)
    assert kept.training_s == pytest.approx(10, rel=0.01)


def test_slow_preparations_of_others_never_make_epochs_cost_nothing(search_time, clock):
    kept = search_time()
    trains(kept, clock, trial_of(0, 1), epoch_s=1.0, start_s=0.5)
    trains(kept, clock, trial_of(1, 5), epoch_s=1.0, start_s=9.0, prepares_s=9.0)
    assert kept.training_s > 1


def test_a_trial_that_begins_anew_behind_its_checkpoint_is_measured_from_epoch_one(
    search_time, clock
):
    kept = search_time()
    trial = trial_of(0, 4)
    kept.start(trial, 3)
    clock.now_s += 2.0
    kept.hear(trial, 1, 2.0)
    assert kept.training_s == pytest.approx(20)


def test_a_search_that_goes_on_has_the_seconds_it_has_left(search_time, clock, tmp_path):
    first = search_time(used_s=4.0)
    trains(first, clock, trial_of(0, 10), epoch_s=1.0)
    first.save()
    clock.now_s = 5.0  # the computer was restarted
    again = search_time(is_resumed=True)
    assert again.left_s == pytest.approx(20 - 14)
    trains(again, clock, trial_of(3, 2), epoch_s=2.0)
    assert again.left_s == pytest.approx(20 - 18)
    assert search_time().left_s == float("inf")  # a new one


def test_a_file_that_holds_something_else_is_told(search_time, tmp_path):
    (tmp_path / "time.json").write_text(json.dumps({"used_s": "?"}))
    with pytest.raises(JournalError, match=r"time\.json cannot be read: .*leave out --resume"):
        search_time(is_resumed=True)


@pytest.mark.parametrize("wrong", [{"ratio": 0}, {"ratio": "2"}, {"num_epochs": 0}])
def test_numbers_are_checked(search_time, wrong):
    with pytest.raises(SpecError):
        search_time(**wrong)
