"""Spaces that hold others: Categorical, List and Dict.

A config is flat, so each part has a key of its own: ``k.0`` in a List, ``k.sub`` in a Dict;
a Categorical writes the *label* of the chosen option at ``k``, and the option's own parameters
stand at ``k.<label>.param`` (``k.<label>`` if the option is a simple space).

Labels. A plain option is its own label. Any other has a name: its ``__name__``, ``Type.MEMBER``
of an enum, the ``repr`` of a tuple, list or dict of plain values and of a float that is not
finite. If it has none, or one that another option has too, its index is the label.
"""

from __future__ import annotations

import abc
import enum
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.space.base import (
    SPLITTER,
    Hyperparameter,
    Space,
    ValueSpace,
    is_plain,
    plain,
    reject_hidden_spaces,
    typed,
)
from agcore.space.configspace import SearchSpace
from agcore.space.copying import fresh
from agcore.space.ordinal import one_of
from agcore.space.prior import prior_text, shares_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agcore.space.prior import Shares


class NestedSpace(Space):
    """A space made of parts; ``sample(**config)`` builds a value from a config of its own."""

    _root = ""

    @abc.abstractmethod
    def parts(self) -> dict[str, Space]:
        """The spaces inside, by the name they have in a config of this space alone."""

    @property
    def cs(self) -> SearchSpace:
        """The search space of this space alone; keys are relative to it."""
        return SearchSpace(self.parts())

    @property
    def kwspaces(self) -> OrderedDict[str, Space]:
        """Keys of this space alone, and what stands at each."""
        return OrderedDict((hp.name, hp.space) for hp in self.cs.get_hyperparameters())

    def sample(self, /, **config: Any) -> Any:
        """The value that ``config`` chooses; what it leaves out is at its default.

        Raises:
            SpecError: The config has an unknown key or a value out of range.
        """
        return self.build(self.cs.complete(config), self._root)

    @property
    def default(self) -> Any:
        """The value of the default config."""
        return self.build(self.cs.get_default_configuration(), self._root)

    @property
    def rand(self) -> Any:
        """The value of a fresh random config."""
        return self.build(self.cs.sample_configuration(), self._root)

    def hyperparameters(
        self,
        name: str,
        parent: str | None = None,
        parent_label: Any = None,
        classic: str | None = None,
    ) -> Iterator[Hyperparameter]:
        """The keys of the parts, each behind ``name`` and a dot."""
        classic = classic or name
        for part, space in self.parts().items():
            yield from space.hyperparameters(
                join(name, part), parent, parent_label, f"{classic}{SPLITTER}{part}"
            )


