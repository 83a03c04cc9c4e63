"""How commands write: headings, sentences and tables, on a terminal or into a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_INDENT = 2


class Page:
    """What is written from top to bottom to standard output.

    Args:
        console: Where to write; by default standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._out = console or Console(highlight=False, markup=False, emoji=False)

    def _heading(self, text: str) -> None:
        self._prose(Text(text, style="bold"), indent=0)

    def _prose(self, text: Text, indent: int = _INDENT) -> None:
        """Write a sentence; a terminal breaks it between words, a pipe gets it whole."""
        width = max(1, self._out.width - indent)
        for line in text.wrap(self._out, width) if self._out.is_terminal else [text]:
            line.rstrip()
            self._out.print(Text(" " * indent) + line, soft_wrap=True)

    def _line(self, text: str) -> None:
        """Write a line that is to stay one, so that it can be copied."""
        self._out.print(Text(" " * _INDENT + text), soft_wrap=True)

    def _quote(self, title: str, lines: Sequence[str], most: int) -> None:
        if lines:
            self._line(title)
            for line in lines[-most:]:
                self._line(f"  {line}")

    def _table(
        self,
        headings: Iterable[str],
        rows: Iterable[Sequence[str]],
        *,
        first_is_text: bool = False,
    ) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
        for i, heading in enumerate(headings):
            justify: Any = "left" if first_is_text and i == 0 else "right"
            table.add_column(Text(heading), justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        self._out.print(Padding(table, (0, 0, 0, _INDENT), expand=False))


def aligned(values: Sequence[float]) -> list[str]:
    """Numbers with six significant digits, and as many decimals as the longest needs."""
    texts = [f"{value:.6g}" for value in values]
    if any("e" in text or "n" in text for text in texts):
        return texts
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [f"{value:.{decimals}f}" for value in values]


def counted(count: int, noun: str) -> str:
    """A number and its noun, in the plural if need be."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def seconds_text(seconds: float, longest_s: float) -> str:
    """Seconds with as many decimals as the longest of their column needs."""
    decimals = 2 if longest_s < 10 else 1 if longest_s < 10_000 else 0
    return f"{seconds:,.{decimals}f}"
