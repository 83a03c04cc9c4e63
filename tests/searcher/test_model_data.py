import numpy as np
from hypothesis import given, strategies as st

from agcore.searcher.model_data import Case, ModelData


def row(value):
    return np.array([value, -value], dtype=float)


def test_rows_stand_in_the_order_in_which_they_came():
    data = ModelData(2)
    for number in range(50):  # beyond the first allocation
        data.add(Case(number, f"k{number}", None), row(number), number / 2)
    assert len(data) == 50
    assert data.X.tolist() == [[n, -n] for n in range(50)]
    assert data.y.tolist() == [n / 2 for n in range(50)]
    assert data.num_removals == 0


def test_the_next_value_of_a_trial_takes_the_place_of_a_provisional_one():
    data = ModelData(2)
    data.add(Case(0, "a", 1), row(1), 0.1, provisional=True)
    data.add(Case(1, "b", 1), row(2), 0.2, provisional=True)
    data.add(Case(0, "a", 2), row(3), 0.3, provisional=True)
    data.add(Case(0, "a", 3), row(4), 0.4)
    data.add(Case(0, "a", 4), row(5), 0.5)
    assert data.cases == [Case(1, "b", 1), Case(0, "a", 3), Case(0, "a", 4)]
    assert data.y.tolist() == [0.2, 0.4, 0.5]
    assert data.num_removals == 2


def test_values_without_a_trial_do_not_replace_one_another():
    data = ModelData(2)
    for number in range(3):
        data.add(Case(-1, "a", None), row(number), number, provisional=True)
    assert len(data) == 3


def test_the_last_row_of_a_case_is_taken_out():
    data = ModelData(2)
    for number in range(3):
        data.add(Case(-1, "a", None), row(number), number)
    data.add(Case(-1, "b", None), row(9), 9)
    data.remove(Case(-1, "a", None))
    assert data.y.tolist() == [0, 1, 9]
    assert data.X[-1].tolist() == [9, -9]


def test_taking_out_what_is_not_there_changes_nothing():
    data = ModelData(2)
    data.add(Case(0, "a", 1), row(1), 1)
    data.remove(Case(0, "a", 2))
    assert (len(data), data.num_removals) == (1, 0)


def test_rows_at_a_resource_are_found_by_number():
    data = ModelData(2)
    for number, resource in enumerate([1, 3, 1, None, 9]):
        data.add(Case(number, "a", resource), row(number), 0)
    assert data.rows_at(1).tolist() == [0, 2]
    assert data.rows_at(None).tolist() == [3]
    assert data.rows_at(7).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.booleans()), max_size=60))
def test_a_trial_has_one_provisional_row_at_most_and_it_is_its_last(steps):
    data, expected = ModelData(2), []
    for number, (trial, resource, is_provisional) in enumerate(steps):
        case = Case(trial, f"k{trial}", resource)
        expected = [e for e in expected if e[0].trial_id != trial or not e[2]]
        expected.append((case, number, is_provisional))
        data.add(case, row(number), number, provisional=is_provisional)
    assert set(data.cases) == {case for case, _, _ in expected}
    assert sorted(data.y.tolist()) == [number for _, number, _ in expected]
    assert data.X[:, 0].tolist() == data.y.tolist()
