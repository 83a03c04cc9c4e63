from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from agcore.gp import classic, default
from agcore.gp.likelihood import NegativeLogPosterior
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import NAMES, model_named, rows, somewhere, targets


@pytest.mark.parametrize("name", NAMES)
def test_the_objective_is_the_normal_density_times_the_priors(name):
    model, X = model_named(name), rows(9)
    y, internal = targets(X), somewhere(model)
    values = model.parameters.values(internal)
    noise, kernel_values, mean_values = model.split(values)
    K = model.kernel.cross(kernel_values, X).matrix(X) + noise * np.eye(9)
    expected = -stats.multivariate_normal(model.mean(mean_values, X), K).logpdf(y)
    expected += model.parameters.negative_log_prior(values, np.zeros_like(values))
    assert NegativeLogPosterior(model, X, y)(internal)[0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("n", [1, 2, 9, 20])
@pytest.mark.parametrize("profile", ["classic", "default"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_finite_differences(name, profile, n):
    model = model_named(name, settings=classic() if profile == "classic" else default(3))
    X = rows(n)
    objective = NegativeLogPosterior(model, X, targets(X))
    internal = somewhere(model, seed=n)
    assert_gradient(objective(internal)[1], lambda t: objective(t)[0], internal, tolerance=3e-5)


def test_evaluations_on_the_same_buffers_do_not_disturb_each_other():
    model, X = model_named("exp-decay-combined"), rows(12)
    objective = NegativeLogPosterior(model, X, targets(X))
    first, other = somewhere(model, 1), somewhere(model, 2)
    value, gradient = objective(first)
    gradient = gradient.copy()
    objective(other)
    again, same = objective(first)
    assert again == value
    np.testing.assert_array_equal(same, gradient)
    assert objective.evaluations == 3


@pytest.mark.parametrize("name", NAMES)
def test_duplicate_rows_and_the_least_noise_are_no_obstacle(name):
    model = model_named(name)
    X = np.repeat(rows(4), 4, axis=0)
    objective = NegativeLogPosterior(model, X, targets(X))
    internal = somewhere(model)
    internal[0] = model.parameters.lower[0]
    value, gradient = objective(internal)
    assert math.isfinite(value)
    assert np.isfinite(gradient).all()


def test_targets_that_are_not_finite_give_infinity():
    model, X = model_named("single"), rows(4)
    value, gradient = NegativeLogPosterior(model, X, np.array([0.0, np.nan, 1.0, 2.0]))(
        somewhere(model)
    )
    assert value == math.inf
    np.testing.assert_array_equal(gradient, 0.0)


def test_inputs_that_are_not_finite_give_infinity():
    model, X = model_named("single"), rows(4)
    X[1, 1] = np.nan
    assert NegativeLogPosterior(model, X, np.zeros(4))(somewhere(model))[0] == math.inf
