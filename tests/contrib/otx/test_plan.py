from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from agcore_contrib.otx.plan import Geometry, highest_power, total_cost

geometries = st.builds(
    lambda r, factor, eta: Geometry(r, r * factor, eta),
    st.integers(1, 10),
    st.integers(1, 300),
    st.integers(2, 5),
)


def trials_of(plans):
    return {i: [trials for trials, _ in plan.rungs] for i, plan in plans.items()}


def plan_of(maximum, eta, budget, num_reserved=0):
    return Geometry(1, maximum, eta).within(Fraction(budget), num_reserved)


# The worked examples of OTX's planning.


@pytest.mark.parametrize(
    ("maximum", "eta", "budget", "expected"),
    [
        (64, 4, 256, {3: [64, 16, 4, 1]}),
        (64, 4, 6400, {0: [15], 1: [48, 12], 2: [176, 44, 11], 3: [704, 176, 44, 11]}),
        (90, 3, 360, {4: [81, 27, 9, 3, 1]}),
        (90, 3, 180, {1: [3, 1]}),
        (90, 3, 720, {0: [1], 3: [27, 9, 3, 1], 4: [81, 27, 9, 3, 1]}),
    ],
)
def test_the_worked_examples_come_out(maximum, eta, budget, expected):
    assert trials_of(plan_of(maximum, eta, budget)) == expected


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (20, {0: [1]}),
        (40, {0: [2]}),
        (80, {0: [1], 2: [9, 3, 1]}),
        (160, {0: [3], 1: [3, 1], 2: [9, 3, 1]}),
    ],
)
def test_the_worked_examples_with_a_first_trial_in_full_come_out(budget, expected):
    assert trials_of(plan_of(20, 3, budget, num_reserved=1)) == expected


def test_full_hyperband_costs_what_the_example_says():
    geometry = Geometry(1, 64, 4)
    assert geometry.highest_bracket == 3
    assert total_cost(geometry.full()) == 848
    assert total_cost(Geometry(1, 90, 3).full()) == 1560
    assert [float(epochs) for _, epochs in plan_of(90, 3, 360)[4].rungs] == pytest.approx(
        [90 / 81, 90 / 27, 10, 30, 90]
    )


def test_decrease_and_increase_use_most_of_the_budget():
    for ratio in (4, 100):
        budget = 64 * ratio
        assert 0.8 * budget <= total_cost(plan_of(64, 4, budget)) <= budget


@given(geometries, st.integers(1, 20_000))
def test_no_plan_exceeds_its_budget(geometry, budget):
    assert total_cost(geometry.within(Fraction(budget))) <= budget


@given(geometries, st.integers(1, 5_000))
def test_whole_epochs_never_cost_more_than_the_plan(geometry, budget):
    for plan in geometry.within(Fraction(budget)).values():
        epochs = [0, *(int(at) for _, at in plan.rungs)]
        counts = [count for count, _ in plan.rungs]
        steps = [high - low for low, high in pairwise(epochs)]
        assert all(step > 0 for step in steps)
        assert sum(n * step for n, step in zip(counts, steps, strict=True)) <= plan.cost


@given(geometries)
def test_the_formula_of_the_cost_is_the_sum_over_the_rungs(geometry):
    for plan in geometry.full().values():
        before = Fraction(0)
        cost = Fraction(0)
        for count, epochs in plan.rungs:
            cost += count * (epochs - before)
            before = epochs
        assert plan.cost == cost


@given(geometries, st.integers(0, 3000), st.integers(1, 3))
def test_trials_that_run_in_full_already_always_have_a_place(geometry, budget, num_reserved):
    plans = geometry.within(Fraction(budget), num_reserved)
    assert plans[0].num_top >= num_reserved


@given(st.integers(2, 12), st.integers(0, 12))
def test_powers_are_counted_exactly(base, k):
    assert highest_power(Fraction(base**k), base) == k  # int(log(243) / log(3)) is 4
    assert highest_power(Fraction(base**k) - Fraction(1, 10**9), base) == max(k - 1, 0)


def test_the_geometry_that_a_float_logarithm_gets_wrong_is_planned():
    assert trials_of(plan_of(125, 5, 500)) == {3: [125, 25, 5, 1]}
