"""``agcore why``: what a run did with a trial, and the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from agcore.history import RunHistory


@click.command(
    short_help="Explain a trial of a run that was kept.",
    epilog="""\b
Examples:
  agcore tune train.py:train --num-trials 50 --checkpoint run-1
  agcore why run-1
  agcore why run-1 7

\b
The list of trials:
  origin    default, random, grid, model; queue and user: given by you
  expected  what the model predicted, and its standard deviation; then the
            resource of the prediction
  fate      where the trial is, or how it ended
""",
)
@click.argument("run", metavar="RUN", type=click.Path())
@click.argument("trial", metavar="[TRIAL]", required=False)
def why(run: str, trial: str | None) -> None:
    """Explain in sentences why TRIAL of a run was proposed and what became of it.

    RUN is a run directory (--checkpoint DIR); the run may be going on. TRIAL is a
    number; without it all trials are listed.
    """
    from pathlib import Path

    from rich.console import Console
    from rich.text import Text

    from agcore.explanations import WIDTH, explain_trial, explain_trials

    out = Console(highlight=False, markup=False, emoji=False)
    width = min(WIDTH, out.width) if out.is_terminal else WIDTH
    history = _read(Path(run))
    if trial is None:
        text = explain_trials(history, width=width)
    else:
        text = explain_trial(history, trial, width=width)
    for line in text.splitlines():
        is_heading = trial is not None and line[:1].strip() != ""
        out.print(Text(line, style="bold" if is_heading else ""), soft_wrap=True)


def _read(folder: Path) -> RunHistory:
    """The run in a run directory, as far as it has been written.

    Raises:
        JournalError: The folder holds no run, or one that cannot be read.
    """
    from agcore.errors import JournalError
    from agcore.history import RunHistory
    from agcore.journal import read_history, read_journal
    from agcore.records import RunStarted
    from agcore.run_directory import RunDirectory

    directory = RunDirectory(folder)
    if not directory.journal.is_file():
        raise JournalError(
            f"RUN {str(folder)!r} is not a run directory: it has no {directory.journal.name}; "
            "pass the folder that was given as --checkpoint DIR, or as checkpoint="
        )
    first = next(read_journal(directory.journal), None)
    if not isinstance(first, RunStarted):
        raise JournalError(
            f"RUN {str(folder)!r} holds no event yet: the run has not begun; try again later"
        )
    sign = -1 if first.settings.get("mode") == "min" else 1
    history = RunHistory(sign, first.settings.get("trial_value", "best"))
    return read_history(directory.journal, history)
