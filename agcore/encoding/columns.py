"""The columns of one hyperparameter: what they hold, and its values as points."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.encoding.scales import is_fine, scale_of
from agcore.space import Categorical, Int, Ordinal, Real
from agcore.space.base import typed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agcore.space import Hyperparameter, ValueSpace

    Array = NDArray[np.float64]


class BlockKind(str, enum.Enum):
    """What the columns of a hyperparameter hold."""

    REAL = "real"
    """One number; every float of [0, 1] is another value."""
    STEPS = "steps"
    """One number of an Int or a Real with a step; rounded to the centre of a cell."""
    ORDERED = "ordered"
    """One number of an Ordinal or Bool; rounded to the centre of a cell."""
    ONE_HOT = "one-hot"
    """A column per option of a Categorical."""
    CONSTANT = "constant"
    """No column: there is one value only."""


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one hyperparameter.

    Attributes:
        name: Its key in a config.
        kind: What the columns hold.
        columns: Where they are in a row.
        size: Number of values, or None if there are infinitely many.
        activity: Column that is 1 in the encoded row of a config in which the parameter is
            active, and 0 in others; None if it always is active.
    """

    name: str
    kind: BlockKind
    columns: slice
    size: int | None
    activity: int | None = None

    @property
    def is_continuous(self) -> bool:
        """Whether a local search may move the column: rounding follows, if it is needed."""
        return self.kind is BlockKind.REAL or self.kind is BlockKind.STEPS


class Parameter:
    """One hyperparameter: its block, its scale, and how its values become points.

    Attributes:
        block: Its columns.
        width: Number of columns.
        scale: Between points and units; not used by a Categorical.
        parent: Position of the Categorical it depends on, or None.
        parent_index: Which of the options makes it active.
        index: Value to number, for a Categorical or Ordinal.
        prior: What is believed about its best value, or None.
        is_fine: Whether its values lie so close that every unit is one of theirs.
    """

    def __init__(
        self, hp: Hyperparameter, start: int, chosen_by: tuple[int, Parameter] | None
    ) -> None:
        self._space = hp.space
        self.prior = hp.space.prior
        self.parent: int | None = None
        self.parent_index = 0
        activity: int | None = None
        if chosen_by is not None:
            self.parent, parent = chosen_by
            self.parent_index = parent.index[typed(hp.parent_label)]
            activity = parent.block.activity
            if parent.width:
                activity = parent.block.columns.start + self.parent_index
        kind = _kind(hp.space)
        size = hp.space.size
        widths = {BlockKind.ONE_HOT: size or 0, BlockKind.CONSTANT: 0}
        self.width: int = widths.get(kind, 1)
        columns = slice(start, start + self.width)
        self.block: Block = Block(hp.name, kind, columns, size, activity)
        self.scale = scale_of(hp.space)
        self.is_fine = kind is BlockKind.REAL and is_fine(hp.space)
        self._choices: tuple[Any, ...] = ()
        if isinstance(hp.space, (Categorical, Ordinal)):
            self._choices = tuple(map(hp.space.value_at, range(hp.space.size)))
        self.index: dict[tuple[type, Any], int] = {
            typed(value): i for i, value in enumerate(self._choices)
        }

    def column_names(self) -> list[str]:
        """A name per column."""
        if self.block.kind is not BlockKind.ONE_HOT:
            return [self.block.name] * self.width
        labels = [str(label) for label in self._choices]
        if len(set(labels)) < len(labels):  # the options 1 and "1"
            labels = [repr(label) for label in self._choices]
        return [f"{self.block.name}={label}" for label in labels]

    def read(self, values: list[Any]) -> Array | list[int]:
        """The points of values."""
        if self._choices:
            index = self.index
            return [index[typed(value)] for value in values]
        if isinstance(self._space, Int):
            whole = np.array(values, dtype=np.int64)
            return ((whole - self._space.lower) // (self._space.step or 1)).astype(np.float64)
        if isinstance(self._space, Real) and self._space.step is not None:
            return [_grid_index(self._space, value) for value in values]
        return np.array(values, dtype=np.float64)

    def write(self, points: Array) -> list[Any]:
        """The values of points."""
        if self._choices:
            choices = self._choices
            return [choices[i] for i in points.astype(np.int64).tolist()]
        if isinstance(self._space, Int):
            whole = points.astype(np.int64) * (self._space.step or 1) + self._space.lower
            values: list[Any] = whole.tolist()
            return values
        if self._space.size is not None:
            return [self._space.value_at(int(i)) for i in points.tolist()]
        values = points.tolist()
        return values


def _kind(space: ValueSpace) -> BlockKind:
    if space.size == 1:
        return BlockKind.CONSTANT
    if isinstance(space, Categorical):
        return BlockKind.ONE_HOT
    if isinstance(space, Ordinal):
        return BlockKind.ORDERED
    return BlockKind.REAL if space.size is None else BlockKind.STEPS


def _grid_index(space: Real, value: float) -> int:
    """The number of a value of a Real with a step."""
    size = space.size or 1
    guess = round((value - space.lower) / (space.step or 1.0))
    for index in (guess, guess - 1, guess + 1):
        if 0 <= index < size and space.value_at(index) == value:
            return index
    raise ValueError(value)
