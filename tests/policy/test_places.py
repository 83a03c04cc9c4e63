"""Tests of the places of a population: which rewards are compared with which."""

import pytest

from agcore.policy.places import Fate, Population


def population(*curves, quantile=1):
    """Members that have reported these rewards at the intervals 2, 4, 6 ..."""
    made = Population(len(curves), quantile)
    for trial_id, (place, rewards) in enumerate(zip(made.places, curves, strict=True)):
        place.begin(trial_id, 0, None)
        for index, reward in enumerate(rewards):
            made.record(place, 2 * index + 2, reward)
    return made


def test_members_are_compared_at_the_largest_interval_that_both_have_come_to():
    made = population([0.1, 0.2, 0.3], [0.2, 0.1], [0.05, 0.9, 0.1, 0.95], [])
    comparison = made.compare(made.places[0])
    assert comparison.met == {4: 1, 6: 1}
    assert comparison.better == []
    assert (comparison.rank, comparison.size) == (1, 3)
    assert made.places[2].lead_over(made.places[1]) == pytest.approx(0.8)
    assert made.places[2].lead_over(made.places[0]) == pytest.approx(-0.2)
    assert made.places[3].lead_over(made.places[0]) == 0


def test_one_that_left_counts_at_the_interval_where_it_was_and_its_copy_at_others():
    made = population([0.5], [0.1, 0.2], [0.4, 0.5], [0.3])
    one, gone, parent, other = made.places
    gone.promise_to(parent)
    made.record(one, 4, 0.3)
    assert made.compare(one).better == [parent]  # 0.2 is what the place had at 4
    made.record(one, 6, 0.4)
    assert made.compare(one).better == [gone, parent]  # now it is a copy that had 0.5
    gone.begin(4, 2, parent)
    assert (gone.levels, gone.rewards) == ([2], [0.4])
    assert made.compare(other).better == [one, parent]  # 0.1 at 2: nobody is replaced twice
    made.record(gone, 4, 0.9)
    assert gone.latest == {2: 0.1, 4: 0.9}


def test_equals_share_the_better_rank():
    made = population([0.5], [0.5], [0.5])
    assert [made.compare(place).rank for place in made.places] == [1, 1, 1]


@pytest.mark.parametrize(
    ("curves", "fate"),
    [
        (([0.1, 0.9], [0.2]), Fate.HELD),  # nobody was better at 4, but one may be
        (([0.1, 0.9], [0.2, 1.0]), Fate.LEAVES),
        (([0.1, 0.9], [0.2, 0.8]), Fate.GOES_ON),
        (([0.3, 0.9], [0.2]), Fate.GOES_ON),
        (([0.3, 0.9], []), Fate.GOES_ON),
    ],
)
def test_the_fate_of_the_worse_of_two(curves, fate):
    made = population(*curves)
    assert made.fate(made.places[0], made.compare(made.places[0]))[0] is fate


def test_who_has_nobody_to_copy_goes_on():
    made = population([0.1, 0.2], [0.2, 0.3])
    made.places[1].state = "done"
    assert made.fate(made.places[0], made.compare(made.places[0]))[0] is Fate.HAS_NO_PARENT
    assert made.best_that_train() == [made.places[0]]


def test_who_was_compared_with_few_is_not_among_the_best_for_it():
    made = population([0.4, 0.6], [0.4, 0.5], [0.4], [0.4, 0.1], quantile=2)
    assert made.parents(made.places[3]) == made.places[:2]
