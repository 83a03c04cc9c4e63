"""Prior mean functions over rows of an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from agcore.gp.arrays import Array
    from agcore.gp.parameters import Parameter


class Mean(Protocol):
    """A mean function; like a kernel it is a structure, and its values are an argument."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The hyperparameters, in the order of ``values``."""
        ...

    @property
    def level(self) -> Parameter:
        """The parameter that starts a fit at the mean of the targets."""
        ...

    def __call__(self, values: Array, X: Array) -> Array:
        """m(x_b) for each row of X, shape (b,)."""
        ...

    def pull_to_values(self, values: Array, X: Array, weights: Array) -> Array:
        """Derivative of sum_b weights_b m(x_b) by the values, shape (p,)."""
        ...

    def input_gradient(self, values: Array, X: Array) -> Array | None:
        """Derivative of m by X, shape (b, d); None if it is zero everywhere."""
        ...


class ConstantMean:
    """The same mean everywhere."""

    def __init__(self, level: Parameter) -> None:
        self.level = level
        self.parameters: tuple[Parameter, ...] = (level,)

    def __call__(self, values: Array, X: Array) -> Array:
        """The constant, shape (b,)."""
        return np.full(len(X), values[0])

    def pull_to_values(self, values: Array, X: Array, weights: Array) -> Array:
        """The sum of the weights, shape (1,)."""
        return np.array([np.add.reduce(weights)])

    def input_gradient(self, values: Array, X: Array) -> Array | None:
        """None: it is zero."""
        return None
