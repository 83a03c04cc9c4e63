"""The range of batch sizes that is left when memory has run out at some of them.

The bounds follow from the record: nothing but the failed batch sizes, in their order, is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore_contrib.spaces import SingleSearchSpace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore_contrib.spaces import SearchSpace

_LEAST = 2
"""The smallest batch size to which a range is lowered below its own minimum."""


class BatchBounds:
    """Upper and lower bound of the batch size.

    Memory that ran out at b lowers the upper bound to b - step, for good. If that is below the
    lower bound, this falls to half of it, but not below 2.

    Args:
        space: Of all hyperparameters.
        name: That of the batch size.

    Raises:
        SpecError: There is no such hyperparameter, or it has no steps.
    """

    def __init__(self, space: SearchSpace, name: str) -> None:
        if name not in space:
            raise SpecError(
                f"batch_size_name={name!r} is not in the search space{did_you_mean(name, space)}"
            )
        single = space[name]
        if not single.is_quantised:
            raise SpecError(
                f"batch_size_name={name!r} has the type {single.type}, which has no next smaller "
                "value; make it quniform or qloguniform"
            )
        self.name = name
        self._single = single
        self._step: Any = single.step
        self._bounds: tuple[Any, Any] = (single.min, single.max)

    def after(self, failed: Iterable[float]) -> tuple[float, float]:
        """Lower and upper bound when memory has run out at some batch sizes.

        Raises:
            SpecError: No batch size is left.
        """
        low, high = self._bounds
        for size in failed:
            if size > high:  # a trial that was begun before the bound fell
                continue
            high = size - self._step
            if high < low:
                low = max(high // 2, _LEAST)
            if high < low:
                raise SpecError(
                    f"{self.name}: memory ran out at {size}, and no smaller value is left; use a "
                    "smaller model, or more memory"
                )
        return low, high

    def widened(self) -> SingleSearchSpace:
        """The space with all values to which the lower bound may fall, on the same grid."""
        low, high = self._bounds
        num_below = max(0, int((low - _LEAST) // self._step))
        single = self._single
        least = low - num_below * self._step
        return SingleSearchSpace(single.type, least, high, single.step, single.log_base)
