from __future__ import annotations

import numpy as np
import pytest

from agcore.gp import Posterior, linear_algebra
from tests.gp.differences import assert_gradient
from tests.gp.surrogates import NAMES, model_named, rows, somewhere, targets


def conditioned(name="single", n=12, seed=0, noise=None):
    model, X = model_named(name), rows(n, seed=seed)
    values = model.parameters.values(somewhere(model))
    if noise is not None:
        values[0] = noise
    return Posterior.condition(model, values, X, targets(X))


def direct(posterior, Y, X):
    """Mean and variance by the textbook formulas."""
    model, Z = posterior.model, posterior.X
    noise, kernel_values, mean_values = model.split(posterior.values)
    cross = model.kernel.cross(kernel_values, Z)
    K, k = cross.matrix(Z) + noise * np.eye(len(Z)), cross.matrix(X)
    mean = model.mean(mean_values, X) + k @ np.linalg.solve(K, Y - model.mean(mean_values, Z))
    prior = model.kernel.diagonal(kernel_values, X)
    return mean, prior - np.sum(k * np.linalg.solve(K, k.T).T, axis=1)


@pytest.fixture(params=[0, 700], ids=["by solving", "by multiplying"])
def inverse_up_to(request, monkeypatch):
    monkeypatch.setattr(linear_algebra, "INVERSE_UP_TO", request.param)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("inverse_up_to")
