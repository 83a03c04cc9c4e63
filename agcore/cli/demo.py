"""``agcore demo``: tune a small network on data that come with the package."""

from __future__ import annotations

from typing import Any

import click

from agcore.cli.options import RunRequest, SectionedCommand, run_options

TIME_OUT_S = 40.0


@click.command(
    cls=SectionedCommand,
    epilog="""\b
Examples:
  agcore demo
  agcore demo --scheduler hbp --time-out 20 --workers 2
  agcore demo --framework torch
  agcore demo --scheduler fifo --num-trials 10 --plot fifo.svg

The data: Letter Recognition, UCI Machine Learning Repository, D. Slate, licence CC BY 4.0.
""",
)
@run_options(default_scheduler="hbs")
@click.option(
    "--framework",
    metavar="NAME",
    default="sklearn",
    show_default=True,
    help="What trains the network: sklearn; torch or mxnet, with the extra of that name.",
)
def demo(framework: str, **options: Any) -> None:
    """Tune a two-layer perceptron on 20,000 letter images.

    Eight hyperparameters, nine epochs, no network access. Without --time-out and --num-trials
    the run takes 40 seconds.
    """
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
