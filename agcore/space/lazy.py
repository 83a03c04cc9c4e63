"""``ag.obj`` and ``ag.func``: classes and functions whose arguments are searched.

A decorated class or function becomes a `LazyFactory`. Calling it makes nothing yet; it gives
an `AutoGluonObject`, a space whose values are what the class or function returns.
"""

from __future__ import annotations

import copyreg
import functools
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.space.base import SimpleSpace, Space, reject_hidden_spaces
from agcore.space.copying import fresh, importable_name
from agcore.space.nested import NestedSpace, built, join

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AutoGluonObject(NestedSpace):
    """An object still to be made: what a class or function decorated by obj or func returns.

    Calling it makes the object of the default config, once, and forwards the call to it.

    Args:
        factory: What to call.
        args: Positional arguments, passed through.
        kwvars: Keyword arguments; spaces among them are searched.
    """

    def __init__(
        self, factory: LazyFactory, args: tuple[Any, ...], kwvars: Mapping[str, Any]
    ) -> None:
        self._factory = factory
        self.args = args
        self.kwvars = dict(kwvars)
        self.__doc__ = factory.__doc__
        self._made: list[Any] = []
        for i, value in enumerate(args):
            if isinstance(value, Space):
                raise SpecError(
                    f"{self.__name__}: positional argument {i} is a space, which would not be "
                    "searched; pass it by keyword"
                )
            reject_hidden_spaces(value, f"{self.__name__}: positional argument {i}")
        for name, value in self.kwvars.items():
            if not isinstance(value, Space):
                reject_hidden_spaces(value, f"{self.__name__}: {name}")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self._factory, self.args, self.kwvars)

    @property
    def __name__(self) -> str:
        """Name of the class or function."""
        return self._factory.__name__

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments, simple spaces replaced by their defaults."""
        return {
            name: value.default if isinstance(value, SimpleSpace) else value
            for name, value in self.kwvars.items()
        }

    def parts(self) -> dict[str, Space]:
        """The spaces among the keyword arguments."""
        return {name: value for name, value in self.kwvars.items() if isinstance(value, Space)}

    def build(self, config: Mapping[str, Any], name: str) -> Any:
        """What the class or function returns for the arguments that ``config`` chooses."""
        kwargs = {key: built(value, config, join(name, key)) for key, value in self.kwvars.items()}
        args = tuple(fresh(value, f"{name}: argument {i}") for i, value in enumerate(self.args))
        return self._factory.target(*args, **kwargs)

    def init(self) -> Any:
        """The object of the default config, made anew."""
        return self.default

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object of the default config, which is made at the first call."""
        if not self._made:
            self._made.append(self.init())
        return self._made[0](*args, **kwargs)

    def __repr__(self) -> str:
        suffix = f" -- {self.__name__}" if self._factory.shows_name else ""
        return f"AutoGluonObject{suffix}"


class LazyFactory:
    """What stands in the place of a class or function decorated by ``obj`` or ``func``.

    Name, docstring and public attributes are those of the class or function, and a class may
    be derived from.

    Args:
        target: The class or function.
        kwvars: Keyword arguments for it, spaces among them; a call may override them.
        shows_name: Whether the repr of what it returns says the name.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self, target: Callable[..., Any], kwvars: Mapping[str, Any], shows_name: bool
    ) -> None:
        functools.update_wrapper(self, target, updated=())
        self.target = target
        self.kwvars = dict(kwvars)
        self.shows_name = shows_name

    def __call__(self, *args: Any, **kwargs: Any) -> AutoGluonObject:
        """A lazy object; keyword arguments override those of the decorator for it alone."""
        return AutoGluonObject(self, args, {**self.kwvars, **kwargs})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pickle and copy ask for such names before there is a target
            raise AttributeError(name)
        return getattr(self.target, name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.target,)

    def __repr__(self) -> str:
        return repr(self.target)

    def __copy__(self) -> LazyFactory:
        return self

    def __deepcopy__(self, memo: Any) -> LazyFactory:
        return self

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        name = importable_name(self)
        # By value: made empty first, because the class may refer to its own name.
        return name or (copyreg.__newobj__, (type(self),), self.__dict__)  # type: ignore[attr-defined]
