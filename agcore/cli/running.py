"""Runs a scheduler for a command and shows what came of it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from agcore.callbacks import Progress
from agcore.cli.summary import Summary
from agcore.errors import AgcoreError, JournalError, SpecError, TrialFailed
from agcore.records import TrialState
from agcore.tuning import TuneResult, make_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agcore.cli.options import RunRequest
    from agcore.scheduler.facade import TrialScheduler
    from agcore.train_fn import TrainFunction

_REPEATS = 5


def run_and_show(
    function: TrainFunction, request: RunRequest, *, num_gpus: float = 0, **arguments: Any
) -> int:
    """The exit code, after running trials of a function and showing what they found.

    Args:
        function: What to tune.
        request: The shared options.
        num_gpus: GPUs of each trial.
        arguments: Further ones of the scheduler.

    Raises:
        AgcoreError: An argument breaks its rule, or the run could not begin.
    """
    if request.plot is not None and not request.no_plot:
        _check_picture(request.plot)
    scheduler = _make_scheduler(function, request, num_gpus, arguments)
    code, complaint = _run(scheduler, request)
    result = TuneResult(scheduler)
    summary = Summary(result)
    summary.write()
    if scheduler.plan is not None:
        click.echo(f"\nThe plan at the end\n{scheduler.plan}")
    if summary.has_rewards and request.picture is not None:
        _save_picture(result, request.picture)
    if complaint:
        click.echo(complaint, err=True)
    return code


def _make_scheduler(
    function: TrainFunction, request: RunRequest, num_gpus: float, arguments: dict[str, Any]
) -> TrialScheduler:
    search_options: dict[str, Any] = {"debug_log": request.debug_log}
    if request.seed is not None:
        search_options["random_seed"] = request.seed
        if request.scheduler in ("hbs", "hbp"):  # those that draw brackets
            arguments["random_seed"] = request.seed
    shows_progress = not request.quiet and not request.debug_log
    with _in_words_of_the_command_line():
        return make_scheduler(
            function,
            request.scheduler,
            searcher=request.searcher,
            search_options=search_options,
            resource={"num_cpus": request.num_cpus, "num_gpus": num_gpus},
            time_out=request.time_out,
            num_trials=request.num_trials,
            num_workers=request.workers,
            callbacks=[Progress(keeps_last=False)] if shows_progress else [],
            progress=False,
            checkpoint=request.checkpoint,
            resume=request.resume,
            **arguments,
        )


@contextlib.contextmanager
def _in_words_of_the_command_line() -> Iterator[None]:
    """While in use, errors of run directories name options, not arguments."""
    try:
        yield
    except JournalError as error:
        text = str(error)
        for python, option in _OPTIONS_FOR.items():
            text = text.replace(python, option)
        raise JournalError(text) from error


_OPTIONS_FOR = {
    "pass resume=True to continue it, resume='auto' to continue whatever is there,": "pass "
    "--resume to continue it,",
    "; pass resume='auto' to continue a run only if there is one": "; leave out --resume to begin "
    "one",
    "resume=True": "--resume",
    "checkpoint=": "--checkpoint ",
}


def _run(scheduler: TrialScheduler, request: RunRequest) -> tuple[int, str]:
    """The exit code of a run, and a complaint or an empty string."""
    shown = contextlib.nullcontext() if request.debug_log else _warnings_shown()
    try:
        with shown:
            scheduler.run()
    except KeyboardInterrupt:
        return 130, "Interrupted by Ctrl-C; the above is what was found until then."
    except TrialFailed as error:
        return 1, f"Error: {str(error).splitlines()[0]}"
    except AgcoreError as error:
        if not scheduler.training_history:
            raise
        return 2, f"Error: {error}"
    if scheduler.history.best() is None:
        return 1, _why_nothing(scheduler)
    return 0, ""


def _why_nothing(scheduler: TrialScheduler) -> str:
    reward = TuneResult(scheduler).settings["reward_attr"]
    complaint = f"Error: no trial has reported {reward!r}"
    if all(trial.state is TrialState.INTERRUPTED for trial in scheduler.trials.values()):
        complaint += " in time; pass a larger --time-out"
    return complaint


def _check_picture(path: Path) -> None:
    """Find out now, not after the run, that a picture cannot be saved.

    Raises:
        SpecError: It cannot.
    """
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise SpecError(
            f"--plot {path}: the folder {str(folder)!r} does not exist or cannot be written to"
        )
    if path.suffix.lower() not in ("", ".png", ".svg", ".pdf"):
        raise SpecError(f"--plot {path}: the file must end in .png, .svg or .pdf")


def _save_picture(result: TuneResult, path: Path) -> None:
    try:
        result.plot(path)
    except AgcoreError as error:  # the result is on the screen; only the picture is missing
        click.echo(f"Warning: no picture: {error}", err=True)
    else:
        click.echo(f"Picture: {path if path.suffix else path.with_suffix('.png')}")


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """While in use, warnings of agcore are shown in a line each."""
    logger = logging.getLogger("agcore")
    handler = _BriefWarnings(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _BriefWarnings(logging.Handler):
    """Writes the first line of a warning, and of warnings that repeat themselves the first few."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._seen: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to what is standard error now: a live display replaces it."""
        key = str(record.msg)
        self._seen[key] += 1
        if self._seen[key] > _REPEATS or sys.stderr is None:
            return
        text = record.getMessage().partition("\n")[0]
        last = "  (more of these are not shown)" if self._seen[key] == _REPEATS else ""
        try:
            print(f"{text}{last}", file=sys.stderr)  # noqa: T201  this is the command line
        except Exception:  # noqa: BLE001  as every logging handler does
            self.handleError(record)
