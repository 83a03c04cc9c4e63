"""``hpopt.SearchSpace(type, range)``: the space of one hyperparameter as hpopt's users write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agcore.errors import SpecError, did_you_mean
from agcore_contrib import spaces
from agcore_contrib.hpopt.arguments import ArgumentTypeError


class SearchSpace(spaces.SingleSearchSpace):
    """Values that one hyperparameter may take.

    Quantised values are ``min + k * step`` within [min, max].

    Args:
        type: ``'uniform'``, ``'quniform'``, ``'loguniform'``, ``'qloguniform'`` or ``'choice'``.
        range: ``[min, max]``; with a step behind it for the quantised types; the log types may
            have the base of the logarithm as last number, 10 by default. For a choice its values.

    Raises:
        ArgumentTypeError: The type is unknown, or ``range`` is no list.
        SpecError: The range has the wrong length, or breaks a rule of its type.
    """

    def __init__(self, type: str, range: list[Any] | tuple[Any, ...]) -> None:
        if type not in spaces.SPACE_TYPES:
            listed = ", ".join(map(repr, spaces.SPACE_TYPES))
            hint = did_you_mean(str(type), spaces.SPACE_TYPES)
            raise ArgumentTypeError(f"type={type!r} must be one of {listed}{hint}")
        if not isinstance(range, (list, tuple)):
            raise ArgumentTypeError(f"range={range!r} must be a list, as [0.001, 0.1]")
        super().__init__(type, **spaces.named_range(type, range))


def written(space: spaces.SearchSpace) -> dict[str, Any]:
    """Type and range of each hyperparameter, for the status file."""
    found: dict[str, Any] = {}
    for name, single in space.items():
        if single.is_categorical:
            choices = list(single.choice_list or ())
            found[name] = {"type": single.type, "range": [0, len(choices)], "choice_list": choices}
            continue
        bounds: list[Any] = [single.min, single.max]
        bounds += [single.step] if single.is_quantised else []
        bounds += [single.log_base] if single.is_log else []
        found[name] = {"type": single.type, "range": bounds}
    return found


def hyperparameters(given: Any) -> spaces.SearchSpace:
    """The spaces of all hyperparameters.

    Args:
        given: What `create` got: a mapping from name to space.

    Raises:
        ArgumentTypeError: It is no mapping.
        SpecError: It is empty, holds something else than spaces, or choices that JSON cannot hold.
    """
    if not isinstance(given, Mapping):
        raise ArgumentTypeError(
            f"search_space={given!r} must be a dict from names to hpopt.SearchSpace"
        )
    space = spaces.SearchSpace(given)
    if not space:
        raise SpecError("search_space={} holds nothing to tune; name at least one hyperparameter")
    for name, single in space.items():
        try:
            json.dumps(single.description(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"{name}: the choices {list(single.choice_list or ())!r} must be numbers, texts or "
                f"lists of them ({error}); use their names"
            ) from None
    return space
