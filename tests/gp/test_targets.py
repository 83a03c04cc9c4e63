from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import standardise

finite = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True, width=64)


@given(st.lists(finite, min_size=1, max_size=20))
@settings(derandomize=True, deadline=None)
def test_targets_of_any_magnitude_give_finite_numbers_of_order_one(values):
    z, _ = standardise(np.array(values))
    assert np.isfinite(z).all()
    assert np.max(np.abs(z)) <= len(values)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_mean_and_deviation_are_zero_and_one_at_every_scale(scale):
    y = np.random.default_rng(0).standard_normal(30) * scale
    z, standardisation = standardise(y)
    assert np.mean(z) == pytest.approx(0.0, abs=1e-12)
    assert np.std(z) == pytest.approx(1.0)
    np.testing.assert_allclose(standardisation.restore(z), y, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e5, 1e300])
def test_equal_targets_become_zero(value):
    z, _ = standardise(np.full(7, value))
    np.testing.assert_allclose(z, 0.0, atol=1.0)
    assert np.ptp(z) == 0.0
