"""Auto Config: the worked examples, and what differs from hpopt on purpose.

hpopt spends R trainings on the search and keeps the step that crosses the budget. Here the budget
is R - 1, the last configuration within it is taken, what is set stays, and trials are at most
20 W H. The steps in between are the same, so the examples are those of `growth` and of the totals.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore_contrib.hpopt.plan import (
    MIN_SUBSET_SIZE,
    Plan,
    Task,
    Tournament,
    Wishes,
    asha_cost,
    asha_plan,
    beginning,
    growth,
    smbo_plan,
)

# number: (task, k = 3: n, m, s, cost; k = 5; ASHA: n, m, s, epochs)
EXAMPLES = {
    1: (
        Task(10000, 20, 2, 4),
        (25, 5, 0.614305, 4.322),
        (31, 4, 0.784026, 5.129),
        (62, 20, 0.2, 179),
    ),
    2: (
        Task(1000, 50, 2, 2),
        (20, 9, 0.5, 2.160),
        (25, 6, 0.607753, 2.059),
        (42, 50, 0.5, 135),
    ),
    3: (
        Task(73257, 10, 2, 1),
        (12, 2, 0.281420, 1.020),
        (12, 2, 0.281420, 1.020),
        (10, 10, 0.2, 23),
    ),
    4: (
        Task(1000, 200, 3, 4, 0.3, 4),
        (65, 19, 0.5, 4.014),
        (85, 15, 0.5, 4.144),
        (838, 200, 0.5, 3939),
    ),
    5: (Task(400, 10, 2, 4), (20, 2, 1.0, 4.0), (20, 2, 1.0, 4.0), (15, 10, 1.0, 32)),
    6: (
        Task(5000, 90, 2, 2, 0.1),
        (21, 16, 0.505390, 2.071),
        (25, 12, 0.614305, None),
        (128, 90, 0.2, 538),
    ),
    9: (Task(0, 10, 2, 2), (10, 2, 1.0, 2.0), (10, 2, 1.0, 2.0), (8, 10, 1.0, 20)),
}


def crossing(task, budget, weight=3, start=None):
    """The first configuration that costs at least the budget, and the one before it."""
    before = plan = beginning(task, Wishes()) if start is None else start
    steps = growth(plan, task, Wishes(), weight)
    while plan.cost(task) < budget * (1 - 1e-9):
        before, plan = plan, next(steps)
    return plan, before


@pytest.mark.parametrize("number", EXAMPLES)
@pytest.mark.parametrize("which", [3, 5])
def test_the_steps_of_bayesian_optimisation_are_those_of_the_worked_examples(number, which):
    task, *expected = EXAMPLES[number]
    trials, epochs, ratio, cost = expected[which == 5]
    found, _ = crossing(task, task.time_ratio, which)
    assert (found.num_trials, found.max_iterations) == (trials, epochs)
    assert found.subset_ratio == pytest.approx(ratio, abs=1e-6)
    if cost is not None:
        assert found.cost(task) == pytest.approx(cost, abs=1e-3)


def test_the_trace_of_the_third_example():
    task = EXAMPLES[3][0]
    plan = beginning(task, Wishes())
    costs = [plan.cost(task)]
    costs += [step.cost(task) for step, _ in zip(growth(plan, task, Wishes()), range(9))]  # noqa: B905
    expected = [0.72, 0.736, 0.7528, 0.7704, 0.789, 0.8084, 0.8893, 0.9117, 0.9353, 1.0203]
    assert costs == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("start", "expected"),
    [({"num_trials": 8}, (25, 5, 0.601655)), ({"max_iterations": 10}, (16, 10, 0.387832))],
)
def test_what_is_set_was_a_starting_point_in_hpopt_and_stays_here(start, expected):
    task = Task(2000, 20, 2, 4)
    found, _ = crossing(task, 4, start=replace(beginning(task, Wishes()), **start))
    assert (found.num_trials, found.max_iterations) == expected[:2]
    assert found.subset_ratio == pytest.approx(expected[2], abs=1e-6)
    ours = smbo_plan(task, Wishes(**start))
    assert all(getattr(ours, name) == value for name, value in start.items())
    assert ours.cost(task) <= 3


def smallest_asha(task, budget):
    plan = asha_plan(replace(task, time_ratio=1e9), Wishes(1), Tournament())
    while asha_cost(plan, task) < budget * (1 - 1e-9):
        plan = asha_plan(replace(task, time_ratio=1e9), Wishes(plan.num_trials + 1), Tournament())
    return plan


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6, 9])
def test_the_totals_of_asha_are_those_of_the_worked_examples(number):
    task, _, _, (trials, epochs, ratio, total) = EXAMPLES[number]
    found = smallest_asha(task, 0.8 * task.time_ratio)
    assert found == Plan(trials, epochs, pytest.approx(ratio), total)


def test_the_total_of_the_example_with_four_workers():
    task, *_, (trials, epochs, ratio, total) = EXAMPLES[4]
    assert Tournament().total_epochs(trials, epochs) == total
    assert asha_cost(Plan(trials, epochs, ratio, total), task) >= 3.2
    fewer = Plan(trials, epochs, ratio, Tournament().total_epochs(trials - 1, epochs))
    assert asha_cost(fewer, task) < 3.2


def test_totals_for_few_trials():
    counts = {1: 1, 2: 3, 3: 4, 4: 8, 8: 20, 16: 48}
    assert {n: Tournament().total_epochs(n, 20) for n in counts} == counts


@pytest.mark.parametrize(
    ("number", "beyond", "asha"), [(1, (23, 4, 0.5851, 3.073), 48), (2, (14, 6, 0.5, 1.008), 24)]
)
def test_with_the_budget_of_the_guide_the_last_configuration_within_it_is_taken(
    number, beyond, asha
):
    task = EXAMPLES[number][0]
    plan, before = crossing(task, task.budget)
    assert (plan.num_trials, plan.max_iterations) == beyond[:2]
    assert plan.subset_ratio == pytest.approx(beyond[2], abs=1e-4)
    assert plan.cost(task) == pytest.approx(beyond[3], abs=1e-3)
    ours = smbo_plan(task, Wishes())
    assert replace(ours, num_epochs=0) == before
    assert smallest_asha(task, 0.8 * task.budget).num_trials == asha
    assert asha_plan(task, Wishes(), Tournament()).num_trials == asha - 1


def test_trials_are_capped_and_it_ends_when_nothing_can_grow():
    task = Task(1000, 4, 2, 1000, num_workers=2)
    assert smbo_plan(task, Wishes()) == Plan(80, 4, 1.0, 320)
    assert smbo_plan(task, Wishes(num_trials=7)) == Plan(7, 4, 1.0, 28)


wishes = st.builds(
    Wishes,
    st.none() | st.integers(1, 12),
    st.none() | st.integers(1, 20),
    st.none() | st.floats(0.05, 1),
)


@given(
    st.builds(
        Task,
        st.sampled_from([0, 300, 700, 5000, 10**6]),
        st.integers(1, 60),
        st.integers(1, 4),
        st.floats(1.01, 8),
        st.floats(0.05, 0.6),
        st.integers(1, 4),
    ),
    wishes,
    st.booleans(),
)
@settings(derandomize=True, deadline=None)
def test_no_plan_exceeds_the_budget_moves_what_is_set_or_has_too_few_samples(task, given, is_asha):
    try:
        plan = asha_plan(task, given, Tournament()) if is_asha else smbo_plan(task, given)
    except SpecError as error:
        assert "leaves" in str(error)
        return
    cost = asha_cost(plan, task) if is_asha else plan.cost(task)
    if not given.is_complete:
        assert cost <= task.budget * (1 + 1e-6)
        workers = task.num_workers if is_asha else 1
        assert plan.num_epochs <= task.budget_epochs(plan.subset_ratio, workers)
    assert plan.num_trials == (given.num_trials or plan.num_trials)
    assert plan.max_iterations == (given.max_iterations or plan.max_iterations)
    if task.num_samples:
        least = min(MIN_SUBSET_SIZE, task.num_samples)
        assert int(plan.subset_ratio * task.num_samples) >= least
    if given.subset_ratio is not None:
        assert plan.subset_ratio in (given.subset_ratio, task.floored(given.subset_ratio))


def test_brackets_share_trials_and_leave_out_low_rungs():
    tournament = Tournament(1, 3, 3)
    assert tournament.brackets(27) == [(1, 3, 9, 27), (3, 9, 27), (9, 27)]
    assert sum(tournament.shares(27)) == pytest.approx(1)
    assert tournament.total_epochs(30, 27) > Tournament(1, 3, 1).total_epochs(30, 27)
    assert Tournament(3, 3).brackets(27) == [(3, 9, 27)]
    assert Tournament(4, 3, 5).brackets(4) == [(4,)]
    assert Tournament(4, 3, 5).total_epochs(7, 4) == 28


def test_a_ratio_of_one_leaves_no_budget():
    for plan in (lambda t: smbo_plan(t, Wishes()), lambda t: asha_plan(t, Wishes(), Tournament())):
        for ratio in (1, 0.5):
            with pytest.raises(SpecError, match=r"expected_time_ratio=.* must be above 1"):
                plan(Task(1000, 10, 2, ratio))


def test_what_is_set_and_exceeds_the_budget_is_refused_in_words():
    wishes = Wishes(num_trials=50, max_iterations=10)
    with pytest.raises(SpecError, match=r"num_trials=50, max_iterations=10 costs 18 .* leaves 3"):
        smbo_plan(Task(10000, 10, 2, 4), wishes)
    with pytest.raises(SpecError, match=r"num_trials=500 costs .* leaves 1"):
        asha_plan(Task(10000, 10, 2, 2), Wishes(num_trials=500), Tournament())
