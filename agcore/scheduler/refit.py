"""Training on from the best of a run, in this process."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agcore.checkpoints import TrialCheckpoints, discard_others
from agcore.errors import AgcoreError, SpecError, did_you_mean
from agcore.executor.seeding import TrialSeeder, generators_put_back
from agcore.history import BestTrial
from agcore.reporter import GO_ON, Reporter
from agcore.scheduler.seeds import trial_seed
from agcore.trade_offs import ParetoPoint
from agcore.train_fn import fill_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agcore.executor.base import TrialTask
    from agcore.history import RunHistory, Trial
    from agcore.jobs import Config, Metrics
    from agcore.reporter import Report, Verdict
    from agcore.scheduler.checkpoints import Checkpoint
    from agcore.space import SearchSpace

logger = logging.getLogger("agcore")


@dataclass(frozen=True, slots=True)
class RefitResult:
    """What training on has brought.

    Attributes:
        trial_id: The trial whose config and checkpoint were taken.
        config: Its config.
        value: What the train function returned.
        reports: What it reported, oldest first.
        checkpoint: Its last checkpoint, or None.
    """

    trial_id: int
    config: Config
    value: Any
    reports: list[Metrics]
    checkpoint: Path | None
    # Without a run directory the files go with this object.
    _checkpoints: TrialCheckpoints = field(repr=False)


def trial_of(wanted: BestTrial | ParetoPoint | int | str, history: RunHistory) -> Trial:
    """The trial that is meant.

    Raises:
        AgcoreError: There is none.
    """
    trial_id = wanted.trial_id if isinstance(wanted, (BestTrial, ParetoPoint)) else wanted
    number = int(trial_id) if str(trial_id).isdecimal() else -1
    if number not in history.trials:
        raise AgcoreError(
            f"there is no trial {trial_id!r}; there are {len(history.trials)}, from 0"
        )
    return history.trials[number]


def check_arguments(args: Mapping[str, Any], known: Mapping[str, Any], space: SearchSpace) -> None:
    """Check what is to replace arguments of the train function.

    Raises:
        SpecError: A name is searched, or unknown.
    """
    for name in args:
        if name in space.spaces:
            raise SpecError(
                f"args={{{name!r}: ...}} is searched; refit takes it from the trial's config"
            )
        if name not in known:
            raise SpecError(
                f"args={{{name!r}: ...}} is no argument of the train function"
                f"{did_you_mean(name, known)}"
            )


def refit(
    task: TrialTask,
    trial: Trial,
    seed: int,
    start: Checkpoint | None,
    folder: Path | None,
) -> RefitResult:
    """Call the train function with a trial's config, going on from a checkpoint.

    Args:
        task: The function, its arguments and its rules.
        trial: Whose config to take.
        seed: Of the experiment.
        start: The checkpoint to go on from; None trains from the beginning.
        folder: Where new checkpoints go; None: a temporary folder.

    Raises:
        SpecError: The function yields a learning curve, so there is nothing to train.
        Exception: Whatever the train function raises.
    """
    if task.train_fn.yields:
        raise SpecError(
            f"{task.train_fn.__name__} yields a learning curve, for executor='simulated', and "
            "trains nothing; refit a scheduler whose train function calls reporter(...)"
        )
    reports: list[Metrics] = []

    def keep(report: Report) -> Verdict:
        reports.append(report.metrics)
        if folder is not None and report.checkpoint_bytes is not None:
            discard_others(folder, frozenset({report.resource}))
        return GO_ON

    if start is None:
        logger.info("trial %d has no checkpoint: the refit starts over", trial.trial_id)
    resource = 0 if start is None else start.resource
    if folder is not None:  # what an earlier refit has left is not this one's
        discard_others(folder, frozenset())
    checkpoints = TrialCheckpoints(folder, None if start is None else start.path)
    reporter = Reporter(task.rules, keep, resource, checkpoints)
    seeder = TrialSeeder()
    seeder.install()
    try:
        with generators_put_back():
            seeder.seed(trial_seed(seed, trial.trial_id))
            args = task.builder.build(trial.config)
            fill_in(args, trial.trial_id, resource)
            value = task.train_fn.run(args, reporter)
    finally:
        seeder.uninstall()
    latest = checkpoints.latest
    return RefitResult(trial.trial_id, dict(trial.config), value, reports, latest, checkpoints)
