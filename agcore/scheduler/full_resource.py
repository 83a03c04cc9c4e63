"""The full resource of a trial, where no argument of the scheduler says it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.space import Categorical, Int, Ordinal, Real

if TYPE_CHECKING:
    from agcore.train_fn import TrainFunction

logger = logging.getLogger(__name__)


def full_resource(function: TrainFunction, args: Any, max_t: int | None) -> int:
    """``max_t`` as given, else as the function's arguments say.

    Raises:
        SpecError: Neither says it, or what is said is no positive whole number.
    """
    if max_t is not None:
        max_t = whole_number("max_t", max_t)
    names = [name for name in ("epochs", "max_t") if _declared(function, args, name) is not None]
    if not names:
        if max_t is None:
            raise SpecError(
                "max_t is unknown: the train function has neither args.epochs nor args.max_t; "
                "write @ag.args(..., epochs=9), or pass max_t="
            )
        return max_t
    if max_t is None:
        return whole_number(f"args.{names[0]}", _declared(function, args, names[0]))
    declared = _declared(function, args, names[0])
    if declared != max_t:
        logger.warning(
            "max_t=%r differs from args.%s=%r of the train function; max_t is used",
            max_t,
            names[0],
            declared,
        )
    return max_t


def _declared(function: TrainFunction, args: Any, name: str) -> Any:
    """The largest value that argument ``name`` can take, or None if there is no such argument."""
    if args is not None:
        given = args if isinstance(args, Mapping) else getattr(args, "__dict__", {})
        return given.get(name)
    space = function.kwvars.get(name)
    if isinstance(space, (Int, Real)):
        return space.upper
    if isinstance(space, (Categorical, Ordinal)):
        numbers = [v for v in space if isinstance(v, int) and not isinstance(v, bool)]
        return max(numbers, default=None)
    return function.args.get(name)


def constant_epochs(function: TrainFunction, args: Any) -> int | None:
    """The argument ``epochs`` of a train function if it is a number that is not searched."""
    if "epochs" in function.cs.spaces:
        return None
    epochs = _declared(function, args, "epochs")
    return epochs if type(epochs) is int and epochs > 0 else None
