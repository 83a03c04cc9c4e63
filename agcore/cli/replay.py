"""``agcore replay``: what another scheduler would have made of a run that is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agcore.cli.options import TAKEN_BY, SectionedCommand, rung_options

_SCHEDULERS = ("fifo", "hbs", "hbp", "median", "sync", "pasha")
_NEED_NO_FUNCTION = ("recorded", "random")
_TAKEN_BY = {
    **TAKEN_BY,
    "rung_levels": ("hbs", "hbp"),
    "delay_promotion": ("hbp",),
    "min_samples": ("median",),
    "num_spared": ("median",),
    "epsilon": ("pasha",),
    "epsilon_percentile": ("pasha",),
}
"""For each option of schedulers that stop or pause: which of them take it."""
_REPLACED_BY_LEVELS = ("grace_period", "reduction_factor")


def _split(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    """The names, which may stand in one word with commas between."""
    names = [name.strip() for word in given for name in word.split(",")]
    for name in names:
        if name not in (*_SCHEDULERS, "pbt"):  # why not pbt is said later
            raise click.BadParameter(f"{name!r} is not one of {', '.join(_SCHEDULERS)}.")
    return list(dict.fromkeys(names))


def _levels(_: click.Context, __: click.Parameter, given: str | None) -> list[int] | None:
    """The levels, written with commas between."""
    if given is None:
        return None
    try:
        return [int(level) for level in given.split(",")]
    except ValueError:
        raise click.BadParameter(f"{given!r} must be whole numbers, as 1,3,9.") from None


def _is_recorded(_: click.Context, __: click.Parameter, between: str | None) -> str | None:
    """What stands for other configs, if that is on record."""
    if between is not None:
        from agcore.whatif.replay import check_between

        check_between(between)
    return between


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
    metavar="[nearest]",
    callback=_is_recorded,
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
    "--rung-levels",
    metavar="N,N,...",
    callback=_levels,
    help="hbs, hbp: resources of the rungs, in the place of --grace-period and --reduction-factor.",
)
@click.option(
    "--delay-promotion",
    is_flag=True,
    help="hbp: let no more of a rung go on than its share (D-ASHA).",
)
@click.option(
    "--min-samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="median: other trials that must have come as far before one is stopped; by default 5.",
)
@click.option(
    "--num-spared",
    type=click.IntRange(min=0),
    metavar="N",
    help="median: how many of the first trials are never stopped; by default 0.",
)
@click.option(
    "--epsilon",
    type=click.FloatRange(min=0),
    metavar="X",
    help="pasha: rewards that differ by no more count as equal; by default estimated.",
)
@click.option(
    "--epsilon-percentile",
    type=click.FloatRange(min=0, max=100),
    metavar="P",
    help="pasha: percentile of differences that is the estimate; by default 90.",
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

    options["delay_promotion"] = options["delay_promotion"] or None
    _check(schedulers, options)
    function, seed = options["function"], options["seed"]
    arguments = {name: options[name] for name in _TAKEN_BY if name != "max_t"}
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
    for name, takers in _TAKEN_BY.items():
        if name == "max_t" or options[name] is None or "pbt" in schedulers:
            continue
        able = set(takers) & set(schedulers)
        if not able:
            raise click.UsageError(
                f"--{name.replace('_', '-')} has no effect with --scheduler "
                f"{','.join(schedulers)}; name one of {', '.join(takers)}"
            )
        if name in _REPLACED_BY_LEVELS and options["rung_levels"] and able <= {"hbs", "hbp"}:
            raise click.UsageError(
                f"--{name.replace('_', '-')} has no effect beside --rung-levels; pass one of them"
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
