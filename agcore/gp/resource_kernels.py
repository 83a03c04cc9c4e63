"""The surrogates of learning curves by name: models over rows [x, r], the resource r last.

* ``matern52``: an ARD Matern-5/2 kernel on [x, r].
* ``matern52-res-warp``: the same, r warped first.
* ``exp-decay-sum``, ``exp-decay-combined``, ``exp-decay-delta1``: exponentially decaying curves
  with delta 0, free and 1; see `agcore.gp.exponential_decay`.

All five were first named in AutoGluon's ``gp_resource_kernel``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agcore.errors import SpecError, did_you_mean
from agcore.gp.exponential_decay import DecayParameters, ExponentialDecay, ExponentialDecayMean
from agcore.gp.means import ConstantMean
from agcore.gp.model import Model
from agcore.gp.parameters import Parameter
from agcore.gp.warping import Warped

if TYPE_CHECKING:
    from agcore.gp.arrays import Array
    from agcore.gp.settings import SurrogateSettings

DELTAS = {"exp-decay-sum": 0.0, "exp-decay-combined": None, "exp-decay-delta1": 1.0}
RESOURCE_KERNELS = ("matern52", "matern52-res-warp", *DELTAS)


def resource_kernel(
    name: str, num_inputs: int, settings: SurrogateSettings, *, gamma_scale: float = 1.0
) -> Model:
    """The model of learning curves called ``name``, over ``num_inputs`` inputs and a resource.

    Args:
        name: One of `RESOURCE_KERNELS`.
        num_inputs: Columns of x, without the resource.
        settings: Boxes and priors.
        gamma_scale: Largest value M of gamma, whose box is [1e-4 M, M]; `gamma_scale_of` takes
            it from the targets. The classic value is 1.

    Raises:
        SpecError: There is no such kernel, or ``num_inputs`` is below 1.
    """
    if name not in RESOURCE_KERNELS:
        raise SpecError(
            f"gp_resource_kernel={name!r} is not one of {', '.join(RESOURCE_KERNELS)}"
            f"{did_you_mean(str(name), RESOURCE_KERNELS)}"
        )
    if num_inputs < 1:
        raise SpecError(f"num_inputs={num_inputs} must be at least 1; add a parameter to tune")
    if name in DELTAS:
        return _exponential_decay(DELTAS[name], num_inputs, settings, gamma_scale)
    if name == "matern52":
        return settings.matern52_model(num_inputs + 1)
    matern52 = settings.matern52(num_inputs + 1)
    kernel = Warped(matern52, [num_inputs], settings.warping)
    return Model(kernel, ConstantMean(settings.mean), settings.noise)


def gamma_scale_of(z: Array) -> float:
    """M for `resource_kernel`: the spread of standardised targets, at least 1."""
    return max(1.0, float(np.max(z) - np.min(z)))


def _exponential_decay(
    delta: float | None, num_inputs: int, settings: SurrogateSettings, gamma_scale: float
) -> Model:
    curves = DecayParameters(
        alpha=Parameter("kernel_alpha", 1.0, 1e-6, 250.0),
        mean_lam=Parameter("kernel_mean_lam", 0.5, 1e-4, 50.0),
        gamma=Parameter("kernel_gamma", 0.5 * gamma_scale, 1e-4 * gamma_scale, gamma_scale),
        delta=Parameter("kernel_delta", 0.5, 0.0, 1.0, is_log=False) if delta is None else delta,
        mu=settings.mean.named("kernel_meanx_mean_value"),
    )
    kernel = ExponentialDecay(settings.matern52(num_inputs, "kernel_kernelx_"), curves)
    return Model(kernel, ExponentialDecayMean(curves), settings.noise)
