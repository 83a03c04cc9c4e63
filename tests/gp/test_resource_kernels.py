from __future__ import annotations

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore.gp import RESOURCE_KERNELS, classic, gamma_scale_of, resource_kernel


def test_an_unknown_kernel_is_refused_with_the_known_ones():
    with pytest.raises(SpecError, match=r"'exp-decay-sim' is not one of matern52, .*did you mean"):
        resource_kernel("exp-decay-sim", 2, classic())


def test_a_kernel_over_nothing_is_refused():
    with pytest.raises(SpecError, match="num_inputs=0"):
        resource_kernel("matern52", 0, classic())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("matern52", "kernel_inv_bw0 kernel_inv_bw1 kernel_covariance_scale mean_mean_value"),
        (
            "matern52-res-warp",
            "kernel_inv_bw0 kernel_inv_bw1 kernel_covariance_scale kernel_warping_a1 "
            "kernel_warping_b1 mean_mean_value",
        ),
        (
            "exp-decay-combined",
            "kernel_kernelx_inv_bw kernel_kernelx_covariance_scale kernel_alpha kernel_mean_lam "
            "kernel_gamma kernel_meanx_mean_value kernel_delta",
        ),
        (
            "exp-decay-sum",
            "kernel_kernelx_inv_bw kernel_kernelx_covariance_scale kernel_alpha kernel_mean_lam "
            "kernel_gamma kernel_meanx_mean_value",
        ),
    ],
)
def test_hyperparameters_have_the_classic_names(name, expected):
    names = resource_kernel(name, 1, classic()).parameters.names
    assert names == ("noise_variance", *expected.split())


@pytest.mark.parametrize("name", RESOURCE_KERNELS)
def test_all_five_can_be_built(name):
    assert len(resource_kernel(name, 3, classic()).parameters) > 5


def test_the_scale_of_gamma_follows_the_targets():
    assert gamma_scale_of(np.array([-2.0, 3.5])) == 5.5
    assert gamma_scale_of(np.zeros(3)) == 1.0
    model = resource_kernel("exp-decay-sum", 2, classic(), gamma_scale=5.5)
    gamma = next(p for p in model.parameters.parameters if p.name == "kernel_gamma")
    assert (gamma.initial, gamma.lower, gamma.upper) == (2.75, 5.5e-4, 5.5)
