"""A directive that shows what a command of agcore prints for ``--help``.

::

    .. command-help:: tune
    .. command-help:: build agcore_contrib.otx.commands:build

Where a command stands has to be said of those that other packages add, which need not be installed
for these pages. The text is that of the code at hand, so it cannot be out of date.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest import mock

import click
from click.testing import CliRunner
from docutils import nodes
from docutils.parsers.rst import Directive

from agcore.cli.app import agcore

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WIDTH = 80


class CommandHelp(Directive):
    """The help of ``agcore``, or of the command that is its argument."""

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        """A literal block."""
        name = " ".join(["agcore", *self.arguments[:1]])
        command: click.Command | None = agcore
        if len(self.arguments) == 1:
            command = agcore.get_command(click.Context(agcore), self.arguments[0])
        elif self.arguments:
            module, _, attribute = self.arguments[1].partition(":")
            command = getattr(import_module(module), attribute)
        if command is None:
            raise self.error(f"there is no command {self.arguments[0]!r}")
        with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH)}):
            shown = CliRunner().invoke(command, ["--help"], prog_name=name, terminal_width=WIDTH)
        if shown.exit_code:
            raise self.error(f"{name} --help failed: {shown.output}")
        text = f"$ {name} --help\n{shown.output}"
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        return [block]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
