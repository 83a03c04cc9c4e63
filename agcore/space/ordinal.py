"""Spaces of a few plain values in order: Ordinal and Bool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore.space.base import SimpleSpace, is_plain, plain, typed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ordinal(SimpleSpace):
    """A few plain values in a meaningful order, such as 'small', 'medium', 'large'.

    Args:
        values: At least one, each once.
        default: Tried first; the first value if not given.
        prior: Which value is believed to be the best; the default too, if none is given. Random
            and model-based searchers try it and its neighbours more often, the model the less
            the more it has observed.
        prior_confidence: ``'low'``, ``'medium'`` or ``'high'``: the standard deviation about the
            prior is 1/2, 1/4 or 1/8 of the range.
    """

    def __init__(
        self,
        *values: Any,
        default: Any = None,
        prior: Any = None,
        prior_confidence: str = "medium",
    ) -> None:
        self._values = tuple(plain(value) for value in values)
        if not values:
            raise SpecError("Ordinal() needs at least one value, as in Ordinal('small', 'large')")
        for value in self._values:
            if not is_plain(value):
                raise SpecError(
                    f"Ordinal: {value!r} must be None, a bool, an int, a finite float or a str; "
                    "use Categorical for other objects"
                )
        self._index = {typed(value): i for i, value in enumerate(self._values)}
        if len(self._index) < len(self._values):
            raise SpecError(f"{self!r} names a value twice; drop the repetition")
        self._default = self._values[0]
        self._believe(prior, prior_confidence)
        if default is not None:
            self.default = default

    @property
    def values(self) -> tuple[Any, ...]:
        """The values in order."""
        return self._values

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __getitem__(self, index: int) -> Any:
        return self._values[index]

    def from_unit(self, u: float) -> Any:
        """The value whose cell ``u`` lies in; cells are of equal width."""
        count = len(self._values)
        return self._values[min(max(int(u * count), 0), count - 1)]

    def to_unit(self, value: Any) -> float:
        """The centre of the cell of ``value``."""
        return (self._index[typed(value)] + 0.5) / len(self._values)

    def contains(self, value: Any) -> bool:
        """Whether ``value`` is one of the values, by type and value."""
        return is_plain(value) and typed(value) in self._index

    def value_at(self, index: int) -> Any:
        """Value number ``index``."""
        return self._values[self._check_index(index)]

    def canonical(self, value: Any) -> Any:
        """``value``, checked to be one of the values by type and value."""
        wanted = plain(value)
        if not is_plain(wanted) or typed(wanted) not in self._index:
            raise SpecError(f"{value!r} is not {one_of(self._values, wanted)}")
        return wanted

    def content(self) -> tuple[Any, ...]:
        """Values, prior and default, values with their type."""
        return tuple(self._index), self._prior, typed(self._default)

    def __repr__(self) -> str:
        return f"Ordinal[{', '.join(map(repr, self._values))}]{self._prior_text}"


class Bool(Ordinal):
    """False or True.

    Args:
        default: Tried first; False, or the prior, if not given.
        prior: As for `Ordinal`.
        prior_confidence: As for `Ordinal`.
    """

    def __init__(
        self,
        default: bool | None = None,
        *,
        prior: bool | None = None,
        prior_confidence: str = "medium",
    ) -> None:
        super().__init__(
            False, True, default=default, prior=prior, prior_confidence=prior_confidence
        )

    def from_unit(self, u: float) -> bool:
        """True from one half on."""
        return u >= 0.5

    def canonical(self, value: Any) -> bool:
        """``value`` as a bool; 0 and 1 are accepted."""
        flag = plain(value)
        if flag is True or flag is False:
            return bool(flag)
        if type(flag) is int and flag in (0, 1):
            return flag == 1
        raise SpecError(f"{value!r} is not True or False")

    def __repr__(self) -> str:
        return ("Bool: default=True" if self._default else "Bool") + self._prior_text


def one_of(values: tuple[Any, ...], wanted: Any) -> str:
    """``"one of 1, 2"`` for an error message, with a hint at what ``wanted`` may have meant."""
    shown = ", ".join(map(repr, values[:12])) + (", ..." if len(values) > 12 else "")
    hint = ""
    if isinstance(wanted, str):
        hint = did_you_mean(wanted, [value for value in values if isinstance(value, str)])
    elif any(is_plain(wanted) and wanted == value for value in values):
        hint = "; values are matched by type as well: 1, 1.0 and True differ"
    return f"one of {shown}{hint}"
