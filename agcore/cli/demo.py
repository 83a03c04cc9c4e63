"""``agcore demo``: tune a small network on data that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agcore.cli.options import RunRequest, SectionedCommand, run_options
from agcore.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_OUT_S = 40.0
LETTERS = "letters"
GROUP = "agcore.demos"
"""Entry points of packages with demos of their own: functions of the options that were given (a
dict by name) that return the exit code."""


@click.command(
    cls=SectionedCommand,
    epilog="""\b
Examples:
  agcore demo
  agcore demo --scheduler hbp --time-out 20 --workers 2
  agcore demo --framework torch
  agcore demo --scheduler fifo --num-trials 10 --plot fifo.svg
  agcore demo --task images

The data: Letter Recognition, UCI Machine Learning Repository, D. Slate, licence CC BY 4.0.
""",
)
@run_options(default_scheduler="hbs")
@click.option(
    "--task",
    metavar="NAME",
    default=LETTERS,
    show_default=True,
    help="What is tuned: letters, or images (needs the extra vision).",
)
@click.option(
    "--framework",
    metavar="NAME",
    default="sklearn",
    show_default=True,
    help="What trains the network: sklearn; torch or mxnet, with the extra of that name.",
)
def demo(task: str, framework: str, **options: Any) -> None:
    """Tune a two-layer perceptron on 20,000 letter images.

    Eight hyperparameters, nine epochs, no network access. Without --time-out and --num-trials
    the run takes 40 seconds. With --task images a network for small pictures is tuned, in two
    minutes.
    """
    if task != LETTERS:
        click.get_current_context().exit(_run_other(task))
    from agcore.cli.running import run_and_show
    from agcore.demo import letter_mlp

    if options["time_out"] is None and options["num_trials"] is None:
        options["time_out"] = TIME_OUT_S
    if framework == "sklearn":
        function = letter_mlp.run_mlp_openml
    else:
        function = letter_mlp.make_train_function(framework)
    code = run_and_show(function, RunRequest(**options), reward_attr="objective")
    click.get_current_context().exit(code)


def _run_other(task: str) -> int:
    """The exit code of a demo that an installed package offers.

    Raises:
        SpecError: There is no such demo.
    """
    from importlib.metadata import entry_points  # takes its time

    points = {point.name: point for point in entry_points(group=GROUP)}
    if task not in points:
        names = [LETTERS, *sorted(points)]
        raise SpecError(
            f"--task {task} is unknown{did_you_mean(task, names)}; there are: {', '.join(names)}"
        )
    context = click.get_current_context()
    given = {
        name: value
        for name, value in context.params.items()
        if name != "task" and context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    function: Callable[[dict[str, Any]], int] = points[task].load()
    return function(given)
