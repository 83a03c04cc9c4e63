"""What is recorded with a proposal, read by those who make sentences of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard


class Facts:
    """The numbers behind a proposal; what is asked for counts as said.

    Args:
        why: As the journal has them.
    """

    def __init__(self, why: Mapping[str, Any]) -> None:
        self._why = why
        self._said: set[str] = set()

    def count(self, name: str) -> int | None:
        """A whole number, or None."""
        value = self._why.get(name)
        return self._found(name, value) if _is_whole(value) else None

    def pair(self, first: str, second: str) -> tuple[int, int] | None:
        """Two whole numbers that are said together, or None if one of them is missing."""
        one, two = self._why.get(first), self._why.get(second)
        if not _is_whole(one) or not _is_whole(two):
            return None
        self._said |= {first, second}
        return one, two

    def number(self, name: str) -> float | None:
        """A finite number, or None."""
        value = self._why.get(name)
        is_number = _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
        return self._found(name, value) if is_number else None

    def text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._why.get(name)
        return self._found(name, value) if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        """Whether something is recorded as true."""
        self._said.add(name)
        return self._why.get(name) is True

    def _found(self, name: str, value: Any) -> Any:
        self._said.add(name)
        return value

    @property
    def unsaid(self) -> dict[str, Any]:
        """What nobody has asked for."""
        return {name: value for name, value in self._why.items() if name not in self._said}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
