from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import classic
from agcore.gp.packed import pair_indices
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import NAMES, model_named, rows, somewhere


def matern52(values, x, z):
    """The kernel as the books have it."""
    D = sum((w * (a - b)) ** 2 for w, a, b in zip(values[:-1], x, z, strict=True))
    B = math.sqrt(5 * D)
    return values[-1] * (1 + B + 5 * D / 3) * math.exp(-B)


def full(n, packed):
    """The symmetric matrix of a packed one."""
    K = np.empty((n, n))
    r, c = pair_indices(n)
    K[r, c] = K[c, r] = packed
    return K


def kernel_and_values(name, seed=0):
    model = model_named(name)
    return model.kernel, model.parameters.values(somewhere(model, seed))[model.kernel_at]


def test_the_matern_kernel_is_its_formula():
    kernel = classic().matern52(3)
    values = np.array([0.5, 2.0, 11.0, 1.7])
    X, Z = rows(6), rows(4, seed=1)
    expected = [[matern52(values, x, z) for z in Z] for x in X]
    np.testing.assert_allclose(kernel.cross(values, Z).matrix(X), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_training_matrix_cross_matrix_and_diagonal_agree(name):
    kernel, values = kernel_and_values(name)
    X = rows(9)
    K = kernel.cross(values, X).matrix(X)
    np.testing.assert_allclose(full(9, kernel.training(X).evaluate(values)), K, atol=1e-8)
    np.testing.assert_allclose(np.diag(K), kernel.diagonal(values, X), atol=1e-8)
    np.testing.assert_allclose(K, K.T, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 25), spread=st.floats(0, 3))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_every_kernel_matrix_is_positive_semi_definite(name, seed, n, spread):
    model = model_named(name)
    values = model.parameters.values(somewhere(model, seed, spread))[model.kernel_at]
    X = rows(n, seed=seed)
    X[n // 2 :] = X[: n - n // 2]  # with duplicates
    K = full(n, model.kernel.training(X).evaluate(values))
    assert np.linalg.eigvalsh(K).min() > -1e-9 * max(1.0, np.trace(K))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_entry_weights_are_pulled_back_to_values(name, n):
    kernel, values = kernel_and_values(name)
    training = kernel.training(rows(n))
    weights = np.random.default_rng(n).standard_normal(n * (n + 1) // 2)
    training.evaluate(values)
    gradient = training.pull_to_values(weights.copy())
    assert_gradient(gradient, lambda v: weights @ training.evaluate(v), values)


@pytest.mark.parametrize("name", NAMES)
def test_entry_weights_are_pulled_back_to_training_inputs(name):
    kernel, values = kernel_and_values(name)
    X = rows(6)
    weights = np.random.default_rng(0).standard_normal(21)

    def total(inputs):
        training = kernel.training(X)
        training.move(inputs)
        return weights @ training.evaluate(values)

    training = kernel.training(X)
    training.evaluate(values)
    assert_gradient(training.pull_to_inputs(weights), total, X)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("one_level", [True, False])
def test_weights_are_pulled_back_to_a_batch_of_inputs(name, one_level):
    kernel, values = kernel_and_values(name)
    cross = kernel.cross(values, rows(8))
    X = rows(5, seed=3)
    if one_level:
        X[:, -1] = 0.4
    W = np.random.default_rng(0).standard_normal((5, 8))
    K, pullback = cross.with_pullback(X)
    np.testing.assert_array_equal(K, cross.matrix(X))
    K[:] = np.nan  # the caller may overwrite it
    assert_gradient(pullback(W), lambda x: float(np.sum(W * cross.matrix(x))), X)


@pytest.mark.parametrize("name", NAMES)
def test_the_diagonal_is_differentiated_by_inputs(name):
    kernel, values = kernel_and_values(name)
    X = rows(5)
    gradient = kernel.diagonal_input_gradient(values, X)
    gradient = np.zeros_like(X) if gradient is None else gradient
    assert_gradient(gradient, lambda x: float(np.sum(kernel.diagonal(values, x))), X)


def test_long_arrays_are_worked_on_in_pieces_with_the_same_result():
    kernel = classic().matern52(3)
    values = np.array([1.0, 2.0, 3.0, 1.0])
    X, Z = rows(300), rows(100, seed=1)
    whole = kernel.cross(values, Z).matrix(X)
    parts = [kernel.cross(values, Z).matrix(X[i : i + 30]) for i in range(0, 300, 30)]
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-12)
