"""A Gaussian-process prior: kernel, mean and noise, with all hyperparameters in one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore.gp.parameters import ParameterSet

if TYPE_CHECKING:
    from agcore.gp.arrays import Array
    from agcore.gp.kernels import Kernel
    from agcore.gp.means import Mean
    from agcore.gp.parameters import Parameter


class Model:
    """What is assumed about a function before it is observed.

    Attributes:
        kernel: Covariance of the noise-free function.
        mean: Its mean.
        noise: Variance of the independent noise on each target.
        parameters: Of all three; shared ones are held once.
    """

    def __init__(self, kernel: Kernel, mean: Mean, noise: Parameter) -> None:
        self.kernel = kernel
        self.mean = mean
        self.noise = noise
        self.parameters = ParameterSet([noise, *kernel.parameters, *mean.parameters])
        self.kernel_at = self.parameters.positions(kernel.parameters)
        self.mean_at = self.parameters.positions(mean.parameters)
        self.level_at = int(self.parameters.positions([mean.level])[0])

    def split(self, values: Array) -> tuple[float, Array, Array]:
        """Noise variance, values of the kernel and values of the mean."""
        return float(values[0]), values[self.kernel_at], values[self.mean_at]
