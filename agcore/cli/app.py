"""The command ``agcore`` itself, and what becomes of errors: a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from agcore.cli.demo import demo
from agcore.cli.plugins import ExtensibleGroup
from agcore.cli.replay import replay
from agcore.cli.tune import tune
from agcore.cli.why import why
from agcore.errors import AgcoreError, TrialFailed
from agcore.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_FAILED = 1
EXIT_WRONG_CALL = 2
EXIT_INTERRUPTED = 130


@click.group(
    cls=ExtensibleGroup,
    epilog="""\b
Examples:
  agcore demo
  agcore tune train.py:train --num-trials 50
  agcore replay run-1 --scheduler hbs,hbp
  agcore why run-1 7
  agcore tune --help

\b
Exit codes:
  0    the run has found something
  1    trials failed, or none reported a reward
  2    called wrongly
  130  ended by Ctrl-C, after showing what was found so far
""",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def agcore() -> None:
    """Tune training functions: run many configurations and find the best."""


agcore.add_command(demo)
agcore.add_command(tune)
agcore.add_command(why)
agcore.add_command(replay)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: By default those the program was started with.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the terminal has no character for is escaped
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        code = agcore.main(arguments, prog_name="agcore", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except AgcoreError as error:
        click.echo(f"Error: {error}", err=True)
        return EXIT_FAILED if isinstance(error, TrialFailed) else EXIT_WRONG_CALL
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Whoever read our output has gone, as ``head`` does; Python must not flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code if isinstance(code, int) else 0
