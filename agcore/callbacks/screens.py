"""Where progress is shown: a terminal, a notebook, or a stream of plain lines.

A screen is given lines of text now and then and says how long to wait before the next; it
knows nothing of runs.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

_REDRAW_EVERY_S = 0.2
_NOTEBOOK_EVERY_S = 0.5
_FIRST_LINE_AFTER_S = 3.0
_LINES_EVERY_S = (10.0, 60.0)
_NARROWEST = 16


class Screen(Protocol):
    """Shows a few lines, again and again."""

    pause_s: float
    """Seconds until it is to be drawn again."""
    is_brief: bool
    """Whether one line is all that it wants."""

    @property
    def width(self) -> int:
        """Characters in a line."""

    def draw(self, lines: Sequence[str]) -> None:
        """Show the lines."""

    def close(self, lines: Sequence[str]) -> None:
        """Show the lines for the last time."""


def screen_for(console: Console, *, keeps_last: bool) -> Screen:
    """The screen that suits where ``console`` writes.

    Args:
        console: Where to write.
        keeps_last: Whether the last lines stay on a terminal.
    """
    if console.is_jupyter:
        return NotebookScreen()
    # Not ``console.is_terminal``, which FORCE_COLOR makes true for any file.
    if console.file.isatty() and not console.is_dumb_terminal:
        return TerminalScreen(console, keeps_last=keeps_last)
    return PlainScreen(console)


def can_be_live() -> bool:
    """Whether standard error is a terminal, or this is a notebook."""
    if sys.stderr is not None and sys.stderr.isatty():  # None in a process without streams
        return True
    if "IPython" not in sys.modules:  # then rich, which takes a while to load, is not asked
        return False
    from rich.console import Console

    return Console(stderr=True).is_jupyter


class TerminalScreen:
    """A few lines at the bottom of a terminal, drawn over; what others print stays above.

    No thread redraws it, and the cursor stays visible, so that a killed process leaves the
    terminal as it was.
    """

    is_brief = False

    def __init__(self, console: Console, *, keeps_last: bool) -> None:
        from rich.live import Live

        self.pause_s = _REDRAW_EVERY_S
        self._console = console
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=not keeps_last,
            # What is printed goes on through the console; a piped stdout must not.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._live.start()
        console.show_cursor(True)

    @property
    def width(self) -> int:
        """Columns of the terminal as it is now."""
        return max(_NARROWEST, self._console.width)

    def draw(self, lines: Sequence[str]) -> None:
        """Draw over what was there."""
        from rich.text import Text

        text = Text("\n".join(lines), no_wrap=True, overflow="crop")
        self._live.update(text, refresh=True)

    def close(self, lines: Sequence[str]) -> None:
        """Draw a last time and give the terminal back."""
        try:
            self.draw(lines)
        finally:
            self._live.stop()


class NotebookScreen:
    """One output of a notebook cell, replaced in its place; needs no widgets."""

    is_brief = False
    width = 100

    def __init__(self) -> None:
        self.pause_s = _NOTEBOOK_EVERY_S
        self._display: Any = importlib.import_module("IPython.display").display
        self._handle: Any = None

    def draw(self, lines: Sequence[str]) -> None:
        """Replace what was there."""
        content = {"text/plain": "\n".join(lines)}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def close(self, lines: Sequence[str]) -> None:
        """Replace it a last time."""
        self.draw(lines)


class PlainScreen:
    """A line after a few seconds, then after ten more, and less and less often: a file or pipe."""

    is_brief = True
    width = 1000

    def __init__(self, console: Console) -> None:
        self.pause_s = _FIRST_LINE_AFTER_S
        self._next_pause_s, self._longest_pause_s = _LINES_EVERY_S
        self._console = console

    def draw(self, lines: Sequence[str]) -> None:
        """Write one line."""
        self._write(lines)
        self.pause_s = self._next_pause_s
        self._next_pause_s = min(2 * self._next_pause_s, self._longest_pause_s)

    def close(self, lines: Sequence[str]) -> None:
        """Write the last line."""
        self._write(lines)

    def _write(self, lines: Sequence[str]) -> None:
        # Not through ``console.print``: a pipe gets no colours, whatever FORCE_COLOR says.
        file = self._console.file
        file.write("; ".join(lines) + "\n")
        file.flush()
