from __future__ import annotations

import math

import numpy as np
import pytest

from agcore.gp.bounded_search import minimise


class Valley:
    """Rosenbrock's function, which remembers what it was asked."""

    def __init__(self, cliff=math.inf):
        self.points = []
        self.cliff = cliff

    def __call__(self, x):
        self.points.append(x.copy())
        if x[0] > self.cliff:
            return math.inf, np.zeros(2)
        a, b = 1 - x[0], x[1] - x[0] ** 2
        gradient = np.array([-2 * a - 400 * x[0] * b, 200 * b])
        return a * a + 100 * b * b, gradient


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 25])
def test_the_bound_on_evaluations_is_exact(budget):
    valley = Valley()
    minimise(valley, np.array([-1.2, 1.0]), [(-2, 2)] * 2, max_evaluations=budget, tolerance=0.0)
    assert len(valley.points) == budget


def test_a_minimum_is_found_within_the_box():
    valley = Valley()
    minimise(valley, np.array([-1.2, 1.0]), [(-2, 2)] * 2, max_evaluations=200, tolerance=1e-12)
    np.testing.assert_allclose(valley.points[-1], [1.0, 1.0], atol=1e-4)
    assert np.max(np.abs(valley.points)) <= 2


def test_infinite_values_turn_the_search_back():
    valley = Valley(cliff=0.5)
    minimise(valley, np.array([-1.2, 1.0]), [(-2, 2)] * 2, max_evaluations=100, tolerance=1e-9)
    best = min(valley(x)[0] for x in list(valley.points))
    assert best < 1.0