class Categorical(NestedSpace, ValueSpace):
    """One of several options, which may be any objects, and spaces themselves.

    In a config of this space alone (``sample``, ``cs``) the choice stands at ``choice``.

    Args:
        options: At least one; the first is the default.
        prior: The option that is believed to be the best, or a mapping of every option to a
            weight. Random and model-based searchers choose likely options more often, the model
            the less the more it has observed. The likeliest one is the default.
        prior_confidence: In a single option: ``'low'``, ``'medium'`` or ``'high'``, 2, 4 or 8
            times as likely as any other.

    Raises:
        SpecError: There is no option, a plain option occurs twice, or an index that has to
            serve as a label is an option itself.
    """

    _root = "choice"
    _prior: Shares | None = None

    def __init__(self, *options: Any, prior: Any = None, prior_confidence: str = "medium") -> None:
        self._belief = prior, prior_confidence
        self._set_options(list(options))

    def _set_options(self, options: list[Any]) -> None:
        if not options:
            raise SpecError("Categorical() needs at least one option, as in Categorical('a', 'b')")
        for i, option in enumerate(options):
            if not isinstance(option, Space):
                reject_hidden_spaces(option, f"Categorical option {i}")
        labels = option_labels(options)
        self._options, self._labels = options, labels
        self._index = {typed(label): i for i, label in enumerate(labels)}
        self._prior = self._shares(*self._belief)

    def _shares(self, prior: Any, confidence: str) -> Shares | None:
        """What is believed of the options."""
        if prior is None:
            return None
        try:
            named = [self.canonical(o) for o in (prior if isinstance(prior, Mapping) else [prior])]
        except SpecError as error:
            raise SpecError(f"prior: {error}") from None
        indices = [self._index[typed(label)] for label in named]
        weights = list(prior.values()) if isinstance(prior, Mapping) else None
        written = named[0] if weights is None else dict(zip(named, weights, strict=True))
        self._prior_text = prior_text(written, confidence)
        return shares_of(self._labels, indices, weights, confidence)

    @property
    def labels(self) -> tuple[Any, ...]:
        """How each option is written in a config."""
        return self._labels

    def parts(self) -> dict[str, Space]:
        """The choice."""
        return {self._root: self}

    def hyperparameters(
        self,
        name: str,
        parent: str | None = None,
        parent_label: Any = None,
        classic: str | None = None,
    ) -> Iterator[Hyperparameter]:
        """The choice, then the parameters of each option that is a space."""
        classic = classic or name
        yield Hyperparameter(name, self, parent, parent_label, f"{classic}{SPLITTER}choice")
        for i, (label, option) in enumerate(zip(self._labels, self._options, strict=True)):
            if isinstance(option, Space):
                yield from option.hyperparameters(
                    join(name, label), name, label, f"{classic}{SPLITTER}{i}"
                )

    def build(self, config: Mapping[str, Any], name: str) -> Any:
        """The chosen option: itself built, if it is a space, else a copy."""
        label = config[name]
        option = self._options[self._index[typed(label)]]
        if isinstance(option, Space):
            return option.build(config, join(name, label))
        return fresh(option, f"the option {label!r} of {name}")

    @property
    def size(self) -> int:
        """Number of options, whatever is inside them."""
        return len(self._labels)

    @property
    def config_default(self) -> Any:
        """The label of the likeliest option; of the first, if there is no prior."""
        return self._labels[self._prior.likeliest if self._prior else 0]

    def from_unit(self, u: float) -> Any:
        """The label whose cell ``u`` lies in; cells are of equal width."""
        count = len(self._labels)
        return self._labels[min(max(int(u * count), 0), count - 1)]

    def to_unit(self, value: Any) -> float:
        """The centre of the cell of the label ``value``."""
        return (self._index[typed(value)] + 0.5) / len(self._labels)

    def contains(self, value: Any) -> bool:
        """Whether ``value`` is a label, by type and value."""
        return is_plain(value) and typed(value) in self._index

    def value_at(self, index: int) -> Any:
        """The label of option ``index``."""
        return self._labels[self._check_index(index)]

    def canonical(self, value: Any) -> Any:
        """The label that ``value`` means: a label, or the very object."""
        wanted = plain(value)
        if is_plain(wanted) and typed(wanted) in self._index:
            return self._labels[self._index[typed(wanted)]]
        written = written_form(value)
        for label, option in zip(self._labels, self._options, strict=True):
            same = type(option) is type(value) and written == written_form(option)
            if option is value or (written is not None and same):
                return label
        raise SpecError(f"{value!r} is not {one_of(self._labels, wanted)}")

    def from_classic(self, value: Any) -> Any:
        """The label of the option whose index ``value`` is."""
        index = plain(value)
        if type(index) is not int or not 0 <= index < len(self._labels):
            raise SpecError(
                f"{value!r} must be the index of an option in the classic form, "
                f"0..{len(self._labels) - 1}"
            )
        return self._labels[index]

    def content(self) -> tuple[Any, ...]:
        """The labels with their types, and the prior."""
        return *self._index, self._prior

    def __len__(self) -> int:
        return len(self._options)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._options)

    def __getitem__(self, index: int) -> Any:
        return self._options[index]

    def __setitem__(self, index: int, option: Any) -> None:
        options = list(self._options)
        options[index] = option
        self._set_options(options)

    def __repr__(self) -> str:
        return f"Categorical[{', '.join(map(_shown, self._options))}]{self._prior_text}"


