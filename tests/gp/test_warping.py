from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import Warped, classic
from agcore.gp.warping import KumaraswamyWarp
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import rows

exponents = st.floats(0.25, 4.0)


def test_exponents_of_one_change_nothing():
    X = rows(6)
    warp = KumaraswamyWarp([0, 2], np.ones(2), np.ones(2))
    np.testing.assert_allclose(warp(X), X, atol=2e-9)


@given(a=exponents, b=exponents)
@settings(derandomize=True, deadline=None)
def test_a_warp_is_its_formula_and_rises_from_zero_to_one(a, b):
    x = np.linspace(0, 1, 11)[:, None]
    r = x * (1 - 2e-9) + 1e-9
    warped = KumaraswamyWarp([0], np.array([a]), np.array([b]))(x)
    np.testing.assert_allclose(warped, 1 - (1 - r**a) ** b, rtol=1e-6, atol=1e-12)
    assert (np.diff(warped[:, 0]) >= 0).all()
    assert warped.min() >= 0
    assert warped.max() <= 1


@given(a=exponents, b=exponents, x=st.floats(0.01, 0.99))
@settings(derandomize=True, deadline=None)
def test_slopes_of_a_warp_are_those_of_finite_differences(a, b, x):
    def warped(t):
        return float(KumaraswamyWarp([0], t[1:2], t[2:])(t[:1, None])[0, 0])

    point = np.array([x, a, b])
    _, *slopes = KumaraswamyWarp([0], point[1:2], point[2:]).with_slopes(point[:1, None])
    assert_gradient([float(s[0, 0]) for s in slopes], warped, point)


@pytest.mark.parametrize("x", [-1e-12, 0.0, 1.0, 1.0 + 1e-12])
def test_the_ends_of_the_interval_have_finite_slopes(x):
    warp = KumaraswamyWarp([0], np.array([0.25]), np.array([0.25]))
    assert all(np.isfinite(part).all() for part in warp.with_slopes(np.array([[x]])))


def test_parameters_are_named_by_column():
    kernel = Warped(classic().matern52(3), [0, 2], classic().warping)
    names = [p.name for p in kernel.parameters[2:]]
    assert names == [
        "kernel_warping_a0", "kernel_warping_a2", "kernel_warping_b0", "kernel_warping_b2"
    ]  # fmt: skip


def test_a_kernel_on_warped_inputs_is_the_kernel_of_the_warped_inputs():
    matern52 = classic().matern52(3)
    kernel = Warped(matern52, [1, 2], classic().warping)
    values = np.array([1.0, 2.0, 3.0, 1.5, 0.5, 2.0, 3.0, 0.7])
    warp = KumaraswamyWarp([1, 2], values[4:6], values[6:])
    X, Z = rows(4), rows(5, seed=1)
    expected = matern52.cross(values[:4], warp(Z)).matrix(warp(X))
    np.testing.assert_array_equal(kernel.cross(values, Z).matrix(X), expected)


def test_several_warped_columns_are_pulled_back():
    kernel = Warped(classic().matern52(3), [0, 1], classic().warping)
    values = np.array([1.0, 2.0, 3.0, 1.5, 0.5, 2.0, 3.0, 0.7])
    training = kernel.training(rows(7))
    weights = np.random.default_rng(0).standard_normal(28)
    training.evaluate(values)
    gradient = training.pull_to_values(weights.copy())
    assert_gradient(gradient, lambda v: weights @ training.evaluate(v), values)
