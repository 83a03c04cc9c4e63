from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, stats

from agcore.gp import (
    ConstrainedImprovement,
    ExpectedImprovement,
    Posterior,
    ProbabilityOfFeasibility,
    UpperConfidenceBound,
    WithPrior,
    independent_thompson,
)
from agcore.gp.acquisition import log_improvement
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import NAMES, model_named, rows, somewhere, targets


def posterior_named(name="single", fantasies=1):
    model, X = model_named(name), rows(10)
    values = model.parameters.values(somewhere(model))
    posterior = Posterior.condition(model, values, X, targets(X))
    if fantasies > 1:
        return posterior.fantasise(rows(2, seed=8), np.random.default_rng(0), fantasies)
    return posterior


@given(st.floats(-30, 30))
@settings(derandomize=True, deadline=None)
def test_log_improvement_is_the_logarithm_of_the_formula(u):
    value, slope = log_improvement(np.array([u]))
    if u > -5:
        expected = u * stats.norm.cdf(u) + stats.norm.pdf(u)
        assert value[0] == pytest.approx(math.log(expected), rel=1e-9, abs=1e-12)
        assert slope[0] == pytest.approx(stats.norm.cdf(u) / expected, rel=1e-9)
    else:
        # E max(Z + u, 0) = phi(u) int_0^inf t exp(-t^2/2 + u t) dt
        area, _ = integrate.quad(lambda t: t * math.exp(-0.5 * t * t + u * t), 0, 20 / -u)
        assert value[0] == pytest.approx(stats.norm.logpdf(u) + math.log(area), rel=1e-7)


@pytest.mark.parametrize("u", [-1e-8, -1.0, -1e2, -1e3, -9.9e3, -1.01e4, -1e6, -1e9])
def test_log_improvement_is_smooth_and_finite_far_below_the_incumbent(u):
    h = 1e-4 * abs(u)
    points = np.array([u - h, u, u + h])
    value, slope = log_improvement(points)
    assert np.isfinite(value).all()
    # Minus the logarithm grows as u^2 / 2, so its slope is at least |u|.
    assert slope[1] >= abs(u) * (1 - 1e-9)
    assert slope[1] == pytest.approx((value[2] - value[0]) / (2 * h), rel=1e-4)


def test_log_improvement_does_not_jump_where_its_form_changes():
    for border in (-1.0, -1e4):
        below, above = log_improvement(np.array([border * (1 + 1e-12), border * (1 - 1e-12)]))[0]
        assert below == pytest.approx(above, rel=1e-8)


def test_expected_improvement_is_the_mean_of_improvements():
    posterior, X = posterior_named(), rows(3, seed=4)
    draws = posterior.predict(X)[0] + np.sqrt(posterior.predict(X)[1])[
        :, None
    ] * np.random.default_rng(0).standard_normal((3, 400_000))
    expected = np.mean(np.maximum(-0.3 - 0.1 - draws, 0.0), axis=1)
    plain = ExpectedImprovement(posterior, -0.3, jitter=0.1, is_log=False)(X)
    np.testing.assert_allclose(plain, expected, rtol=0.05, atol=1e-4)


@pytest.mark.parametrize("fantasies", [1, 6])
def test_the_logarithmic_form_is_the_logarithm_of_the_plain_one(fantasies):
    posterior, X = posterior_named(fantasies=fantasies), rows(9, seed=4)
    incumbent = np.linspace(-0.5, 0.5, fantasies)
    plain = ExpectedImprovement(posterior, incumbent, is_log=False)(X)
    np.testing.assert_allclose(ExpectedImprovement(posterior, incumbent)(X), np.log(plain))
    plain = ProbabilityOfFeasibility(posterior, 0.1, is_log=False)(X)
    logarithm = ProbabilityOfFeasibility(posterior, 0.1)(X)
    np.testing.assert_allclose(logarithm, np.log(plain), atol=1e-12)


def test_fantasies_are_averaged():
    posterior, X = posterior_named(fantasies=4), rows(3, seed=4)
    mean, variance = posterior.predict(X)
    incumbent = np.array([0.0, 0.1, -0.2, 0.3])
    u = (incumbent - mean) / np.sqrt(variance)[:, None]
    expected = np.mean(
        np.sqrt(variance)[:, None] * (u * stats.norm.cdf(u) + stats.norm.pdf(u)), axis=1
    )
    plain = ExpectedImprovement(posterior, incumbent, is_log=False)(X)
    np.testing.assert_allclose(plain, expected)


