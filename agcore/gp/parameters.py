"""Hyperparameters: their names, boxes and priors, and the flat vectors that hold them.

Two flat vectors describe the same point. *Values* are in natural units and are what kernels and
the journal see. *Internal* coordinates are what the optimiser moves: the logarithm of a
positive parameter, any other parameter itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from agcore.errors import SpecError
from agcore.gp.priors import FLAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agcore.gp.arrays import Array, IndexArray
    from agcore.gp.priors import Prior


@dataclass(frozen=True, slots=True)
class Parameter:
    """One hyperparameter of a kernel, a mean or the noise.

    Attributes:
        name: Its name; elements of a vector are ``name0``, ``name1``, ...
        initial: Value of each element before anything is known.
        lower: Smallest value allowed; may be -inf.
        upper: Largest value allowed; may be inf.
        is_log: Whether it is optimised as its logarithm; it is positive then.
        prior: Density whose negative logarithm is added to the objective.
        size: Number of elements.
    """

    name: str
    initial: float
    lower: float
    upper: float
    is_log: bool = True
    prior: Prior = FLAT
    size: int = 1

    def __post_init__(self) -> None:
        if not self.lower <= self.initial <= self.upper:
            raise SpecError(
                f"{self.name}: initial={self.initial} must lie in its box "
                f"[{self.lower}, {self.upper}]; move the initial value or widen the box"
            )
        if self.is_log and self.lower <= 0:
            raise SpecError(
                f"{self.name}: lower={self.lower} must be positive for a parameter optimised as "
                "its logarithm; raise it or pass is_log=False"
            )

    @property
    def element_names(self) -> tuple[str, ...]:
        """Name of each element; the bare name if there is one."""
        if self.size == 1:
            return (self.name,)
        return tuple(f"{self.name}{i}" for i in range(self.size))

    def named(self, name: str, size: int = 1) -> Parameter:
        """The same box and prior under another name."""
        return replace(self, name=name, size=size)

    def starting_at(self, initial: float) -> Parameter:
        """The same parameter with another initial value, moved into the box."""
        return replace(self, initial=min(max(initial, self.lower), self.upper))


class ParameterSet:
    """All hyperparameters of a model as one flat vector.

    A parameter that several parts share (same name, same definition) is held once.

    Attributes:
        parameters: The distinct parameters, in order.
        names: Name of each element, shape (p,).
        lower: Internal lower bounds, shape (p,).
        upper: Internal upper bounds, shape (p,).

    Raises:
        SpecError: Two different parameters have one name.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        by_name: dict[str, Parameter] = {}
        for parameter in parameters:
            known = by_name.setdefault(parameter.name, parameter)
            if known != parameter:
                raise SpecError(
                    f"two parameters are called {parameter.name!r}; give one another prefix"
                )
        self.parameters = tuple(by_name.values())
        self.names = tuple(name for p in self.parameters for name in p.element_names)
        self._position = {name: i for i, name in enumerate(self.names)}
        self._least = self._per_element([p.lower for p in self.parameters])
        self._greatest = self._per_element([p.upper for p in self.parameters])
        self._initial = self._per_element([p.initial for p in self.parameters])
        is_log = self._per_element([float(p.is_log) for p in self.parameters]) > 0
        self._is_log = is_log
        self._log_at = np.flatnonzero(is_log)
        self.lower = self.internal(self._least)
        self.upper = self.internal(self._greatest)
        self._priors = [
            (self._position[name], p.prior)
            for p in self.parameters
            if p.prior != FLAT
            for name in p.element_names
        ]

    def _per_element(self, numbers: list[float]) -> Array:
        return np.repeat(np.array(numbers, float), [p.size for p in self.parameters])

    def __len__(self) -> int:
        return len(self.names)

    def positions(self, parameters: Iterable[Parameter]) -> IndexArray:
        """Where the elements of ``parameters`` lie in the flat vector, in their order."""
        return np.array([self._position[name] for p in parameters for name in p.element_names], int)

    def initial_values(self) -> Array:
        """Initial values in natural units, shape (p,)."""
        initial: Array = self._initial.copy()
        return initial

    def internal(self, values: Array) -> Array:
        """Internal coordinates of values, shape (p,)."""
        coordinates: Array = values.copy()
        coordinates[self._is_log] = np.log(values[self._is_log])
        return coordinates

    def values(self, internal: Array) -> Array:
        """Natural values of internal coordinates, inside the box, shape (p,)."""
        values: Array = internal.copy()
        values[self._log_at] = np.exp(internal[self._log_at])
        np.maximum(values, self._least, out=values)
        return np.minimum(values, self._greatest, out=values)

    def clipped(self, internal: Array) -> Array:
        """Internal coordinates moved into the box, shape (p,)."""
        return np.minimum(np.maximum(internal, self.lower), self.upper)

    def internal_gradient(self, values: Array, gradient: Array) -> Array:
        """Chain rule: the gradient by internal coordinates, given that by values."""
        result: Array = gradient.copy()
        result[self._log_at] *= values[self._log_at]
        return result

    def negative_log_prior(self, values: Array, gradient: Array) -> float:
        """Minus the log prior density; its derivative by the values is added to ``gradient``."""
        total = 0.0
        numbers = values.tolist()
        for i, prior in self._priors:
            value, slope = prior.negative_log_density(numbers[i])
            total += value
            gradient[i] += slope
        return total

    def to_dict(self, values: Array) -> dict[str, float]:
        """Values by name, as plain floats; `from_dict` restores them to the last bit."""
        return dict(zip(self.names, values.tolist(), strict=True))

    def from_dict(self, named: Mapping[str, float]) -> Array:
        """Values from `to_dict`.

        Raises:
            SpecError: A name is missing or unknown, or a value is outside its box.
        """
        if set(named) != set(self.names):
            missing, unknown = set(self.names) - set(named), set(named) - set(self.names)
            raise SpecError(
                f"hyperparameters do not fit this model: missing {sorted(missing)}, unknown "
                f"{sorted(unknown)}; they were saved by another kernel or dimension"
            )
        values = np.array([float(named[name]) for name in self.names])
        for name, value, low, high in zip(
            self.names, values.tolist(), self._least, self._greatest, strict=True
        ):
            if not (low <= value <= high and math.isfinite(value)):
                raise SpecError(f"{name}={value} must lie in its box [{low}, {high}]; refit")
        return values
