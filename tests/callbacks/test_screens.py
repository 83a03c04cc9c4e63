"""Each place gets the screen that suits it."""

import io
import sys
from types import ModuleType

import pytest
from rich.console import Console

from agcore.callbacks.screens import (
    NotebookScreen,
    PlainScreen,
    TerminalScreen,
    can_be_live,
    screen_for,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Handle:
    """What IPython's ``display(..., display_id=True)`` returns."""

    def __init__(self):
        self.updates = []

    def update(self, content, raw=False):
        assert raw
        self.updates.append(content)


@pytest.fixture
def notebook(monkeypatch):
    """IPython's display hook as far as it is used; returns what it was called with."""
    calls, handle = [], Handle()

    def display(content, raw=False, display_id=None):
        calls.append((content, raw, display_id))
        return handle

    module = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return calls, handle


def test_a_terminal_is_drawn_over():
    console = Console(file=Terminal(), force_terminal=True, _environ={"TERM": "xterm"})
    screen = screen_for(console, keeps_last=True)
    assert isinstance(screen, TerminalScreen)
    screen.close(["bye"])


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}])
def test_a_pipe_gets_plain_lines_whatever_the_environment_says(environ):
    console = Console(file=io.StringIO(), _environ=environ)
    assert isinstance(screen_for(console, keeps_last=True), PlainScreen)


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines():
    console = Console(file=Terminal(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(screen_for(console, keeps_last=True), PlainScreen)


def test_a_notebook_has_one_output_that_is_replaced(notebook):
    calls, handle = notebook
    screen = screen_for(Console(force_jupyter=True, file=io.StringIO()), keeps_last=True)
    assert isinstance(screen, NotebookScreen)
    screen.draw(["first", "line"])
    screen.draw(["second"])
    screen.close(["last"])
    assert calls == [({"text/plain": "first\nline"}, True, True)]
    assert handle.updates == [{"text/plain": "second"}, {"text/plain": "last"}]


def test_what_is_printed_while_a_terminal_is_live_stands_above_it(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    screen = screen_for(Console(stderr=True, _environ={"TERM": "xterm"}), keeps_last=True)
    screen.draw(["progress"])
    print("a warning", file=sys.stderr)
    screen.close(["progress"])
    shown = terminal.getvalue()
    assert shown.index("a warning") < shown.rindex("progress")
    assert sys.stderr is terminal


def test_a_piped_stdout_stays_apart_from_the_live_terminal(monkeypatch):
    piped = io.StringIO()
    monkeypatch.setattr(sys, "stdout", piped)
    console = Console(file=Terminal(), force_terminal=True, _environ={"TERM": "xterm"})
    screen = TerminalScreen(console, keeps_last=True)
    print("a result")
    screen.close([])
    assert piped.getvalue() == "a result\n"


def test_standard_error_decides_whether_a_display_can_be_live(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not can_be_live()
    monkeypatch.setattr(sys, "stderr", None)
    assert not can_be_live()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert can_be_live()
