"""Optimisers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

OPTIMISERS = ("adam", "adamw", "nag", "sgd")


def make_optimiser(
    kind: Any,
    parameters: Iterable[torch.nn.Parameter],
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
) -> torch.optim.Optimizer:
    """An optimiser for some parameters.

    Args:
        kind: One of `OPTIMISERS`, or a function of the parameters that returns an optimiser; its
            settings are then its own, and the three below have no effect.
        parameters: What is trained.
        lr: First learning rate; a schedule changes it.
        weight_decay: For adamw decoupled from the gradient, else added to it.
        momentum: Of sgd and nag.

    Raises:
        SpecError: There is no such optimiser.
    """
    from torch import optim

    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if callable(kind):
        made: torch.optim.Optimizer = kind(trained)
        return made
    check_optimiser(kind)
    if kind == "adam":
        return optim.Adam(trained, lr=lr, weight_decay=weight_decay)
    if kind == "adamw":
        return optim.AdamW(trained, lr=lr, weight_decay=weight_decay)
    return optim.SGD(
        trained,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=kind == "nag" and momentum > 0,
    )


def check_optimiser(kind: Any) -> None:
    """Check that there is an optimiser of that name.

    Raises:
        SpecError: There is none.
    """
    if kind not in OPTIMISERS:
        raise SpecError(
            f"optimizer={kind!r} must be one of {', '.join(OPTIMISERS)}, or a function of the "
            f"parameters{did_you_mean(str(kind), OPTIMISERS)}"
        )
