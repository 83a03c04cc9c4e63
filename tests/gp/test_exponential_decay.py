from __future__ import annotations

import numpy as np
import pytest

from agcore.gp import classic, resource_kernel
from agcore.gp.exponential_decay import Decay
from tests.gp.surrogates import rows
from tests.gp.test_kernels import matern52

NAMES = {"exp-decay-sum": 0.0, "exp-decay-combined": 0.3, "exp-decay-delta1": 1.0}
W, ALPHA, LAM, GAMMA, MU = [0.7, 2.0, 1.3], 2.5, 0.8, 1.1, -0.4


def named_values(model, delta):
    values = {
        "noise_variance": 1e-3,
        "kernel_kernelx_inv_bw0": W[0],
        "kernel_kernelx_inv_bw1": W[1],
        "kernel_kernelx_covariance_scale": W[2],
        "kernel_alpha": ALPHA,
        "kernel_mean_lam": LAM,
        "kernel_gamma": GAMMA,
        "kernel_delta": delta,
        "kernel_meanx_mean_value": MU,
    }
    known = model.parameters.names
    return model.parameters.from_dict({k: v for k, v in values.items() if k in known})


def kappa(r):
    beta = ALPHA / LAM
    return (beta / (r + beta)) ** ALPHA


def covariance(x, z, delta):
    r, s = x[-1], z[-1]
    factor = 1 - delta * (kappa(r) + kappa(s) - delta * kappa(r + s))
    spread = (GAMMA - delta * MU) ** 2 * (kappa(r + s) - kappa(r) * kappa(s))
    return matern52(W, x[:-1], z[:-1]) * factor + spread


@pytest.mark.parametrize(("name", "delta"), NAMES.items())
def test_kernel_and_mean_are_their_formulas(name, delta):
    model = resource_kernel(name, 2, classic(), gamma_scale=2.0)
    values = named_values(model, delta)
    _, kernel_values, mean_values = model.split(values)
    X, Z = rows(6), rows(5, seed=1)
    expected = [[covariance(x, z, delta) for z in Z] for x in X]
    np.testing.assert_allclose(
        model.kernel.cross(kernel_values, Z).matrix(X), expected, rtol=1e-7, atol=1e-10
    )
    curve = [MU + kappa(x[-1]) * (GAMMA - delta * MU) for x in X]
    np.testing.assert_allclose(model.mean(mean_values, X), curve, rtol=1e-12)


def test_curves_have_the_moments_of_their_definition():
    # f(x, r) = gamma e^(-lambda r) + (1 - delta e^(-lambda r)) f(x), lambda ~ Gamma.
    rng = np.random.default_rng(0)
    decay = Decay(alpha=ALPHA, mean_lam=LAM, gamma=GAMMA, delta=0.3, mu=MU)
    lam = rng.gamma(ALPHA, LAM / ALPHA, 400_000)
    f = MU + rng.standard_normal(400_000) * np.sqrt(W[2])
    at = [decay.gamma * np.exp(-lam * r) + (1 - 0.3 * np.exp(-lam * r)) * f for r in (0.2, 0.7)]
    r = np.array([0.2, 0.7])
    factor, spread = decay.tables(r, r)
    expected = W[2] * factor + decay.excess**2 * spread
    np.testing.assert_allclose(np.cov(at), expected, atol=0.01)
    means = MU + decay.kappa(r) * decay.excess
    np.testing.assert_allclose(np.mean(at, axis=1), means, atol=0.01)


def test_kappa_is_accurate_for_slow_and_certain_decay():
    decay = Decay(alpha=250.0, mean_lam=1e-4, gamma=1.0, delta=1.0, mu=0.0)
    assert decay.kappa(np.array([1.0]))[0] == pytest.approx(np.exp(-1e-4), rel=1e-9)
    assert decay.kappa(np.array([0.0]))[0] == 1.0
