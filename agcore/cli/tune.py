"""``agcore tune``: tune a train function of the user's."""

from __future__ import annotations

from typing import Any

import click

from agcore.cli.options import (
    TAKEN_BY,
    RunRequest,
    SectionedCommand,
    run_options,
    rung_options,
)

_TAKEN_BY = {
    **TAKEN_BY,
    "population_size": ("pbt",),
    "perturbation_interval": ("pbt",),
    "time_budget": ("fifo", "hbs", "hbp"),
}
"""For each option of schedulers that stop, pause or replace: which of them take it."""


@click.command(
    cls=SectionedCommand,
    short_help="Tune a train function of your own.",
    epilog="""\b
Examples:
  agcore tune train.py:train --num-trials 50
  agcore tune train.py:train --reward-attr loss --mode min --time-out 600
  agcore tune my_package.train:train --scheduler hbs --time-budget 2h
  agcore tune train.py:train --searcher grid --num-trials 100 --workers 4

\b
A train function, in train.py:
  import agcore as ag

\b
  @ag.args(lr=ag.Real(1e-4, 1, log=True), epochs=9)
  def train(args, reporter):
      for epoch in range(1, args.epochs + 1):
          ...
          reporter(epoch=epoch, accuracy=accuracy)
""",
)
@click.argument("target", metavar="FILE.py:FN")
@run_options(default_scheduler="fifo")
@click.option(
    "--reward-attr",
    metavar="KEY",
    default="accuracy",
    show_default=True,
    help="The reported metric to improve.",
)
@click.option(
    "--time-attr",
    metavar="KEY",
    default="epoch",
    show_default=True,
    help="The reported metric that counts resources, such as epochs.",
)
@click.option(
    "--mode",
    type=click.Choice(["max", "min"]),
    default="max",
    show_default=True,
    help="Whether large or small rewards are good.",
)
@rung_options(
    "hbs, hbp, sync, pasha, pbt: full resource of a trial; by default args.epochs or args.max_t."
)
@click.option(
    "--population-size",
    type=click.IntRange(min=2),
    metavar="N",
    help="pbt: number of members; by default 8.",
)
@click.option(
    "--perturbation-interval",
    type=click.IntRange(min=1),
    metavar="N",
    help="pbt: resource between two comparisons; by default a tenth of --max-t.",
)
@click.option(
    "--time-budget",
    metavar="T",
    help="fifo, hbs, hbp: time to plan with, as 90s, 15min or 2h: all has ended by then.",
)
@click.option(
    "--num-gpus",
    type=click.FloatRange(min=0),
    metavar="X",
    default=0,
    show_default=True,
    help="GPUs of each trial; 0.5 lets two trials share one.",
)
def tune(target: str, num_gpus: float, **options: Any) -> None:
    """Tune the train function FN in FILE.py, or in a module: MODULE:FN.

    It is decorated with @ag.args(...) and calls reporter(...), or returns its reward.
    """
    from agcore.cli.running import run_and_show
    from agcore.cli.target import load_train_function

    arguments = {name: options.pop(name) for name in ("reward_attr", "time_attr", "mode")}
    special = {name: options.pop(name) for name in _TAKEN_BY}
    request = RunRequest(**options)
    arguments |= {name: value for name, value in special.items() if value is not None}
    _check(request, arguments)
    function = load_train_function(target)
    code = run_and_show(function, request, num_gpus=num_gpus, **arguments)
    click.get_current_context().exit(code)


def _check(request: RunRequest, arguments: dict[str, Any]) -> None:
    """Say what is wrong in the words of the command line.

    Raises:
        click.UsageError: Nothing limits the run, or an option needs another scheduler.
    """
    budget = arguments.get("time_budget")
    if budget is not None and request.time_out is not None:
        raise click.UsageError("--time-budget and --time-out limit the same time; pass one of them")
    has_limit = any(x is not None for x in (request.time_out, request.num_trials, budget))
    if not has_limit and request.scheduler != "pbt":
        raise click.UsageError("say when to end: pass --num-trials N, --time-out S, or both")
    for name, takers in _TAKEN_BY.items():
        if name in arguments and request.scheduler not in takers:
            *others, last = takers
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise click.UsageError(
                f"--{name.replace('_', '-')} has no effect with --scheduler {request.scheduler}; "
                f"pass --scheduler {wanted}"
            )
