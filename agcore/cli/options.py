"""The options that all commands share, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_PICTURE = Path("agcore-incumbent.png")

TAKEN_BY = {
    "max_t": ("hbs", "hbp", "sync", "pasha", "pbt"),
    "grace_period": ("hbs", "hbp", "median", "sync", "pasha"),
    "reduction_factor": ("hbs", "hbp", "sync", "pasha"),
    "brackets": ("hbs", "hbp", "sync"),
}
"""For each option of schedulers that stop or pause: which of them take it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the shared options ask for.

    Attributes:
        scheduler: Its short name, as `agcore.tuning.make_scheduler` takes it.
        searcher: Name of the searcher.
        time_out: Seconds, or None.
        num_trials: Trials in total, or None.
        workers: Trials at once, or None for what the machine has room for.
        num_cpus: CPUs of each trial.
        seed: Fixes the configs, or None for agcore's own seed.
        plot: Where the picture is to go if the user said so.
        no_plot: Whether there is to be none.
        quiet: Whether to show no progress.
        debug_log: Whether to show every decision.
        checkpoint: The run directory, or None to keep nothing.
        resume: Whether to continue the run in it.
    """

    scheduler: str
    searcher: str
    time_out: float | None
    num_trials: int | None
    workers: int | None
    num_cpus: int
    seed: int | None
    plot: Path | None
    no_plot: bool
    quiet: bool
    debug_log: bool
    checkpoint: Path | None = None
    resume: bool = False

    @property
    def picture(self) -> Path | None:
        """Where the picture goes, or None; beside the run if that is kept."""
        if self.no_plot:
            return None
        return self.plot or (self.checkpoint or Path()) / DEFAULT_PICTURE


def run_options(default_scheduler: str) -> Callable[[Command], Command]:
    """A decorator that gives a command the options of `RunRequest`."""

    def decorate(command: Command) -> Command:
        for option in reversed(_options(default_scheduler)):
            command = option(command)
        return command

    return decorate


def _options(default_scheduler: str) -> list[Callable[[Command], Command]]:
    return [*_search_options(default_scheduler), *_limit_options(), *_output_options()]


def _search_options(default_scheduler: str) -> list[Callable[[Command], Command]]:
    return [
        click.option(
            "--scheduler",
            type=click.Choice(["fifo", "hbs", "hbp", "median", "sync", "pasha", "pbt"]),
            default=default_scheduler,
            show_default=True,
            help="Run all trials to their end (fifo), stop bad ones early (hbs; median: those "
            "worse than half of the others), pause all and promote good ones (hbp; sync: when all "
            "of a rung have arrived; pasha: no further than rankings change), or replace bad ones "
            "by changed copies of good ones (pbt).",
        ),
        click.option(
            "--searcher",
            metavar="NAME",
            default="random",
            show_default=True,
            help="Who proposes configs: auto (picks what suits), random, sobol, grid (finite "
            "spaces), evolution, tpe, bohb, bayesopt, hypertune (with rungs).",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            metavar="N",
            help="The same seed gives the same configs.",
        ),
    ]


def _limit_options() -> list[Callable[[Command], Command]]:
    return [
        click.option(
            "--num-trials", type=click.IntRange(min=1), metavar="N", help="Trials in total."
        ),
        click.option(
            "--time-out",
            type=click.FloatRange(min=0, min_open=True),
            metavar="S",
            help="Seconds after which the run ends.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Trials at once; by default as many as the CPUs and GPUs allow.",
        ),
        click.option(
            "--num-cpus",
            type=click.IntRange(min=1),
            metavar="N",
            default=1,
            show_default=True,
            help="CPUs of each trial.",
        ),
    ]


def _output_options() -> list[Callable[[Command], Command]]:
    return [
        click.option(
            "--checkpoint",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Keep the run there: journal, logs, checkpoints. It survives any crash.",
        ),
        click.option("--resume", is_flag=True, help="Continue the run in --checkpoint DIR."),
        click.option(
            "--plot",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Where to save the picture of the best reward over time, as .png, .svg or "
            f".pdf; by default {DEFAULT_PICTURE}.",
        ),
        click.option("--no-plot", is_flag=True, help="Save no picture."),
        click.option("--quiet", is_flag=True, help="Show no progress, only the result."),
        click.option(
            "--debug-log", is_flag=True, help="Show every decision, and failures in full."
        ),
    ]


def rung_options(max_t_help: str) -> Callable[[Command], Command]:
    """A decorator that gives a command the options of `TAKEN_BY`."""

    def decorate(command: Command) -> Command:
        for option in reversed(_rung_options(max_t_help)):
            command = option(command)
        return command

    return decorate


def _rung_options(max_t_help: str) -> list[Callable[[Command], Command]]:
    return [
        click.option("--max-t", type=click.IntRange(min=1), metavar="N", help=max_t_help),
        click.option(
            "--grace-period",
            type=click.IntRange(min=1),
            metavar="N",
            help="hbs, hbp, sync, pasha: resource of the first rung; median: of the first "
            "decision; by default 1.",
        ),
        click.option(
            "--reduction-factor",
            type=float,
            metavar="X",
            help="hbs, hbp, sync, pasha: factor between rungs; by default 3.",
        ),
        click.option(
            "--brackets",
            type=click.IntRange(min=1),
            metavar="N",
            help="hbs, hbp, sync: number of brackets; by default 1, with sync all.",
        ),
    ]


class SectionedCommand(click.Command):
    """A command whose help lists the options in sections, by what they are for."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options into the help page."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _SECTIONS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections[_section_of(parameter.name)].append(record)
        for title, records in sections.items():
            if not records:
                continue
            with formatter.section(title):
                formatter.write_dl(records)


def _section_of(name: str | None) -> str:
    return next((title for title, names in _SECTIONS.items() if name in names), "Output")


_SECTIONS = {
    "What is tuned": ("task", "framework", "reward_attr", "mode", "time_attr"),
    "Search": (
        "schedulers",
        "scheduler",
        "searcher",
        "function",
        "between",
        "seed",
        "max_t",
        "grace_period",
        "reduction_factor",
        "brackets",
        "rung_levels",
        "delay_promotion",
        "min_samples",
        "num_spared",
        "epsilon",
        "epsilon_percentile",
        "population_size",
        "perturbation_interval",
    ),
    "Limits and resources": (
        "num_trials",
        "time_out",
        "time_budget",
        "workers",
        "num_cpus",
        "num_gpus",
        "restarts",
    ),
    "Output": (),
}
