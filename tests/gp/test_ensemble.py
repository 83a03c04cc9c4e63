"""A weighted sum of posteriors has the moments and the gradient of that sum."""

from __future__ import annotations

import numpy as np
import pytest

from agcore.gp import ExpectedImprovement, Posterior, WeightedEnsemble
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import model_named, rows, somewhere, targets


def member(n, seed):
    model, X = model_named("single"), rows(n, seed=seed)
    values = model.parameters.values(somewhere(model, seed))
    return Posterior.condition(model, values, X, targets(X, seed))


def fantasised(posterior, num_samples=4):
    return posterior.fantasise(rows(2, seed=9), np.random.default_rng(0), num_samples)


MEMBERS = (member(12, 0), fantasised(member(7, 1)), member(5, 2))
WEIGHTS = (0.5, 0.3, 0.2)
ENSEMBLE = WeightedEnsemble(MEMBERS, WEIGHTS)


def test_means_add_up_with_the_weights_and_variances_with_their_squares():
    X = rows(6, seed=5)
    mean, variance = ENSEMBLE.predict(X)
    parts = [m.predict(X) for m in MEMBERS]
    for column in range(4):
        expected = sum(
            w * (m[:, column] if m.shape[1] > 1 else m[:, 0])
            for w, (m, _) in zip(WEIGHTS, parts, strict=True)
        )
        np.testing.assert_allclose(mean[:, column], expected, rtol=1e-12)
    expected = sum(w**2 * v for w, (_, v) in zip(WEIGHTS, parts, strict=True))
    np.testing.assert_allclose(variance, expected, rtol=1e-12)


def test_draws_of_the_members_have_the_moments_of_the_ensemble():
    plain = [member(12, 0), member(7, 1)]
    X, rng = rows(3, seed=6), np.random.default_rng(3)
    draws = sum(w * m.sample(X, rng, 40_000) for w, m in zip((0.7, 0.3), plain, strict=True))
    mean, variance = WeightedEnsemble(plain, (0.7, 0.3)).predict(X)
    np.testing.assert_allclose(draws.mean(axis=1), mean[:, 0], atol=0.02)
    np.testing.assert_allclose(draws.var(axis=1), variance, rtol=0.05)


def test_a_single_member_of_weight_one_is_itself():
    X = rows(6, seed=5)
    ensemble = WeightedEnsemble(MEMBERS, (0.0, 1.0, 0.0))
    for found, expected in zip(ensemble.predict(X), MEMBERS[1].predict(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(ensemble.Y, MEMBERS[1].Y)


def test_derivatives_are_pulled_back_to_inputs():
    X, rng = rows(5, seed=3), np.random.default_rng(1)
    by_mean, by_variance = rng.standard_normal((5, 4)), rng.standard_normal(5)

    def total(x):
        mean, variance = ENSEMBLE.predict(x)
        return float(np.sum(by_mean * mean) + by_variance @ variance)

    prediction = ENSEMBLE.predict_with_pullback(X)
    for _ in range(2):  # may be asked again
        assert_gradient(prediction.pullback(by_mean, by_variance), total, X)
    found = (prediction.mean, prediction.variance)
    for ours, theirs in zip(found, ENSEMBLE.predict(X), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_its_improvement_has_a_gradient():
    acquisition, X = ExpectedImprovement(ENSEMBLE, np.full(4, -0.3)), rows(5, seed=3)
    _, gradient = acquisition.with_gradient(X)
    assert_gradient(gradient, lambda x: float(acquisition(x).sum()), X)


def test_targets_stand_one_below_the_other_for_every_draw():
    assert ENSEMBLE.Y.shape == (12 + 9 + 5, 4)
    np.testing.assert_array_equal(ENSEMBLE.Y[12:21], MEMBERS[1].Y)
    np.testing.assert_array_equal(ENSEMBLE.Y[:12, 3], MEMBERS[0].Y[:, 0])


def test_weights_of_nothing_are_refused():
    with pytest.raises(ValueError, match="above 0 for at least one member"):
        WeightedEnsemble(MEMBERS, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="shorter"):
        WeightedEnsemble(MEMBERS, (1.0, 0.0))
