"""`Encoding`: configs of a space as rows of [0, 1]^d, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.encoding.beliefs import Beliefs
from agcore.encoding.columns import Block, BlockKind, Parameter
from agcore.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.space import SearchSpace

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

INACTIVE = 0.5
"""What stands in the numeric column of an inactive parameter."""


class Encoding:
    """The two-way map between the configs of a space and rows of [0, 1]^d.

    Configs given must be canonical, as `SearchSpace.complete` makes them; those returned are.
    Equal by type and value are ``decode(encode(config))`` and ``config``, but for the last digits
    of a Real, and for an Int of more than 2**50 values (logarithmic: beyond 2**40).

    Args:
        space: What the configs are made of.

    Attributes:
        space: It.
        beliefs: The logarithm of what the space's priors say of a row; None without priors.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._parameters: list[Parameter] = []
        position: dict[str | None, int] = {}
        start = 0
        for i, hp in enumerate(space.get_hyperparameters()):
            parent = position.get(hp.parent)
            chosen_by = None if parent is None else (parent, self._parameters[parent])
            self._parameters.append(Parameter(hp, start, chosen_by))
            position[hp.name] = i
            start += self._parameters[i].width
        self._num_columns = start
        self._conditional = any(p.parent is not None for p in self._parameters)
        self._blocks = tuple(parameter.block for parameter in self._parameters)
        self._names = tuple(name for p in self._parameters for name in p.column_names())
        self._continuous = np.zeros(start, dtype=np.bool_)
        for block in self._blocks:
            self._continuous[block.columns] = block.is_continuous
        self._continuous.flags.writeable = False
        self.beliefs = Beliefs(self._parameters, start) if space.has_priors else None

    # -- what the columns are --------------------------------------------------------------

    @property
    def num_columns(self) -> int:
        """Length d of an encoded row."""
        return self._num_columns

    @property
    def num_inputs(self) -> int:
        """Number of hyperparameters that have columns."""
        return sum(parameter.width > 0 for parameter in self._parameters)

    @property
    def column_names(self) -> tuple[str, ...]:
        """A name per column: the key, of a Categorical followed by ``=`` and the option."""
        return self._names

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The columns of each hyperparameter, in the order of the space."""
        return self._blocks

    @property
    def is_continuous(self) -> Mask:
        """Which columns a local search may move, shape (d,); read-only."""
        return self._continuous

    def movable(self, rows: Array) -> Mask:
        """Which columns a local search may move from each row: the continuous, active ones.

        Args:
            rows: Shape (n, d).

        Returns:
            Shape (n, d).
        """
        rows = self._checked(rows)
        active = self._active(self._points(rows, with_fine=False))
        movable = np.zeros(rows.shape, dtype=np.bool_)
        for i, block in enumerate(self._blocks):
            if block.is_continuous:
                movable[:, block.columns.start] = active[:, i]
        return movable

    # -- configs to rows -------------------------------------------------------------------

    def encode(self, config: Mapping[str, Any]) -> Array:
        """The row of a config, shape (d,).

        Raises:
            SpecError: The config is not canonical.
        """
        row: Array = self.encode_all([config])[0]
        return row

    def encode_all(self, configs: Sequence[Mapping[str, Any]]) -> Array:
        """The rows of configs, shape (n, d).

        Raises:
            SpecError: A config is not canonical: it lacks a key or has a value that is none.
        """
        points = np.zeros((len(configs), len(self._parameters)))
        given = np.ones(points.shape, dtype=np.bool_)
        try:
            for i, parameter in enumerate(self._parameters):
                name = parameter.block.name
                if parameter.parent is None:
                    points[:, i] = parameter.read([config[name] for config in configs])
                    continue
                given[:, i] = [name in config for config in configs]
                values = [config[name] for config in configs if name in config]
                points[given[:, i], i] = parameter.read(values)
            if not np.isfinite(points).all():
                raise ValueError("not a number")
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self._not_canonical(configs) from None
        active = self._active(points)
        if self._conditional and not given[active].all():
            raise self._not_canonical(configs)
        return self._rows(points, active)

    def key(self, config: Mapping[str, Any]) -> str:
        """What two configs share iff they are the same: 1, 1.0 and True differ."""
        return self.space.key(config)

    # -- rows to configs -------------------------------------------------------------------

    def decode(self, row: Array) -> dict[str, Any]:
        """The config of a row of shape (d,): complete, with active parameters only."""
        return self.decode_all(np.asarray(row)[np.newaxis])[0]

    def decode_all(self, rows: Array) -> list[dict[str, Any]]:
        """The configs of rows of shape (n, d).

        Raises:
            SpecError: The shape is wrong, or a number is not finite.
        """
        points = self._points(self._checked(rows))
        columns = [p.write(points[:, i]) for i, p in enumerate(self._parameters)]
        names = self.space.names
        if not self._conditional:
            if not columns:
                return [{} for _ in points]
            return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        flags = self._active(points).tolist()
        return [
            {
                name: value
                for name, value, is_active in zip(names, values, active, strict=True)
                if is_active
            }
            for values, active in zip(zip(*columns, strict=True), flags, strict=True)
        ]

    def snap(self, rows: Array) -> Array:
        """The encoded rows of the configs that ``rows`` decode to, shape (n, d).

        But for the last digits of a Real, as there are.
        """
        return self._rounded(self._checked(rows))

    # -- new rows --------------------------------------------------------------------------

    def random(self, rng: np.random.Generator, count: int) -> Array:
        """Encoded rows of random configs, distributed as `SearchSpace.sample_configuration`'s.

        If the space has priors, every second one follows them.

        Args:
            rng: Draws one unit per row and column.
            count: Number n of rows.

        Returns:
            Shape (n, d).
        """
        # The largest of equally distributed columns is each of them with the same chance.
        units = rng.random((count, self._num_columns))
        if self.beliefs is not None:
            units[1::2] = self.beliefs.distributed(units[1::2])
        return self.snap(units)

    def neighbours(
        self,
        rows: Array,
        rng: np.random.Generator,
        scale: Array | float = 0.1,
        change_probability: float = 0.2,
    ) -> Array:
        """Encoded rows of configs near given ones, which may be among them.

        A number takes a Gaussian step and is clipped to [0, 1]; so that it can reach another
        value, the step's standard deviation is half a cell at least. An ordered value goes one
        place up or down, an option gives way to another one, each with ``change_probability``.
        Parameters that become active thereby are random.

        Args:
            rows: One for each neighbour wanted, shape (n, d).
            rng: What to draw from.
            scale: Standard deviation of a step in the unit cube, one or shape (n,).
            change_probability: Of each Categorical, Ordinal and Bool.

        Returns:
            Shape (n, d).
        """
        points = self._points(self._checked(rows), with_fine=False)
        active = self._active(points)
        start = self._rows(points, active, rows)
        count = len(start)
        near: Array = rng.random((count, self._num_columns))
        for i, parameter in enumerate(self._parameters):
            block = parameter.block
            at, here = block.columns.start, active[:, i]
            if block.kind is BlockKind.CONSTANT:
                continue
            if block.is_continuous:
                step = np.maximum(scale, 0.5 / block.size) if block.size else scale
                stepped = start[:, at] + step * rng.standard_normal(count)
                near[:, at] = np.where(here, stepped, near[:, at])
                continue
            changes = rng.random(count) < change_probability
            index = points[:, i].astype(np.int64)
            if block.kind is BlockKind.ONE_HOT:
                # The draws decide which of the others wins where the present option is beaten.
                left, kept = np.flatnonzero(here & changes), here & ~changes
                near[left, at + index[left]] = -1.0
                near[kept, block.columns] = start[kept, block.columns]
            else:
                moved = _one_step(index, block.size or 1, rng)
                units = parameter.scale.to_units(np.where(changes, moved, points[:, i]))
                near[:, at] = np.where(here, units, near[:, at])
        return self._rounded(near.clip(0.0, 1.0, out=near))

    # -- inside ----------------------------------------------------------------------------

    def _checked(self, rows: Array) -> Array:
        rows = np.asarray(rows, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._num_columns:
            raise SpecError(
                f"rows have the shape {rows.shape}, but must have ({self._num_columns},) each, in "
                "an array of two dimensions; use decode() for a single one"
            )
        if not np.isfinite(rows).all():
            raise SpecError("an encoded row holds NaN or infinity; pass finite numbers")
        return rows

    def _rounded(self, rows: Array) -> Array:
        """As `snap`, of rows that have been checked."""
        points = self._points(rows, with_fine=False)
        return self._rows(points, self._active(points), rows)

    def _points(self, rows: Array, *, with_fine: bool = True) -> Array:
        """Values of Reals and indices of all others, at inactive parameters too.

        Args:
            rows: Shape (n, d).
            with_fine: Whether to compute those of fine parameters, or leave them at 0.
        """
        points = np.zeros((len(rows), len(self._parameters)))
        for i, parameter in enumerate(self._parameters):
            if parameter.is_fine and not with_fine:
                continue
            columns = rows[:, parameter.block.columns]
            if parameter.block.kind is BlockKind.ONE_HOT:
                points[:, i] = columns.argmax(axis=1)
            elif parameter.width:
                points[:, i] = parameter.scale.to_points(columns[:, 0])
        return points

    def _active(self, points: Array) -> Mask:
        """Where the parameters are active."""
        active = np.ones(points.shape, dtype=np.bool_)
        for i, parameter in enumerate(self._parameters if self._conditional else ()):
            if parameter.parent is not None:
                chosen = points[:, parameter.parent] == parameter.parent_index
                active[:, i] = active[:, parameter.parent] & chosen
        return active

    def _rows(self, points: Array, active: Mask, given: Array | None = None) -> Array:
        """The rows of points; ``given`` has the units of fine parameters."""
        rows = np.zeros((len(points), self._num_columns))
        for i, parameter in enumerate(self._parameters):
            columns = parameter.block.columns
            if parameter.block.kind is BlockKind.ONE_HOT:
                hot = points[:, i, np.newaxis] == np.arange(parameter.width)
                rows[:, columns] = hot & active[:, i, np.newaxis]
            elif parameter.width:
                if given is not None and parameter.is_fine:
                    units = given[:, columns.start].clip(0.0, 1.0)
                else:
                    units = parameter.scale.to_units(points[:, i])
                if parameter.parent is not None:
                    units = np.where(active[:, i], units, INACTIVE)
                rows[:, columns.start] = units
        return rows

    def _not_canonical(self, configs: Sequence[Mapping[str, Any]]) -> SpecError:
        """The error for the first config that cannot be encoded."""
        broken = next((c for c in configs if not self.space.check(c)), configs[0])
        return SpecError(
            f"config={broken!r} is not canonical; pass it through SearchSpace.complete() first"
        )


def _one_step(index: NDArray[np.int64], size: int, rng: np.random.Generator) -> Array:
    """Indices next to given ones: one up or one down, inwards at the ends."""
    steps = np.where(rng.random(len(index)) < 0.5, -1.0, 1.0)
    steps[index == 0] = 1.0
    steps[index == size - 1] = -1.0
    moved: Array = index.astype(np.float64) + steps
    return moved
