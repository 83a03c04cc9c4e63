"""How agcore says that a name or an argument of its own will go, and what to use instead.

A deprecation names four things: what it is about, since when, what replaces it, and the release in
which it goes. Whoever calls it is told once for each line that does, by a `DeprecationWarning` at
that line; the call works as before.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from agcore.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T", bound="Callable[..., Any]")


def deprecated(*, since: str, instead: str, gone_in: str) -> Callable[[T], T]:
    """A decorator that marks a function, method or class as deprecated.

    A class warns when an object of it is made; it stays the same class. A note is added to the
    docstring, and ``__deprecated__`` holds the message, where tools look for it (PEP 702).

    Args:
        since: Release in which it became deprecated, as ``'0.2'``.
        instead: What to use, as ``'ag.tune'``.
        gone_in: Release that will not have it any more.

    Raises:
        SpecError: A release is not written as numbers and dots, or it goes before it is
            deprecated.
    """
    _check_releases(since, gone_in)

    def mark(target: T) -> T:
        name = target.__qualname__
        message = f"{name} is deprecated since {since} and goes in {gone_in}; use {instead} instead"
        notice = _Notice(message)
        if isinstance(target, type):
            init = target.__init__  # type: ignore[misc]
            target.__init__ = _warning(init, notice)  # type: ignore[misc]
            marked: Any = target
        else:
            marked = _warning(target, notice)
        note = f"Deprecated since {since}, goes in {gone_in}: use {instead} instead."
        marked.__doc__ = "\n\n".join(filter(None, (inspect.getdoc(target), note)))
        marked.__deprecated__ = message
        return marked  # type: ignore[no-any-return]

    return mark


def deprecated_argument(
    name: str,
    *,
    since: str,
    gone_in: str,
    renamed_to: str | None = None,
    instead: str | None = None,
) -> Callable[[T], T]:
    """A decorator that marks one argument of a function or method as deprecated.

    A renamed argument need not be a parameter any more: what is given under the old name is passed
    on under the new one. Any other is still a parameter, which the function may go on reading.
    For an argument of a class decorate its ``__init__``.

    Args:
        name: The argument.
        since: Release in which it became deprecated, as ``'0.2'``.
        gone_in: Release that will not have it any more.
        renamed_to: Its new name.
        instead: If it was not renamed: what to do instead, as ``'pass time_budget='``.

    Raises:
        SpecError: The function has no such parameter, both or neither of ``renamed_to`` and
            ``instead`` are given, or the releases are not in order. The decorated function
            raises it if it is called with the old and the new name.
    """
    _check_releases(since, gone_in)
    if (renamed_to is None) == (instead is None):
        raise SpecError(
            f"deprecated_argument({name!r}) needs renamed_to= or instead=, one of them; say what "
            "its callers are to do"
        )
    remedy = f"pass {renamed_to}=" if renamed_to is not None else instead
    what = f"is deprecated since {since} and goes in {gone_in}; {remedy} instead"

    def mark(function: T) -> T:
        place = _place_of(function, name if renamed_to is None else renamed_to)
        notice = _Notice(f"the argument {name}= of {function.__qualname__} {what}")

        @functools.wraps(function)
        def with_old_argument(*args: Any, **kwargs: Any) -> Any:
            if name in kwargs:
                notice.give()
                if renamed_to is not None:
                    _check_given_once(name, renamed_to, kwargs, len(args) > place)
                    kwargs[renamed_to] = kwargs.pop(name)
            elif renamed_to is None and len(args) > place:
                notice.give()
            return function(*args, **kwargs)

        return with_old_argument  # type: ignore[return-value]

    return mark


class _Notice:
    """A message that is given once for each line that asks for it.

    The filters of Python's own cannot be left to see to that: under ``-W always`` a loop would
    say it each time round.
    """

    def __init__(self, message: str) -> None:
        self._message = message
        self._told: set[tuple[str, int]] = set()

    def give(self) -> None:
        """Warn whoever called the function that calls this, unless that line was told before."""
        frame = sys._getframe(2)  # noqa: SLF001 - as the standard library's warnings do
        line = (frame.f_code.co_filename, frame.f_lineno)
        if line in self._told:
            return
        warnings.warn(self._message, DeprecationWarning, stacklevel=3)
        # Only now: where warnings are errors, each call is one.
        self._told.add(line)


def _warning(function: Callable[..., Any], notice: _Notice) -> Callable[..., Any]:
    """The function, with a notice before each call."""

    @functools.wraps(function)
    def with_notice(*args: Any, **kwargs: Any) -> Any:
        notice.give()
        return function(*args, **kwargs)

    return with_notice


def _place_of(function: Callable[..., Any], name: str) -> int:
    """By how many positional arguments before it a parameter can be reached.

    Raises:
        SpecError: There is no such parameter.
    """
    parameters = inspect.signature(function).parameters
    if name not in parameters:
        raise SpecError(
            f"{function.__qualname__} has no parameter {name!r}, only: {', '.join(parameters)}; "
            "name one of them"
        )
    if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY:
        return sys.maxsize
    return list(parameters).index(name)


def _check_given_once(name: str, new: str, kwargs: dict[str, Any], by_position: bool) -> None:
    if new in kwargs or by_position:
        raise SpecError(
            f"{name}={kwargs[name]!r} and {new}= are two names of one argument; pass {new}= only"
        )


def _check_releases(since: str, gone_in: str) -> None:
    if not _release("since", since) < _release("gone_in", gone_in):
        raise SpecError(
            f"gone_in={gone_in!r} must be a later release than since={since!r}; give people one "
            "release at least to move"
        )


def _release(name: str, text: str) -> tuple[int, ...]:
    """The numbers of a release, for comparison.

    Raises:
        SpecError: It is not written as numbers and dots.
    """
    parts = text.split(".")
    if not all(part.isdecimal() for part in parts):
        raise SpecError(f"{name}={text!r} must be a release, as '0.2' or '1.0.3'")
    return tuple(map(int, parts))
