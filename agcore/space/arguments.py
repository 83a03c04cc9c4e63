"""The arguments of a train function, and how a config gets into them."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Mapping
from typing import Any

from agcore.errors import SpecError, did_you_mean
from agcore.space.base import Space
from agcore.space.configspace import SearchSpace
from agcore.space.copying import fresh, is_immutable
from agcore.space.nested import NestedSpace

_DICT_NAMES = frozenset(name for name in dir(dict) if not name.startswith("_"))


class Args(dict[str, Any]):
    """A dict whose keys are attributes as well; dicts inside it are too.

    A key wins over the dict method of the same name: with a key ``values``, ``args.values`` is
    the value.
    """

    def __init__(self, *mappings: Any, **items: Any) -> None:
        super().__init__()
        self.update(*mappings, **items)

    def update(self, *mappings: Any, **items: Any) -> None:
        """Set many keys, as ``dict.update`` does."""
        for key, value in dict(*mappings, **items).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, which is set to ``default`` if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def __setitem__(self, key: str, value: Any) -> None:
        value = _with_attributes(value)
        super().__setitem__(key, value)
        if key in _DICT_NAMES:
            self.__dict__[key] = value

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.__dict__.pop(key, None)

    def pop(self, key: str, *default: Any) -> Any:
        """The value of ``key``, which is removed."""
        self.__dict__.pop(key, None)
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """The last key and its value, which are removed."""
        key, value = super().popitem()
        self.__dict__.pop(key, None)
        return key, value

    def clear(self) -> None:
        """Remove all keys."""
        self.__dict__.clear()
        super().clear()

    def copy(self) -> Args:
        """A shallow copy."""
        return Args(self)

    def __ior__(self, other: Any) -> Args:  # type: ignore[override, misc]
        Args.update(self, other)
        return self

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            hint = did_you_mean(name, map(str, self))
            raise AttributeError(f"args has no {name!r}{hint}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"args has no {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), None, None, iter(dict.items(self))

    def __repr__(self) -> str:
        return f"Args({super().__repr__()})"


def _with_attributes(value: Any) -> Any:
    """``value``, dicts in it (also in lists and tuples) turned into Args."""
    kind = type(value)
    if kind is dict:
        return Args(value)
    if kind is list or kind is tuple:
        parts = [_with_attributes(part) for part in value]
        if any(new is not old for new, old in zip(parts, value, strict=True)):
            return kind(parts)
    return value


class ArgsBuilder:
    """Puts one config after another into copies of ``args``.

    What trials cannot change is shared between the built arguments, all else is copied; which
    is which is found out once.

    Args:
        args: The arguments of a train function: a dict or Namespace.
        space: Its search space.
    """

    def __init__(self, args: Mapping[str, Any] | Any, space: SearchSpace) -> None:
        self._args = as_args(args)
        self._space = space
        spaces = space.spaces
        items = dict(self._args)
        self._simple = tuple(k for k, s in spaces.items() if not isinstance(s, NestedSpace))
        self._nested = tuple((k, s) for k, s in spaces.items() if isinstance(s, NestedSpace))
        # Nested spaces that only args has: objects put there by hand, to be made as they are.
        self._unlisted = tuple(
            (k, s) for k, s in items.items() if isinstance(s, NestedSpace) and k not in spaces
        )
        built = {*spaces, *(key for key, _ in self._unlisted)}
        self._mutable = {
            k: value for k, value in items.items() if k not in built and not is_immutable(value)
        }
        self._template = Args({**items, **dict.fromkeys((*built, *self._mutable))})
        self._is_flat = not (self._nested or self._unlisted or self._mutable)
        self._shadows = not _DICT_NAMES.isdisjoint(self._template)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self._args, self._space)

    @property
    def arguments(self) -> Args:
        """The arguments as they were given."""
        return self._args

    def build(self, config: Mapping[str, Any]) -> Args:
        """A copy of the arguments with ``config``, which must be canonical, put in.

        Raises:
            SpecError: An argument cannot be copied.
        """
        args = Args.__new__(Args)
        if self._shadows:
            Args.update(args, self._template)
            Args.update(args, {key: config[key] for key in self._simple})
        else:
            dict.update(args, self._template)
            if self._is_flat:
                dict.update(args, config)
                return args
            for key in self._simple:
                dict.__setitem__(args, key, config[key])
        for key, value in self._copies().items():
            args[key] = value
        for key, space in self._nested:
            args[key] = space.build(config, key)
        for key, space in self._unlisted:
            args[key] = space.default
        return args

    def _copies(self) -> dict[str, Any]:
        """Copies of the mutable arguments; what two of them share stays shared."""
        try:
            return copy.deepcopy(self._mutable)
        except Exception:
            for key, value in self._mutable.items():  # again, one by one, to name the culprit
                fresh(value, f"args.{key}")
            raise


def build_args(args: Mapping[str, Any] | Any, config: Mapping[str, Any]) -> Args:
    """A copy of ``args`` with ``config`` put in.

    Args:
        args: A dict or Namespace: ``train_fn.args``, perhaps changed by the user.
        config: Keys in canonical or classic form. Nested spaces that it does not mention get
            their defaults; other arguments keep the value they have in ``args``.

    Raises:
        SpecError: A key of ``config`` belongs to no argument, or a value to no option.
    """
    arguments = as_args(args)
    items = dict(arguments)
    space = SearchSpace(items)
    known = set(space.names) | {hp.classic for hp in space.get_hyperparameters()}
    of_spaces = {key: value for key, value in config.items() if key in known}
    for key in config:
        if key not in known and (key not in items or isinstance(items[key], Space)):
            hint = did_you_mean(key, [*space.names, *items])
            raise SpecError(f"config has the key {key!r}, which no argument has{hint}")
    chosen = space.complete(of_spaces)
    built = ArgsBuilder(arguments, space).build(chosen)
    Args.update(built, {key: value for key, value in config.items() if key not in known})
    return built


def as_args(args: Mapping[str, Any] | Any) -> Args:
    """``args`` as Args; a Namespace becomes a new one.

    Raises:
        SpecError: It is neither a mapping nor a Namespace.
    """
    if isinstance(args, Args):
        return args
    if isinstance(args, Mapping):
        return Args(args)
    argparse = sys.modules.get("argparse")
    if isinstance(args, types.SimpleNamespace) or (
        argparse is not None and isinstance(args, argparse.Namespace)
    ):
        return Args(vars(args))
    raise SpecError(f"args={args!r} must be a dict or a Namespace, such as train_fn.args")