class List(NestedSpace):
    """A list of spaces and constants, all of them in each value.

    Behaves as the list it was made from: indexing, ``len``, ``append`` ...
    """

    def __init__(self, *items: Any) -> None:
        self._items = list(items)

    def parts(self) -> dict[str, Space]:
        """The spaces by their position."""
        return _spaces_of("List", enumerate(self._items))

    def build(self, config: Mapping[str, Any], name: str) -> list[Any]:
        """A list with each space replaced by its value, and copies of the constants."""
        return [built(item, config, join(name, i)) for i, item in enumerate(self._items)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not of the inner list: pickle and copy ask for such names
            raise AttributeError(name)
        return getattr(self._items, name)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __getitem__(self, index: int) -> Any:
        return self._items[index]

    def __setitem__(self, index: int, item: Any) -> None:
        self._items[index] = item

    def __repr__(self) -> str:
        return f"List[{', '.join(map(_shown, self._items))}]"


class Dict(NestedSpace):
    """A dict of spaces and constants, all of them in each value.

    Behaves as the dict it was made from; ``d.key`` is ``d['key']`` unless a method of that
    name exists.
    """

    def __init__(self, /, **items: Any) -> None:
        self._items = dict(items)

    def parts(self) -> dict[str, Space]:
        """The spaces by their key."""
        return _spaces_of("Dict", self._items.items())

    def build(self, config: Mapping[str, Any], name: str) -> dict[str, Any]:
        """A dict with each space replaced by its value, and copies of the constants."""
        return {key: built(item, config, join(name, key)) for key, item in self._items.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not of the inner dict: pickle and copy ask for such names
            raise AttributeError(name)
        items = self._items
        return items[name] if name in items else getattr(items, name)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._items[key] = item

    def __repr__(self) -> str:
        return f"Dict{{{', '.join(f'{key!r}: {_shown(v)}' for key, v in self._items.items())}}}"


def join(name: str, part: Any) -> str:
    """The key of ``part`` inside the space at ``name``; ``name`` is empty for a space alone."""
    return f"{name}.{part}" if name else str(part)


def built(item: Any, config: Mapping[str, Any], name: str) -> Any:
    """The value of ``item`` at ``name``: chosen by ``config`` for a space, else a copy."""
    return item.build(config, name) if isinstance(item, Space) else fresh(item, name)


def written_form(option: Any) -> str | None:
    """The text by which an option is known: container, non-finite float, or enum member."""
    if isinstance(option, enum.Enum):
        return f"{type(option).__name__}.{option.name}" if option.name else None
    try:
        return None if is_plain(option) else repr(_plain_inside(option))
    except TypeError:
        return None


def option_labels(options: Sequence[Any]) -> tuple[Any, ...]:
    """How each option is written in a config; the rules stand at the top of this file."""
    values = [plain(option) for option in options]
    plain_ones = [typed(value) for value in values if is_plain(value)]
    taken = set(plain_ones)
    if len(taken) < len(plain_ones):
        twice = Counter(plain_ones).most_common(1)[0][0][1]
        raise SpecError(f"Categorical names the option {twice!r} twice; drop the repetition")
    names = [None if is_plain(v) else _name(o) for v, o in zip(values, options, strict=True)]
    uses = Counter(names)
    labels: list[Any] = []
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        if is_plain(value):
            labels.append(value)
        elif name is not None and uses[name] == 1 and typed(name) not in taken:
            labels.append(name)
        elif typed(i) not in taken:
            labels.append(i)
        else:
            raise SpecError(
                f"Categorical: option {i}, {_shown(options[i])}, has no name of its own, and its "
                f"index {i} is another option; give it a unique __name__, or move the option {i} "
                f"to another place"
            )
    return tuple(labels)


def _name(option: Any) -> str | None:
    """The name of an option that is not plain, or None."""
    written = written_form(option)
    if written is not None:
        return written
    name = getattr(option, "__name__", None)
    return name if isinstance(name, str) and name else None


def _plain_inside(value: Any) -> Any:
    """``value`` with NumPy scalars made plain.

    Raises:
        TypeError: It holds something whose ``repr`` may differ between processes.
    """
    value = plain(value)
    kind = type(value)
    if is_plain(value) or kind is float:
        return value
    if kind is tuple or kind is list:
        return kind(_plain_inside(part) for part in value)
    if kind is dict:
        return {_plain_inside(key): _plain_inside(part) for key, part in value.items()}
    raise TypeError(kind)


def _shown(item: Any) -> str:
    """``item`` for a repr that is the same in every process."""
    value = plain(item)
    if is_plain(value) or isinstance(item, Space):
        return repr(value)
    return _name(item) or f"<{type(item).__qualname__}>"


def _spaces_of(kind: str, items: Iterable[tuple[Any, Any]]) -> dict[str, Space]:
    """The spaces among ``items`` by the text of their keys."""
    spaces: dict[str, Space] = {}
    for key, item in items:
        if isinstance(item, Space):
            spaces[str(key)] = item
        else:
            reject_hidden_spaces(item, f"{kind}[{key!r}]")
    return spaces
