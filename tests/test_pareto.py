"""Fronts, epsilon nets and scalarisations are what their definitions say, written out on lists."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.pareto import (
    FrontSorting,
    augmented_tchebycheff,
    dominate,
    epsilon_net,
    non_dominated,
    places_in_front,
    scaled,
    simplex_weights,
    weighted_sum,
)


@st.composite
def clouds(draw, least=0, most=24):
    """Points with few distinct values, so that ties are frequent, or with many."""
    size = draw(st.integers(2, 4))
    value = draw(st.sampled_from([st.integers(0, 3).map(float), st.floats(-1e6, 1e6)]))
    points = draw(st.lists(st.tuples(*[value] * size), min_size=least, max_size=most))
    return np.asarray(points).reshape(-1, size)


def dominates(a, b):
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(
        x > y for x, y in zip(a, b, strict=True)
    )


def fronts_by_definition(points):
    """Take the non-dominated points away, again and again."""
    left, fronts, number = set(range(len(points))), [0] * len(points), 0
    while left:
        front = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in front:
            fronts[i] = number
        left, number = left - front, number + 1
    return fronts


# -- dominance -----------------------------------------------------------------------------


@given(points=clouds(least=1))
def test_dominators_of_a_point_are_those_of_the_definition(points):
    expected = [dominates(point, points[0]) for point in points]
    assert dominate(points, points[0]).tolist() == expected


@given(points=clouds())
def test_a_point_is_non_dominated_if_no_other_dominates_it(points):
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert non_dominated(points).tolist() == expected


@given(points=clouds())
def test_fronts_of_points_that_come_one_by_one_are_those_of_the_definition(points):
    sorting = FrontSorting(points.shape[1])
    for number, point in enumerate(points):
        assert sorting.add(point) == number
        assert sorting.fronts.tolist() == fronts_by_definition(points[: number + 1])
    assert sorting.points.tolist() == points.tolist()


@given(points=clouds(least=1), data=st.data())
def test_fronts_do_not_depend_on_the_order_of_arrival(points, data):
    order = data.draw(st.permutations(range(len(points))))
    first, second = FrontSorting(points.shape[1]), FrontSorting(points.shape[1])
    for index in range(len(points)):
        first.add(points[index])
        second.add(points[order[index]])
    assert first.fronts[order].tolist() == second.fronts.tolist()


# -- epsilon nets --------------------------------------------------------------------------


def in_units_of_the_range(points):
    span = np.ptp(points, axis=0)
    return (points - points.min(axis=0)) / np.where(span > 0, span, 1)


@given(points=clouds(least=1, most=12))
def test_each_point_of_an_epsilon_net_is_the_farthest_from_those_before(points):
    order = epsilon_net(points).tolist()
    assert sorted(order) == list(range(len(points)))
    assert points[order[0], 0] == points[:, 0].max()
    units = in_units_of_the_range(points)
    for k in range(1, len(order)):
        nearest = [min(np.linalg.norm(units[i] - units[j]) for j in order[:k]) for i in order[k:]]
        assert nearest[0] == pytest.approx(max(nearest), abs=1e-9)


def test_the_second_and_third_are_the_other_end_and_the_middle():
    line = np.asarray([(float(x), 10.0 - x) for x in range(11)])
    assert epsilon_net(line).tolist()[:3] == [10, 0, 5]


@given(factor=st.sampled_from([1e-6, 0.125, 1000.0]), points=clouds(least=1))
def test_units_do_not_change_an_epsilon_net_of_whole_numbers(factor, points):
    points = np.round(points)
    if factor == 0.125:  # a power of two changes no bit
        assert epsilon_net(points * factor).tolist() == epsilon_net(points).tolist()
    assert epsilon_net(points * factor)[0] == epsilon_net(points)[0]


@given(points=clouds(least=1))
def test_equal_points_share_a_place_and_all_others_are_in_the_order_of_the_net(points):
    places = places_in_front(points)
    for i, place in enumerate(places):
        ahead = sum(other < place for other in places)
        assert place == ahead
        for j, other in enumerate(places):
            assert (place == other) == (points[i].tolist() == points[j].tolist())


def test_without_equal_points_places_are_those_of_the_net():
    points = np.asarray([(float(x * x), -float(x)) for x in range(8)])
    places = places_in_front(points)
    assert np.argsort(places).tolist() == epsilon_net(points).tolist()


# -- scalarisations ------------------------------------------------------------------------


def test_weights_are_uniform_on_the_simplex():
    weights = simplex_weights(np.random.default_rng(3), 20_000, 3)
    assert np.allclose(weights.sum(axis=1), 1)
    assert (weights >= 0).all()
    assert np.allclose(weights.mean(axis=0), 1 / 3, atol=0.01)
    # The share of the simplex where a weight exceeds t is (1 - t) ** 2.
    assert (weights[:, 0] > 0.5).mean() == pytest.approx(0.25, abs=0.015)


weight_lists = st.lists(
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=1, max_size=5
).map(np.asarray)
unit = st.floats(0, 1)


@given(weights=weight_lists, point=st.tuples(unit, unit).map(np.asarray), rho=st.floats(0, 2))
def test_scalarisations_are_those_of_the_formulas(weights, point, rho):
    sums = [w[0] * point[0] + w[1] * point[1] for w in weights]
    assert weighted_sum(weights, point) == pytest.approx(max(sums))
    tchebycheff = [
        min(w[0] * point[0], w[1] * point[1]) + rho * total
        for w, total in zip(weights, sums, strict=True)
    ]
    assert augmented_tchebycheff(weights, point, rho) == pytest.approx(max(tchebycheff))


@given(weights=weight_lists, low=st.tuples(unit, unit), more=st.tuples(unit, unit))
def test_no_scalarisation_falls_when_an_objective_rises(weights, low, more):
    point = np.asarray(low)
    better = point + np.asarray(more)
    assert weighted_sum(weights, better) >= weighted_sum(weights, point)
    for rho in (0.0, 0.05):
        before = augmented_tchebycheff(weights, point, rho)
        assert augmented_tchebycheff(weights, better, rho) >= before


def test_scaling_takes_the_range_to_the_unit_interval_without_overflow():
    low, high = np.asarray([-1e308, 2.0]), np.asarray([1e308, 2.0])
    points = np.asarray([[-1e308, 2.0], [0.0, 2.0], [1e308, 2.0]])
    assert scaled(points, low, high).tolist() == [[0, 0.5], [0.5, 0.5], [1, 0.5]]
