import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from agcore.budget.levers import Ladder, Levers, Setting, epoch_cost, first_share


def brute_wall(lengths, workers):
    """Wall time of trials in this order, each to the worker that is free first."""
    free = [0] * workers
    for length in lengths:
        free[free.index(min(free))] += length
    return max(free)


@settings(deadline=None, max_examples=50)
@given(
    n=st.integers(1, 60),
    workers=st.integers(1, 9),
    epochs=st.integers(1, 40),
    eta=st.integers(2, 4),
    order=st.randoms(use_true_random=False),
)
def test_no_order_of_trials_takes_longer_than_said(n, workers, epochs, eta, order):
    flat = Ladder((epochs,))
    assert flat.wall(n, workers) == brute_wall([epochs] * n, workers)
    ladder = Ladder.geometric(epochs, 1, eta)
    counts = ladder.reached(n)
    lengths = [
        max(lv for lv, c in zip(ladder.levels, counts, strict=True) if c > i) for i in range(n)
    ]
    assert sum(lengths) == ladder.work(n)
    order.shuffle(lengths)
    assert brute_wall(lengths, workers) <= ladder.wall(n, workers) + 1e-9


@settings(deadline=None, max_examples=50)
@given(
    n=st.integers(1, 200),
    epochs=st.integers(1, 100),
    grace=st.integers(1, 5),
    eta=st.integers(2, 4),
)
def test_work_is_that_of_every_trial_counted_by_itself(n, epochs, grace, eta):
    ladder = Ladder.geometric(epochs, grace, eta)
    assert ladder.levels[-1] == epochs
    survivors, work, before = n, 0, 0
    for number, level in enumerate(ladder.levels):
        work += survivors * (level - before)
        before = level
        if number < len(ladder.quantiles):
            survivors //= eta
    assert ladder.work(n) == work


@settings(deadline=None, max_examples=50)
@given(eta=st.integers(2, 5), grace=st.integers(1, 3), epochs=st.integers(10, 300))
def test_the_fewest_trials_that_climb_are_the_fewest(eta, grace, epochs):
    ladder = Ladder.geometric(epochs, grace, eta)
    for number, level in enumerate(ladder.levels[:-1]):
        least = ladder.least_to_climb(level)
        assert ladder.reached(least)[number + 1] == 1
        assert ladder.reached(least - 1)[number + 1] == 0


def test_a_part_of_an_epoch_does_not_shrink_with_the_data():
    assert epoch_cost(1, 0.2) == 1
    assert epoch_cost(0.25, 0.2) == pytest.approx(0.4)
    assert epoch_cost(0.25, 0) == 0.25


def test_a_subset_has_at_least_five_hundred_samples():
    assert first_share(None) == first_share(0) == first_share(400) == 1
    assert first_share(1000) == 0.5
    assert first_share(10_000) == 0.2


def test_of_a_small_space_no_plan_has_more_trials_than_configs():
    levers = Levers(
        workers=2,
        num_parameters=1,
        full_epochs=4,
        epoch_choices=range(1, 5),
        ladder_for=lambda m: Ladder((m,)),
        has_rungs=False,
        non_pure_train_ratio=0.2,
        first=Setting(1, 1, 1.0),
        fixed=frozenset(),
        most_trials=7,
    )
    assert levers.best_within(1000.0) == Setting(7, 4, 1.0)


@pytest.mark.parametrize(("workers", "budget"), list(itertools.product((1, 3, 8), (5, 40, 333))))
def test_what_is_left_goes_to_as_many_trials_as_there_is_room_for(workers, budget):
    levers = Levers(
        workers=workers,
        num_parameters=2,
        full_epochs=27,
        epoch_choices=(1, 3, 9, 27),
        ladder_for=Ladder((1, 3, 9, 27), (Fraction(1, 3),) * 3).up_to,
        has_rungs=True,
        non_pure_train_ratio=0.2,
        first=Setting(1, 1, 1.0),
        fixed=frozenset(),
    )
    found = levers.best_within(budget)
    ladder = levers.ladder_for(found.epochs)
    room = [n for n in range(1, 3000) if ladder.wall(n, workers) <= budget]
    assert found.num_trials == max(room)
