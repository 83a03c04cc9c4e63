from __future__ import annotations

import numpy as np
import pytest

from tests.gp.differences import assert_gradient
from tests.gp.surrogates import NAMES, model_named, rows, somewhere


def mean_and_values(name):
    model = model_named(name)
    values = model.parameters.values(somewhere(model))
    return model.mean, values[model.mean_at]


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_pulled_back_to_values(name):
    mean, values = mean_and_values(name)
    X, weights = rows(6), np.random.default_rng(0).standard_normal(6)
    gradient = mean.pull_to_values(values, X, weights)
    assert_gradient(gradient, lambda v: float(weights @ mean(v, X)), values)


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_is_differentiated_by_inputs(name):
    mean, values = mean_and_values(name)
    X = rows(6)
    gradient = mean.input_gradient(values, X)
    gradient = np.zeros_like(X) if gradient is None else gradient
    assert_gradient(gradient, lambda x: float(np.sum(mean(values, x))), X)


def test_the_constant_mean_is_the_same_everywhere():
    mean, _ = mean_and_values("single")
    np.testing.assert_array_equal(mean(np.array([0.7]), rows(3)), [0.7] * 3)
