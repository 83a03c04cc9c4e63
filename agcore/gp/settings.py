"""Profiles: boxes, priors and initial values of hyperparameters, work of a fit, acquisition."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agcore.gp.fit import FitSettings
from agcore.gp.kernels import Matern52
from agcore.gp.means import ConstantMean
from agcore.gp.model import Model
from agcore.gp.parameters import Parameter
from agcore.gp.priors import Gamma, LogNormal, Normal


@dataclass(frozen=True, slots=True)
class SurrogateSettings:
    """What distinguishes one surrogate from another.

    Attributes:
        inverse_bandwidth: Of each input, w_k.
        covariance_scale: Of the kernel, c.
        noise: Variance of the noise.
        mean: Constant mean.
        warping: Exponents a and b of an input warping.
        fit: Work of a fit.
        is_log_improvement: Whether the acquisition is log-EI rather than EI.
        limits_outliers: Whether targets that drown the others are limited.
        jitter: Least improvement that counts, in units of the criterion: divide it by the scale
            of the standardisation.
    """

    inverse_bandwidth: Parameter
    covariance_scale: Parameter
    noise: Parameter
    mean: Parameter
    warping: Parameter
    fit: FitSettings
    is_log_improvement: bool
    limits_outliers: bool
    jitter: float

    def matern52(self, num_inputs: int, prefix: str = "kernel_") -> Matern52:
        """An ARD Matern-5/2 kernel whose parameters' names begin with ``prefix``."""
        return Matern52(
            self.inverse_bandwidth.named(f"{prefix}inv_bw", num_inputs),
            self.covariance_scale.named(f"{prefix}covariance_scale"),
        )

    def matern52_model(self, num_inputs: int) -> Model:
        """An ARD Matern-5/2 kernel with constant mean: the surrogate of a single fidelity."""
        return Model(self.matern52(num_inputs), ConstantMean(self.mean), self.noise)


def classic() -> SurrogateSettings:
    """Boxes, priors and acquisition of the classic searchers."""
    return SurrogateSettings(
        inverse_bandwidth=Parameter("inv_bw", 1.0, 1e-4, 100.0),
        covariance_scale=Parameter("covariance_scale", 1.0, 1e-3, 1e3, prior=LogNormal(0.0, 1.0)),
        noise=Parameter("noise_variance", 1e-3, 1e-9, 1e6, prior=Gamma(mean=0.1, shape=0.1)),
        mean=Parameter(
            "mean_mean_value", 0.0, -math.inf, math.inf, is_log=False, prior=Normal(0.0, 1.0)
        ),
        warping=Parameter("warping", 1.0, 0.25, 4.0, prior=LogNormal(0.0, 0.75)),
        fit=FitSettings(num_searches=2, tolerance=1e-6, max_evaluations=1000, subset_size=None),
        is_log_improvement=False,
        limits_outliers=False,
        jitter=0.01,
    )


def default(num_inputs: int) -> SurrogateSettings:
    """Our own choices for ``num_inputs`` inputs.

    Length scales have the prior of Hvarfner et al. (2024), "Vanilla Bayesian Optimization
    Performs Great in High Dimensions", https://arxiv.org/abs/2402.02229: their logarithm is
    normal about sqrt(2) + log(d) / 2 with standard deviation sqrt(3). The prior of the noise is
    a compromise, tried on Branin and Hartmann-6: a narrower one about larger noise does better with
    noisy values, and loses a factor of 10 in regret without noise.
    """
    length_scale = LogNormal(math.sqrt(2.0) + 0.5 * math.log(num_inputs), math.sqrt(3.0))
    inverse_bandwidth = length_scale.of_reciprocal()
    mode = math.exp(inverse_bandwidth.mean - inverse_bandwidth.sd**2)
    return SurrogateSettings(
        inverse_bandwidth=Parameter(
            "inv_bw", min(max(mode, 1e-4), 100.0), 1e-4, 100.0, prior=inverse_bandwidth
        ),
        covariance_scale=Parameter("covariance_scale", 1.0, 1e-3, 1e3, prior=LogNormal(0.0, 1.0)),
        noise=Parameter("noise_variance", 0.05, 1e-8, 10.0, prior=LogNormal(-5.0, 2.0)),
        mean=Parameter(
            "mean_mean_value", 0.0, -math.inf, math.inf, is_log=False, prior=Normal(0.0, 1.0)
        ),
        warping=Parameter("warping", 1.0, 0.25, 4.0, prior=LogNormal(0.0, 0.75)),
        fit=FitSettings(),
        is_log_improvement=True,
        limits_outliers=True,
        jitter=0.0,
    )
