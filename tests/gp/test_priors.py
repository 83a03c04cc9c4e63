from __future__ import annotations

import math

import pytest
from scipy import stats

from agcore.gp import Flat, Gamma, LogNormal, Normal

CASES = [
    (Normal(0.3, 2.0), stats.norm(0.3, 2.0), [-1.0, 0.0, 5.0]),
    (LogNormal(-0.5, 0.7), stats.lognorm(0.7, scale=math.exp(-0.5)), [1e-3, 0.5, 20.0]),
    (Gamma(mean=0.1, shape=0.1), stats.gamma(0.1, scale=1.0), [1e-9, 0.1, 3.0]),
    (Gamma(mean=2.0, shape=3.0), stats.gamma(3.0, scale=2 / 3), [1e-3, 2.0, 9.0]),
]


@pytest.mark.parametrize(("prior", "reference", "points"), CASES)
def test_a_density_is_that_of_scipy(prior, reference, points):
    for x in points:
        assert prior.negative_log_density(x)[0] == pytest.approx(-reference.logpdf(x), rel=1e-12)


@pytest.mark.parametrize(("prior", "reference", "points"), CASES)
def test_a_slope_is_that_of_finite_differences(prior, reference, points):
    for x in points:
        h = 1e-6 * abs(x) or 1e-6
        up, down = prior.negative_log_density(x + h)[0], prior.negative_log_density(x - h)[0]
        slope = (up - down) / (2 * h)
        assert prior.negative_log_density(x)[1] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_the_flat_prior_says_nothing():
    assert Flat().negative_log_density(3.0) == (0.0, 0.0)


def test_the_mirrored_log_normal_prefers_the_reciprocal():
    prior = LogNormal(1.0, 0.8)
    mirrored = prior.of_reciprocal()
    differences = [
        prior.negative_log_density(v)[0] - mirrored.negative_log_density(1 / v)[0]
        for v in (0.1, 1.0, 7.0)
    ]
    assert differences == pytest.approx([differences[0]] * 3)
