"""From data to the next point, with everything in between."""

from __future__ import annotations

import numpy as np
import pytest

from agcore import gp
from tests.gp.surrogates import NAMES, rows


def proposal(name, X, y, settings, pending=None):
    z, _ = gp.standardise(y)
    model = (
        settings.matern52_model(3)
        if name == "single"
        else gp.resource_kernel(name, 2, settings, gamma_scale=gp.gamma_scale_of(z))
    )
    rng = np.random.default_rng(0)
    result = gp.fit(model, X, z, rng=rng, settings=settings.fit)
    posterior = gp.Posterior.condition(model, result.values, X, z)
    if pending is not None:
        posterior = posterior.fantasise(pending, rng, 5)
    incumbent = posterior.training_means().min(axis=0)
    acquisition = gp.ExpectedImprovement(posterior, incumbent, is_log=settings.is_log_improvement)
    candidates = np.column_stack([rng.random((50, 2)), np.ones(50)])
    starts = candidates[np.argsort(-acquisition(candidates))[:3]]
    free = np.array([True, True, False])
    return gp.maximise(acquisition, starts, free=free, max_evaluations=10)


DATA = {
    "one observation": (rows(1), np.array([0.3])),
    "duplicate rows": (np.repeat(rows(4), 3, axis=0), np.tile([1.0, 2.0, 3.0], 4)),
    "duplicate rows and targets": (np.repeat(rows(1), 9, axis=0), np.full(9, 0.1)),
    "equal targets": (rows(8), np.full(8, 0.1)),
    "tiny targets": (rows(8), np.arange(8) * 1e-300),
    "huge targets": (rows(8), np.linspace(-1, 1, 8) * 1e300),
    "an outlier": (rows(8), np.array([0.0, 1.0, 2.0, 1e30, 0.5, 0.1, 0.2, 0.3])),
}


@pytest.mark.parametrize("profile", [gp.classic(), gp.default(3)], ids=["classic", "default"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", DATA)
def test_awkward_data_give_a_point_of_the_cube_and_no_nan(case, name, profile):
    X, y = DATA[case]
    result = proposal(name, X, y, profile, pending=rows(2, seed=9))
    assert np.isfinite(result.values).all()
    assert ((result.X >= 0) & (result.X <= 1)).all()
    assert (result.X[:, -1] == 1.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_give_the_same_proposal_to_the_last_bit(name):
    X = rows(20)
    y = np.sin(5 * X[:, 0]) + X[:, 1] - X[:, 2]
    first, second = (proposal(name, X, y, gp.default(3), rows(2, seed=9)) for _ in range(2))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.values, second.values)


def test_a_few_proposals_find_the_valley():
    def valley(X):
        return np.sum((X[:, :2] - 0.3) ** 2, axis=1)

    X = rows(5)
    X[:, -1] = 1.0
    for _ in range(12):
        X = np.concatenate([X, proposal("single", X, valley(X), gp.default(3)).X[:1]])
    assert valley(X).min() < 1e-3