def test_predictions_are_the_textbook_formulas(name):
    posterior, X = conditioned(name), rows(7, seed=5)
    mean, variance = posterior.predict(X)
    expected_mean, expected_variance = direct(posterior, targets(posterior.X), X)
    np.testing.assert_allclose(mean[:, 0], expected_mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(variance, expected_variance, rtol=1e-5, atol=1e-7)


def test_without_noise_the_data_are_interpolated():
    posterior = conditioned(noise=1e-9)
    mean, variance = posterior.predict(posterior.X)
    np.testing.assert_allclose(mean[:, 0], targets(posterior.X), atol=1e-5)
    assert variance.max() < 1e-6
    assert variance.min() >= 1e-12


def test_far_from_the_data_the_prior_returns():
    posterior = conditioned()
    mean, variance = posterior.predict(np.full((1, 3), 1e3))
    _, kernel_values, mean_values = posterior.model.split(posterior.values)
    assert mean[0, 0] == pytest.approx(mean_values[0])
    assert variance[0] == pytest.approx(kernel_values[-1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("inverse_up_to")
def test_appending_is_factorising_anew(name):
    whole = conditioned(name, n=15)
    y = targets(whole.X)
    part = Posterior.condition(whole.model, whole.values, whole.X[:10], y[:10])
    grown = part.append(whole.X[10:11], y[10:11]).append(whole.X[11:15], y[11:15])
    X = rows(6, seed=5)
    for ours, theirs in zip(grown.predict(X), whole.predict(X), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("inverse_up_to")
def test_the_same_appends_give_the_same_bits_whatever_was_asked_in_between():
    X, y = rows(15), targets(rows(15))

    def grown(busy):
        posterior = Posterior.condition(model, values, X[:10], y[:10])
        for i in range(10, 15):
            if busy:
                posterior.predict_with_pullback(X)
                posterior.fantasise(X[:2] + 0.01, np.random.default_rng(0), 3)
            posterior = posterior.append(X[i : i + 1], y[i : i + 1])
        return posterior.predict(X)

    model = model_named("single")
    values = model.parameters.values(somewhere(model))
    for quiet, busy in zip(grown(False), grown(True), strict=True):
        np.testing.assert_array_equal(quiet, busy)


def test_appending_leaves_the_posterior_as_it_was():
    posterior, X = conditioned(), rows(4, seed=7)
    before = posterior.predict(X)
    posterior.append(X, np.zeros(4))
    for old, new in zip(before, posterior.predict(X), strict=True):
        np.testing.assert_array_equal(old, new)


def test_duplicates_can_be_appended_without_noise():
    posterior = conditioned(noise=1e-9)
    grown = posterior.append(posterior.X[:3], targets(posterior.X)[:3])
    mean, variance = grown.predict(rows(5, seed=3))
    assert np.isfinite(mean).all()
    assert np.isfinite(variance).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("inverse_up_to")
def test_derivatives_of_mean_and_variance_are_pulled_back_to_inputs(name):
    posterior = conditioned(name).fantasise(rows(2, seed=9), np.random.default_rng(0), 3)
    X, rng = rows(5, seed=3), np.random.default_rng(1)
    by_mean, by_variance = rng.standard_normal((5, 3)), rng.standard_normal(5)

    def total(x):
        mean, variance = posterior.predict(x)
        return float(np.sum(by_mean * mean) + by_variance @ variance)

    prediction = posterior.predict_with_pullback(X)
    for _ in range(2):  # may be asked again
        assert_gradient(prediction.pullback(by_mean, by_variance), total, X)
    for ours, theirs in zip(
        (prediction.mean, prediction.variance), posterior.predict(X), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_joint_moments_have_the_marginals_that_are_predicted():
    posterior, X = conditioned(), rows(6, seed=2)
    mean, covariance = posterior.joint(X)
    marginal_mean, variance = posterior.predict(X)
    np.testing.assert_allclose(mean, marginal_mean, atol=1e-12)
    np.testing.assert_allclose(np.diag(covariance), variance, atol=1e-9)


def test_samples_have_the_joint_moments():
    posterior, X = conditioned(), rows(3, seed=2)
    draws = posterior.sample(X, np.random.default_rng(0), 200_000)
    mean, covariance = posterior.joint(X)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.mean(draws, axis=1), mean[:, 0], atol=0.02 * sd.max())
    np.testing.assert_allclose(np.cov(draws), covariance, atol=0.02 * sd.max() ** 2)


def test_fantasies_have_columns_of_means_and_one_variance():
    posterior = conditioned().fantasise(rows(2, seed=9), np.random.default_rng(0), 7)
    mean, variance = posterior.predict(rows(4, seed=3))
    assert mean.shape == (4, 7)
    assert variance.shape == (4,)
    assert posterior.num_targets == 7


def test_the_mean_over_fantasies_is_the_posterior_given_the_mean_fantasy():
    base, pending = conditioned(), rows(3, seed=9)
    draws = base.sample(pending, np.random.default_rng(0), 7)
    fantasised = base.fantasise(pending, np.random.default_rng(0), 7)
    averaged = base.append(pending, draws.mean(axis=1))
    X = rows(4, seed=3)
    np.testing.assert_allclose(
        fantasised.predict(X)[0].mean(axis=1), averaged.predict(X)[0][:, 0], atol=1e-9
    )


def test_fantasies_leave_the_mean_where_it_was_on_average():
    base, pending, X = conditioned(), rows(2, seed=9), rows(4, seed=3)
    many = base.fantasise(pending, np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(many.predict(X)[0].mean(axis=1), base.predict(X)[0][:, 0], atol=0.02)


@pytest.mark.parametrize("fantasies", [0, 4])
def test_beliefs_leave_means_and_shrink_variances(fantasies):
    posterior, believed, X = conditioned(), rows(3, seed=9), rows(4, seed=3)
    if fantasies:
        posterior = posterior.fantasise(rows(2, seed=8), np.random.default_rng(0), fantasies)
    believing = posterior.believe(believed)
    (before, variance), (after, smaller) = posterior.predict(X), believing.predict(X)
    np.testing.assert_allclose(after, before, atol=1e-9)
    np.testing.assert_array_equal(posterior.means(X), before)
    assert (smaller < variance).all()
    noise = float(posterior.values[0])
    assert (believing.predict(believed)[1] <= noise * 1.001).all()


def test_pending_points_may_repeat():
    pending = np.repeat(rows(1, seed=9), 3, axis=0)
    posterior = conditioned().fantasise(pending, np.random.default_rng(0), 5)
    assert np.isfinite(posterior.predict(rows(4))[0]).all()


def test_a_fantasised_posterior_is_not_sampled():
    posterior = conditioned().fantasise(rows(1), np.random.default_rng(0), 4)
    with pytest.raises(ValueError, match="cannot sample given 4 target columns"):
        posterior.sample(rows(2), np.random.default_rng(0), 1)


def test_one_observation_is_enough():
    posterior = conditioned(n=1)
    mean, variance = posterior.predict(rows(3))
    assert np.isfinite(mean).all()
    assert (variance > 0).all()


def test_more_points_than_the_inverse_is_kept_for_are_grown_and_predicted():
    rng = np.random.default_rng(0)
    model = model_named("single")
    X = rng.random((linear_algebra.INVERSE_UP_TO + 5, 3))
    y = targets(X)
    values = model.parameters.values(somewhere(model))
    whole = Posterior.condition(model, values, X, y)
    grown = Posterior.condition(model, values, X[:-3], y[:-3]).append(X[-3:], y[-3:])
    for ours, theirs in zip(grown.predict(X[:5]), whole.predict(X[:5]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_the_means_at_the_data_are_those_that_are_predicted_there(name):
    for posterior in (
        conditioned(name),
        conditioned(name).fantasise(rows(3, seed=9), np.random.default_rng(0), 4),
    ):
        expected = posterior.predict(posterior.X)[0]
        np.testing.assert_allclose(posterior.training_means(), expected, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("inverse_up_to")
def test_leaving_one_out_is_conditioning_on_the_others(name):
    posterior = conditioned(name, n=9).append(rows(3, seed=4), targets(rows(3, seed=4)))
    left_out = np.array([11, 0, 7])
    means, variances = posterior.leave_one_out(left_out)
    for row, mean, variance in zip(left_out, means, variances, strict=True):
        X, Y = np.delete(posterior.X, row, axis=0), np.delete(posterior.Y, row, axis=0)
        others = Posterior.condition(posterior.model, posterior.values, X, Y)
        expected, expected_variance = others.predict(posterior.X[[row]])
        np.testing.assert_allclose(mean, expected[0], rtol=1e-5, atol=1e-6)
        assert variance == pytest.approx(expected_variance[0], rel=1e-4, abs=1e-6)


def test_leaving_out_one_of_two_equal_points_without_noise_leaves_no_doubt():
    posterior = conditioned(noise=1e-9)
    twice = posterior.append(posterior.X[:1], posterior.Y[:1])
    _, variances = twice.leave_one_out(np.array([0, 12]))
    assert (variances >= 1e-12).all()
    assert (variances < 1e-4).all()


def test_data_changed_afterwards_do_not_change_the_posterior():
    model, X = model_named("single"), rows(6)
    y = targets(X)
    values = model.parameters.values(somewhere(model))
    posterior = Posterior.condition(model, values, X, y)
    before = posterior.predict(rows(3, seed=4))[0]
    X[:], y[:] = 0.0, 0.0
    posterior.append(rows(1, seed=5), np.zeros(1))
    np.testing.assert_array_equal(posterior.predict(rows(3, seed=4))[0], before)
