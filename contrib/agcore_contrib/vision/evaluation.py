"""What `ImagePredictor.evaluate` returns: a pair that is a mapping as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Pair(NamedTuple):
    top1: float
    top5: float


class Evaluation(_Pair):
    """Two accuracies: ``top1, top5 = evaluation``, or ``evaluation['top1']``.

    Attributes:
        top1: Share of images whose most probable class is right.
        top5: Share of images whose class is among the five most probable, or among all if there
            are fewer.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """A score by name or position."""
        if isinstance(key, str):
            if key not in self._fields:
                raise KeyError(key)
            return getattr(self, key)
        return tuple.__getitem__(self, key)

    def __contains__(self, key: object) -> bool:
        return key in self._fields or tuple.__contains__(self, key)

    def keys(self) -> tuple[str, ...]:
        """The names of the scores."""
        return self._fields

    def values(self) -> tuple[float, ...]:
        """The scores."""
        return tuple(self)

    def items(self) -> Iterator[tuple[str, float]]:
        """Names and scores."""
        return zip(self._fields, self, strict=True)

    def get(self, key: str, default: Any = None) -> Any:
        """A score by name, or ``default``."""
        return getattr(self, key) if key in self._fields else default
