from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import standardise, without_outliers

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


# -- outliers ------------------------------------------------------------------------------


def test_targets_that_drown_the_others_are_limited():
    good = np.linspace(0.3, 0.7, 9)
    y = np.concatenate([good, [1e4, 1e300]])
    limited = without_outliers(y)
    np.testing.assert_array_equal(limited[:9], good)
    span = np.median(y) - 0.3
    assert limited[9] == limited[10] == pytest.approx(np.median(y) + 2 * span)
    assert np.std(standardise(limited)[0][:9]) > 0.3


def test_the_limit_stays_when_targets_gather_about_the_least():
    first = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 1e4, 0.5, 0.4, 0.6, 0.5])
    later = np.concatenate([first, np.full(30, 0.3)])
    median_of_first, median = 0.5, 0.3
    expected = median + 2 * 0.3 * (median_of_first - 0.3)
    assert without_outliers(later).max() == pytest.approx(expected)


@pytest.mark.parametrize(
    "y",
    [
        np.random.default_rng(0).standard_normal(40),
        np.random.default_rng(0).exponential(size=40),
        np.full(9, 0.5),
        np.array([0.0, 1.0, 1e9]),  # too few to tell
        np.array([0.0] * 8 + [1.0, 1e9]),  # most are the best
        np.array([-1e300, 0.0, 1e300, 1e299, -1e299]),
    ],
)
def test_other_targets_stay_as_they_are(y):
    np.testing.assert_array_equal(without_outliers(y), y)


@given(st.lists(finite, min_size=1, max_size=20))
@settings(derandomize=True, deadline=None)
def test_limiting_keeps_the_order_and_everything_finite(values):
    y = np.array(values)
    limited = without_outliers(y)
    assert np.isfinite(limited).all()
    assert (limited <= y).all()
    order = np.argsort(y, kind="stable")
    assert (np.diff(limited[order]) >= 0).all()
    assert limited.min() == y.min()
