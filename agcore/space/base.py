"""What all spaces have in common, and the record of one key of a config.

    Space
    ├── ValueSpace             its value stands at one key of a config
    │   ├── SimpleSpace        Real and Int in ``numeric.py``, Ordinal and Bool in ``ordinal.py``
    │   └── Categorical        in ``nested.py``; its value in a config is the option's label
    └── NestedSpace            Categorical, List, Dict; AutoGluonObject in ``lazy.py``

A *plain* value is None, a bool, an int, a finite float or a str: what JSON brings back as it
was. Values are compared by type and value: 1, 1.0 and True are three values.
"""

from __future__ import annotations

import abc
import math
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.space.prior import Peak, prior_text, spread_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agcore.space.prior import Prior

SPLITTER = "\u2581"
"""Delimiter of keys in the classic form of a config."""


def plain(value: Any) -> Any:
    """``value``, a NumPy scalar turned into the Python value and -0.0 into 0.0."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    return value + 0.0 if type(value) is float else value


def is_plain(value: Any) -> bool:
    """Whether JSON brings ``value`` back with the same type and value."""
    kind = type(value)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is str or kind is bool or kind is int


def typed(value: Any) -> tuple[type, Any]:
    """What two values must share to be the same value: type and value."""
    return type(value), value


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One key of a config.

    Attributes:
        name: The key, parts joined by dots.
        space: The SimpleSpace or Categorical whose value (or label) stands at the key.
        parent: Name of the Categorical on whose choice this parameter depends, or None.
        parent_label: Label of the option that makes it active.
        classic: The key in the classic form.
    """

    name: str
    space: ValueSpace
    parent: str | None = None
    parent_label: Any = None
    classic: str = ""

    def is_active(self, config: Mapping[str, Any]) -> bool:
        """Whether the choices in ``config``, which holds all earlier keys, make it active."""
        if self.parent is None:
            return True
        if self.parent not in config:
            return False
        chosen = config[self.parent]
        return type(chosen) is type(self.parent_label) and bool(chosen == self.parent_label)


class Space(abc.ABC):
    """A set of values to search."""

    @property
    @abc.abstractmethod
    def default(self) -> Any:
        """The value to try first."""

    @property
    @abc.abstractmethod
    def rand(self) -> Any:
        """A fresh random value, from a generator of its own."""

    @abc.abstractmethod
    def hyperparameters(
        self,
        name: str,
        parent: str | None = None,
        parent_label: Any = None,
        classic: str | None = None,
    ) -> Iterator[Hyperparameter]:
        """The keys this space has in a config when it stands at ``name``, in order."""

    @abc.abstractmethod
    def build(self, config: Mapping[str, Any], name: str) -> Any:
        """The value that the canonical ``config`` chooses for this space standing at ``name``."""


class ValueSpace(Space):
    """A space whose value stands at one key of a config."""

    _prior: Prior | None = None
    _prior_text = ""

    @property
    @abc.abstractmethod
    def size(self) -> int | None:
        """Number of values, or None if there are infinitely many."""

    @property
    @abc.abstractmethod
    def config_default(self) -> Any:
        """What stands in the default config."""

    @property
    def prior(self) -> Prior | None:
        """What is believed about the best value, on the unit interval; None if nothing."""
        return self._prior

    @abc.abstractmethod
    def from_unit(self, u: float) -> Any:
        """The value at ``u`` of [0, 1]; discrete values have a cell each."""

    @abc.abstractmethod
    def to_unit(self, value: Any) -> float:
        """Where in [0, 1] ``value`` lies; for a discrete one the centre of its cell."""

    @abc.abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether ``value`` is one of the values as they stand in a config, by type and value."""

    @abc.abstractmethod
    def value_at(self, index: int) -> Any:
        """Value number ``index``, from 0.

        Raises:
            SpecError: There are infinitely many values, or no value of that number.
        """

    @abc.abstractmethod
    def canonical(self, value: Any) -> Any:
        """``value`` as it stands in a config.

        Raises:
            SpecError: It is not a value of this space.
        """

    @abc.abstractmethod
    def content(self) -> tuple[Any, ...]:
        """What makes two spaces equal; the default comes last."""

    def from_classic(self, value: Any) -> Any:
        """The canonical form of what stands in a config of the classic form."""
        return self.canonical(value)

    def _check_index(self, index: int) -> int:
        """``index``, checked to lie in ``range(size)``."""
        if self.size is None:
            raise SpecError(f"{self!r} has infinitely many values; give it a step to number them")
        if not 0 <= index < self.size:
            raise SpecError(f"index={index} must lie in 0..{self.size - 1} for {self!r}")
        return index


class SimpleSpace(ValueSpace):
    """A space of plain values, described without reference to other spaces."""

    _default: Any

    def _believe(self, guess: Any, confidence: str) -> None:
        """Take a guess, which becomes the default too; None is none."""
        spread = spread_of(confidence)
        if guess is None:
            return
        try:
            value = self.canonical(guess)
        except SpecError as error:
            raise SpecError(f"prior: {error}") from None
        self._default = value
        self._prior = Peak(self.to_unit(value), spread)
        self._prior_text = prior_text(value, confidence)

    @property
    def default(self) -> Any:
        """The value to try first; can be set."""
        return self._default

    @default.setter
    def default(self, value: Any) -> None:
        try:
            self._default = self.canonical(value)
        except SpecError as error:
            raise SpecError(f"default: {error}") from None

    @property
    def config_default(self) -> Any:
        """The default itself."""
        return self._default

    @property
    def rand(self) -> Any:
        """A fresh random value; the global generators are neither used nor touched."""
        return self.from_unit(random.SystemRandom().random())

    def hyperparameters(
        self,
        name: str,
        parent: str | None = None,
        parent_label: Any = None,
        classic: str | None = None,
    ) -> Iterator[Hyperparameter]:
        """One key: ``name``."""
        yield Hyperparameter(name, self, parent, parent_label, classic or name)

    def build(self, config: Mapping[str, Any], name: str) -> Any:
        """The value itself."""
        return config[name]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, SimpleSpace):
            return NotImplemented
        return self.content() == other.content()

    def __hash__(self) -> int:
        return hash((type(self), self.content()[:-1]))


def reject_hidden_spaces(value: Any, where: str) -> None:
    """Check that no space hides in a plain dict, list or tuple, where it would not be searched.

    Raises:
        SpecError: One does; the message says where, and what to write instead.
    """
    if isinstance(value, Space):
        raise SpecError(f"{where} is a space in a place that is not searched: {value!r}")
    if isinstance(value, dict):
        kind, parts = "Dict", list(value.items())
    elif isinstance(value, (list, tuple)):
        kind, parts = "List", list(enumerate(value))
    else:
        return
    for key, part in parts:
        if isinstance(part, Space):
            raise SpecError(
                f"{where} holds a space at {key!r}, but a plain {type(value).__name__} is not "
                f"searched; use ag.space.{kind}"
            )
        reject_hidden_spaces(part, f"{where}[{key!r}]")
