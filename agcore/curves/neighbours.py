"""The curve of a config that was not recorded, from those recorded near it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.encoding import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agcore.curves.recording import RecordedCurve
    from agcore.curves.source import Step
    from agcore.space import SearchSpace


class Neighbourhood:
    """Configs of a space as points of the unit cube, to be found by their distance.

    Args:
        space: What the configs are made of.
        configs: At least one; canonical.
    """

    def __init__(self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> None:
        from scipy.spatial import cKDTree  # here, because only tables with gaps need it

        self._encoding = Encoding(space)
        self._tree = cKDTree(self._encoding.encode_all(configs))
        self._count = len(configs)

    def nearest(self, config: Mapping[str, Any], count: int) -> list[tuple[float, int]]:
        """The distances and indices of the configs nearest to ``config``, the nearest first.

        Args:
            config: Canonical.
            count: How many; fewer if there are not so many.

        Raises:
            SpecError: The config is not canonical.
        """
        ranks = np.arange(1, min(count, self._count) + 1)
        distances, indices = self._tree.query(self._encoding.encode(config), k=ranks)
        return sorted(zip(distances.tolist(), indices.tolist(), strict=True))


def blended(
    curves: Sequence[RecordedCurve], distances: Sequence[float], time_attr: str
) -> Iterator[Step]:
    """The mean of curves, each weighted by the inverse of its distance.

    It has the reports of the first curve; others take part where they have reported the same
    resource. What is no finite number in the first curve is taken from it as it is.

    Args:
        curves: The nearest one first.
        distances: Positive, one for each curve.
        time_attr: Name of the resource.
    """
    first = curves[0]
    weights = [1.0 / distance for distance in distances]
    places = [{report[time_attr]: i for i, report in enumerate(c.reports)} for c in curves]
    for report, seconds in zip(first.reports, first.seconds, strict=True):
        resource = report[time_attr]
        parts = [
            (weight, curve.reports[place[resource]], curve.seconds[place[resource]])
            for weight, curve, place in zip(weights, curves, places, strict=True)
            if resource in place
        ]
        metrics = {
            name: value
            if name == time_attr
            else _mean(value, [(weight, other.get(name)) for weight, other, _ in parts])
            for name, value in report.items()
        }
        yield metrics, _mean(seconds, [(weight, cost) for weight, _, cost in parts])


def _mean(first: Any, weighted: Sequence[tuple[float, Any]]) -> Any:
    """The weighted mean of the finite numbers; ``first`` if that is none."""
    if not _is_finite(first):
        return first
    numbers = [(weight, value) for weight, value in weighted if _is_finite(value)]
    total = math.fsum(weight for weight, _ in numbers)
    return math.fsum(weight / total * value for weight, value in numbers)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