@pytest.mark.parametrize("fantasies", [1, 5])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kappa", [0.0, 2.576])
def test_the_confidence_bound_is_its_formula_and_has_its_gradient(kappa, name, fantasies):
    posterior, X = posterior_named(name, fantasies), rows(5, seed=4)
    bound = UpperConfidenceBound(posterior, kappa)
    mean, variance = posterior.predict(X)
    np.testing.assert_allclose(bound(X), -mean.mean(axis=1) + kappa * np.sqrt(variance))
    value, gradient = bound.with_gradient(X)
    np.testing.assert_allclose(value, bound(X), rtol=1e-10)
    assert_gradient(gradient, lambda x: float(np.sum(bound(x))), X, tolerance=3e-5)


def acquisitions(posterior, is_log):
    improvement = ExpectedImprovement(posterior, -0.5, jitter=0.01, is_log=is_log)
    feasibility = ProbabilityOfFeasibility(posterior, 0.2, is_log=is_log)
    return [
        improvement,
        feasibility,
        ConstrainedImprovement(improvement, feasibility, is_log=is_log),
        ConstrainedImprovement(None, feasibility, is_log=is_log),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("is_log", [True, False])
@pytest.mark.parametrize("fantasies", [1, 5])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name, fantasies, is_log, which):
    acquisition = acquisitions(posterior_named(name, fantasies), is_log)[which]
    X = rows(5, seed=4)
    value, gradient = acquisition.with_gradient(X)
    np.testing.assert_allclose(value, acquisition(X), rtol=1e-10)
    assert_gradient(gradient, lambda x: float(np.sum(acquisition(x))), X, tolerance=3e-5)


def test_the_gradient_survives_where_plain_improvement_is_zero():
    posterior = posterior_named()
    X = rows(4, seed=4)
    for incumbent in (-1e3, -1e8):
        value, gradient = ExpectedImprovement(posterior, incumbent).with_gradient(X)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()
        assert (np.abs(gradient).max(axis=1) > 0).all()
        assert (ExpectedImprovement(posterior, incumbent, is_log=False)(X) == 0).all()


def test_while_nothing_is_feasible_only_feasibility_counts():
    posterior, X = posterior_named(), rows(4, seed=4)
    feasibility = ProbabilityOfFeasibility(posterior, 0.2)
    np.testing.assert_array_equal(ConstrainedImprovement(None, feasibility)(X), feasibility(X))


def test_constrained_improvement_is_a_product():
    posterior, X = posterior_named(), rows(4, seed=4)
    improvement, feasibility, product, _ = acquisitions(posterior, False)
    np.testing.assert_allclose(product(X), improvement(X) * feasibility(X))


class Hill:
    """A log density with its peak at a half."""

    def __call__(self, X):
        return -np.sum((X - 0.5) ** 2, axis=1)

    def with_gradient(self, X):
        return self(X), -2 * (X - 0.5)


@pytest.mark.parametrize("is_log", [False, True])
def test_a_prior_counts_with_its_power(is_log):
    posterior, X = posterior_named(), rows(6, seed=5)
    improvement = ExpectedImprovement(posterior, 0.3, is_log=is_log)
    weighted = WithPrior(improvement, Hill(), 3.0, is_log=is_log)
    plain, density = improvement(X), np.exp(Hill()(X))
    expected = plain + 3 * np.log(density) if is_log else plain * density**3
    np.testing.assert_allclose(weighted(X), expected, rtol=1e-12)
    value, gradient = weighted.with_gradient(X)
    np.testing.assert_allclose(value, weighted(X), rtol=1e-10)
    assert_gradient(gradient, lambda x: float(np.sum(weighted(x))), X, tolerance=3e-5)


def test_thompson_draws_have_the_marginal_moments():
    posterior = posterior_named()
    X = np.repeat(rows(1, seed=4), 50_000, axis=0)
    draws = -independent_thompson(posterior, X, np.random.default_rng(0))
    mean, variance = posterior.predict(X[:1])
    assert np.mean(draws) == pytest.approx(mean[0, 0], abs=0.02)
    assert np.var(draws) == pytest.approx(variance[0], rel=0.05)
