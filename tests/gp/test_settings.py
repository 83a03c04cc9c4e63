from __future__ import annotations

import pytest

from agcore.gp import Gamma, LogNormal, Normal, classic, default


def test_the_classic_profile_has_the_classic_boxes_and_priors():
    profile = classic()
    boxes = {
        p.name: (p.initial, p.lower, p.upper)
        for p in (profile.inverse_bandwidth, profile.covariance_scale, profile.noise)
    }
    assert boxes == {
        "inv_bw": (1.0, 1e-4, 100.0),
        "covariance_scale": (1.0, 1e-3, 1e3),
        "noise_variance": (1e-3, 1e-9, 1e6),
    }
    assert profile.covariance_scale.prior == LogNormal(0.0, 1.0)
    assert profile.noise.prior == Gamma(mean=0.1, shape=0.1)
    assert profile.mean.prior == Normal(0.0, 1.0)
    assert (profile.warping.lower, profile.warping.upper) == (0.25, 4.0)
    assert not profile.is_log_improvement
    assert profile.jitter == 0.01


@pytest.mark.parametrize("num_inputs", [1, 8, 200])
def test_our_own_length_scales_grow_with_the_root_of_the_dimension(num_inputs):
    one, many = default(1).inverse_bandwidth, default(num_inputs).inverse_bandwidth
    assert many.initial == pytest.approx(one.initial / num_inputs**0.5)


def test_a_model_of_one_input_has_an_unnumbered_bandwidth():
    names = classic().matern52_model(1).parameters.names
    assert names == (
        "noise_variance", "kernel_inv_bw", "kernel_covariance_scale", "mean_mean_value"
    )  # fmt: skip
