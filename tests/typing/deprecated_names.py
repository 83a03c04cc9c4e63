"""Decorators of deprecated names leave types as they are; mypy reads this file, nothing runs it."""

from __future__ import annotations

from typing_extensions import assert_type

from agcore.deprecation import deprecated, deprecated_argument


@deprecated(since="0.2", instead="newer", gone_in="1.0")
def older(x: int) -> str:
    return str(x)


@deprecated(since="0.2", instead="Newer", gone_in="1.0")
class Older:
    def __init__(self, x: int) -> None:
        self.x = x


@deprecated_argument("verbose", since="0.2", gone_in="1.0", instead="set the level of the logger")
def show(x: int, verbose: bool = False) -> int:
    return x


assert_type(older(1), str)
assert_type(Older(1), Older)
assert_type(Older(1).x, int)
assert_type(show(1, verbose=True), int)

older("1")  # type: ignore[arg-type]
show(1, verbos=True)  # type: ignore[call-arg]
deprecated(since=0.2, instead="newer", gone_in="1.0")  # type: ignore[arg-type]
