"""``agcore replay``: what another scheduler would have made of a run that is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agcore.cli.options import TAKEN_BY, SectionedCommand, rung_options

_SCHEDULERS = ("fifo", "hbs", "hbp", "median", "sync", "pasha")
_NEED_NO_FUNCTION = ("recorded", "random")


def _split(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """The names, which may stand in one word with commas between."""
    names = [name.strip() for word in given for name in word.split(",")]
    for name in names:
        if name not in _SCHEDULERS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(_SCHEDULERS)}.")
    return list(dict.fromkeys(names))


@click.command(
    cls=SectionedCommand,
    short_help="Ask what other schedulers would have found.",
    epilog="""\b
Examples:
  agcore tune train.py:train --num-trials 50 --checkpoint run-1
  agcore replay run-1
  agcore replay run-1 --scheduler hbp --reduction-factor 4 --workers 4
  agcore replay run-1 --scheduler fifo,hbs,median --time-out 3600
  agcore replay run-1 --searcher bayesopt --function train.py:train

\b
Exit codes:
  0  the simulated runs are shown
  1  no simulated trial has a reward that counts
  2  called wrongly, no run there, or a run without reports
""",
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--scheduler",
    "schedulers",
    multiple=True,
    default=["hbs,hbp"],
    show_default=True,
    metavar="NAME,...",
    callback=_split,
    help=f"Whom to ask: {', '.join(_SCHEDULERS)}; several with commas between.",
)
@click.option(
    "--searcher",
    metavar="NAME",
    default="recorded",
    show_default=True,
    help="Which configs: recorded, in their order; random, in a random order; or those that "
    "another searcher proposes (needs --function).",
)
@click.option(
    "--function",
    metavar="FILE.py:FN",
    help="The train function, for its search space; it is not called.",
)
@click.option(
    "--between",
    type=click.Choice(["nearest"]),
    help="Let the searcher propose any config of the space; the nearest trial recorded to its "
    "end stands for it (needs --function).",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Of random orders, searchers and brackets.",
)
@rung_options(
    "Full resource of a trial; nothing behind it is looked at. By default the largest that was "
    "reported."
)
@click.option(
    "--num-trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Trials in total; by default all that are on record.",
)
@click.option(
    "--time-out",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Simulated seconds after which a run ends.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Trials at once; by default as many as ran at once in the recorded run.",
)
@click.option(
    "--restarts",
    is_flag=True,
    help="Promoted trials begin anew, as without checkpoints, instead of going on.",
)
@click.option(
    "--top",
    type=click.FloatRange(min=0, min_open=True, max=100),
    metavar="PERCENT",
    default=10,
    show_default=True,
    help="Which part of the final ranks counts as the best.",
)
def replay(run: Path, schedulers: list[str], top: float, **options: Any) -> None:
    """Ask what other schedulers would have made of the run in directory RUN.

    The recorded trials play their learning curves again, in simulated time, and another scheduler
    decides which start, stop and go on. Shown is what it would have found and spent, and which
    trials it would have stopped although they ended among the best. Record with --scheduler fifo
    to know all ends: a trial that is to go on where its record ends is counted as unknown.
    """
    from agcore.cli.replay_report import ReplayReport
    from agcore.cli.target import load_train_function
    from agcore.whatif import replay as replay_run

    _check(schedulers, options)
    function, seed = options["function"], options["seed"]
    arguments = {name: options[name] for name in ("grace_period", "reduction_factor", "brackets")}
    arguments |= {} if seed is None else {"seed": seed}
    result = replay_run(
        run,
        scheduler=schedulers,
        searcher=options["searcher"],
        space=None if function is None else load_train_function(function),
        between=options["between"],
        max_t=options["max_t"],
        num_workers=options["workers"],
        num_trials=options["num_trials"],
        time_out=options["time_out"],
        keeps_progress=not options["restarts"],
        top_share=top / 100,
        **{name: value for name, value in arguments.items() if value is not None},
    )
    configs = _configs_in_words(options["searcher"], options["between"])
    ReplayReport(result, run, configs, restarts=options["restarts"]).write()
    if all(figures.best_reward is None for figures in result.simulated):
        click.echo("Error: no simulated trial has a reward that counts", err=True)
        click.get_current_context().exit(1)


def _configs_in_words(searcher: str, between: str | None) -> str:
    if between:
        return f"configs from searcher {searcher}, the {between} recorded trial for each"
    known = {"recorded": "in recorded order", "random": "in random order"}
    return f"configs {known.get(searcher, f'from searcher {searcher}, recorded ones only')}"


def _check(schedulers: list[str], options: dict[str, Any]) -> None:
    """Say what is wrong in the words of the command line.

    Raises:
        click.UsageError: An option needs another one.
    """
    for name, takers in TAKEN_BY.items():
        if name != "max_t" and options[name] is not None and not set(takers) & set(schedulers):
            raise click.UsageError(
                f"--{name.replace('_', '-')} has no effect with --scheduler "
                f"{','.join(schedulers)}; name one of {', '.join(takers)}"
            )
    if options["between"] and options["searcher"] == "recorded":
        raise click.UsageError(
            "--between has no effect with --searcher recorded; pass another, as --searcher random"
        )
    needs = options["between"] or options["searcher"] not in _NEED_NO_FUNCTION
    if needs and options["function"] is None:
        raise click.UsageError(
            "the search space is needed, and is not in a run directory; pass --function FILE.py:FN"
        )
