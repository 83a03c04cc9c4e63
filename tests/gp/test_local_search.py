from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import ExpectedImprovement, Posterior, local_search_budget, maximise
from tests.gp.surrogates import model_named, rows, somewhere, targets


class Hill:
    """-|x - top|^2, whose maximum may lie outside the cube."""

    def __init__(self, top):
        self.top = np.array(top)

    def __call__(self, X):
        return -np.sum((X - self.top) ** 2, axis=1)

    def with_gradient(self, X):
        return self(X), -2.0 * (X - self.top)


class Broken(Hill):
    """Not finite everywhere but at the first evaluation."""

    calls = 0

    def with_gradient(self, X):
        self.calls += 1
        value, gradient = super().with_gradient(X)
        return (value, gradient) if self.calls == 1 else (value * np.nan, gradient * np.nan)


@given(
    top=st.lists(st.floats(-1, 2), min_size=3, max_size=3),
    num_starts=st.integers(1, 5),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_every_start_climbs_to_the_nearest_point_of_the_cube(top, num_starts, seed):
    starts = np.random.default_rng(seed).random((num_starts, 3))
    result = maximise(Hill(top), starts, max_evaluations=100)
    np.testing.assert_allclose(result.X, np.tile(np.clip(top, 0, 1), (num_starts, 1)), atol=0.02)
    assert result.X.min() >= 0
    assert result.X.max() <= 1


def test_fixed_coordinates_do_not_move():
    starts = np.random.default_rng(0).random((4, 3))
    free = np.array([True, False, True])
    result = maximise(Hill([0.5, 0.5, 0.5]), starts, free=free, max_evaluations=50)
    np.testing.assert_array_equal(result.X[:, 1], starts[:, 1])
    np.testing.assert_allclose(result.X[:, [0, 2]], 0.5, atol=0.02)


def test_each_start_may_fix_its_own_coordinates():
    starts = np.full((2, 2), 0.1)
    free = np.array([[True, False], [False, True]])
    result = maximise(Hill([0.7, 0.7]), starts, free=free, max_evaluations=50)
    np.testing.assert_allclose(result.X, [[0.7, 0.1], [0.1, 0.7]], atol=0.02)


def test_nothing_free_is_one_evaluation():
    starts = np.full((2, 2), 0.1)
    result = maximise(Hill([0.7, 0.7]), starts, free=np.zeros(2, bool), max_evaluations=50)
    np.testing.assert_array_equal(result.X, starts)
    assert result.evaluations == 1


def posterior_and_starts():
    model, X = model_named("single"), rows(15)
    values = model.parameters.values(somewhere(model))
    posterior = Posterior.condition(model, values, X, targets(X))
    return posterior, np.random.default_rng(0).random((6, 3))


@pytest.mark.parametrize("is_log", [True, False])
def test_no_start_ends_below_where_it_began_and_values_are_those_of_the_points(is_log):
    posterior, starts = posterior_and_starts()
    acquisition = ExpectedImprovement(posterior, -0.5, is_log=is_log)
    result = maximise(acquisition, starts, max_evaluations=30)
    assert (result.values >= acquisition(starts) - 1e-12).all()
    assert result.values.max() > acquisition(starts).max()
    np.testing.assert_allclose(acquisition(result.X), result.values, rtol=1e-9)


def test_the_same_starts_give_the_same_bits():
    posterior, starts = posterior_and_starts()
    first, second = (
        maximise(ExpectedImprovement(posterior, -0.5), starts, max_evaluations=30) for _ in range(2)
    )
    np.testing.assert_array_equal(first.X, second.X)


@pytest.mark.parametrize("budget", [1, 2, 5, 20])
def test_evaluations_stay_within_the_budget(budget):
    posterior, starts = posterior_and_starts()
    acquisition = ExpectedImprovement(posterior, -0.5)
    result = maximise(acquisition, starts, max_evaluations=budget)
    assert result.evaluations <= budget


def test_an_acquisition_that_breaks_down_leaves_the_starts():
    starts = np.random.default_rng(0).random((3, 2))
    result = maximise(Broken([0.5, 0.5]), starts, max_evaluations=30)
    np.testing.assert_array_equal(result.X, starts)
    assert np.isfinite(result.values).all()


def test_starts_outside_the_cube_are_moved_into_it():
    result = maximise(Hill([0.5, 0.5]), np.array([[1.5, -3.0]]), max_evaluations=1)
    np.testing.assert_array_equal(result.X, [[1.0, 0.0]])


def test_the_budget_falls_with_points_and_rises_with_dimensions():
    assert local_search_budget(2000, 8) < local_search_budget(100, 8)
    assert local_search_budget(30, 2) < local_search_budget(30, 8)
    assert local_search_budget(10**6, 8) >= 5
