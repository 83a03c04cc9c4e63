"""Optimisers whose arguments may be spaces: ``SGD(learning_rate=LogLinear(1e-4, 1e-1))``.

Names, arguments and defaults are those of MXNet's optimisers, what they make is torch's. Weight
decay is added to the gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number
from agcore.errors import SpecError
from agcore.space import Linear, LogLinear, Space
from agcore_contrib.vision.classic import lazy_optimizers as lazy

if TYPE_CHECKING:
    from typing import Union

    from agcore.space import AutoGluonObject

    Number = Union[float, Space]

__all__ = ["SGD", "NAG", "Adam", "by_name"]


def SGD(  # noqa: N802  the name it had
    learning_rate: Number = 0.01, momentum: Number = 0.0, wd: Number = 0.0
) -> AutoGluonObject:
    """Stochastic gradient descent.

    Args:
        learning_rate: First learning rate, above 0; the schedule changes it.
        momentum: At least 0.
        wd: Weight decay, at least 0.

    Raises:
        SpecError: A number breaks its rule.
    """
    _check(learning_rate, momentum=momentum, wd=wd)
    return _lazy(lazy.SGD, learning_rate=learning_rate, momentum=momentum, wd=wd)


def NAG(  # noqa: N802  the name it had
    learning_rate: Number = 0.01, momentum: Number = 0.0, wd: Number = 0.0
) -> AutoGluonObject:
    """Stochastic gradient descent with Nesterov's momentum; arguments as for `SGD`."""
    _check(learning_rate, momentum=momentum, wd=wd)
    return _lazy(lazy.NAG, learning_rate=learning_rate, momentum=momentum, wd=wd)


def Adam(  # noqa: N802  the name it had
    learning_rate: Number = 0.001,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    epsilon: Number = 1e-8,
    wd: Number = 0.0,
) -> AutoGluonObject:
    """Adam.

    Args:
        learning_rate: First learning rate, above 0; the schedule changes it.
        beta1: Decay of the mean of the gradient.
        beta2: Decay of the mean of its square.
        epsilon: Added to the root of that.
        wd: Weight decay, at least 0.

    Raises:
        SpecError: A number breaks its rule.
    """
    _check(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon, wd=wd)
    return _lazy(
        lazy.Adam, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon, wd=wd
    )


def by_name(name: str) -> AutoGluonObject | str:
    """What ``'sgd'``, ``'nag'`` and ``'adam'`` stand for: that optimiser, with ranges to search.

    Other names are returned as they are, for the trainer to know or to refuse.
    """
    rates = LogLinear(1e-4, 1e-2)
    decays = LogLinear(1e-5, 1e-3)
    momenta = Linear(0.85, 0.95)
    made = {
        "sgd": lambda: SGD(learning_rate=rates, momentum=momenta, wd=decays),
        "nag": lambda: NAG(learning_rate=rates, momentum=momenta, wd=decays),
        "adam": lambda: Adam(learning_rate=rates, wd=decays),
    }
    return made[name.lower()]() if name.lower() in made else name


def _lazy(factory: Any, **arguments: Number) -> AutoGluonObject:
    """An optimiser still to be made; to a type checker the factory looks like its class."""
    made: AutoGluonObject = factory(**arguments)
    return made


def _check(learning_rate: Number, **others: Number) -> None:
    """Check what is no space.

    Raises:
        SpecError: A number breaks its rule.
    """
    if not isinstance(learning_rate, Space) and finite_number("learning_rate", learning_rate) <= 0:
        raise SpecError(f"learning_rate={learning_rate!r} must be above 0")
    for name, value in others.items():
        if not isinstance(value, Space) and finite_number(name, value) < 0:
            raise SpecError(f"{name}={value!r} must be at least 0")
