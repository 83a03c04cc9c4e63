"""Choices by the names that they had: a list of networks, of optimisers, of losses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agcore.errors import SpecError
from agcore.space import Categorical
from agcore_contrib.vision.classic.optimizer import by_name

_CROSS_ENTROPY = "SoftmaxCrossEntropyLoss"


def List(*options: Any) -> Categorical:  # noqa: N802  the name it had
    """One of the options; not agcore's `List`, which is all of them."""
    return Categorical(*options)


def Choice(*options: Any) -> Categorical:  # noqa: N802  the name it had
    """One of the options."""
    return Categorical(*options)


def Nets(nets: Iterable[Any]) -> Categorical:  # noqa: N802  the name it had
    """One of some networks.

    Args:
        nets: Names, or functions of the number of classes that return a torch module.

    Raises:
        SpecError: It is no list.
    """
    return Categorical(*_options("Nets", nets))


def Optimizers(optimizers: Iterable[Any]) -> Categorical:  # noqa: N802  the name it had
    """One of some optimisers.

    Args:
        optimizers: What `agcore_contrib.vision.classic.optimizer` makes, or names; ``'sgd'``,
            ``'nag'`` and ``'adam'`` come with ranges to search.

    Raises:
        SpecError: It is no list.
    """
    options = _options("Optimizers", optimizers)
    return Categorical(*(by_name(x) if isinstance(x, str) else x for x in options))


def Losses(losses: Iterable[Any]) -> Categorical:  # noqa: N802  the name it had
    """One of some losses.

    Args:
        losses: Functions of logits and labels, or ``'SoftmaxCrossEntropyLoss'``.

    Raises:
        SpecError: It is no list.
    """
    return Categorical(*map(loss_of, _options("Losses", losses)))


def loss_of(loss: Any) -> Any:
    """The loss as the trainer takes it: cross entropy is None."""
    return None if isinstance(loss, str) and loss == _CROSS_ENTROPY else loss


def _options(name: str, options: Iterable[Any]) -> list[Any]:
    """The options as a list.

    Raises:
        SpecError: It is a single one.
    """
    if isinstance(options, str) or not isinstance(options, Iterable):
        raise SpecError(f"{name}({options!r}) takes a list: {name}([{options!r}])")
    return list(options)
