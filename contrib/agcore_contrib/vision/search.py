"""The trials of a ``fit``: agcore's schedulers on `train_images`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore import args
from agcore.errors import AgcoreError
from agcore.executor.resources import cpu_count, gpu_ids
from agcore.run_directory import RunDirectory
from agcore.tuning import make_scheduler
from agcore_contrib.vision.defaults import stays_frozen
from agcore_contrib.vision.errors import needs_vision
from agcore_contrib.vision.finished import BestFinished
from agcore_contrib.vision.settings import NETWORK_FILE, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agcore.history import BestTrial
    from agcore.scheduler.facade import TrialScheduler
    from agcore_contrib.vision.request import FitRequest

REWARD = "valid_score"
_MOST_RESERVED_S = 6.0
_RESERVED_SHARE = 0.05
"""Of the time limit, for ending trials and reading the best network."""
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search has found.

    Attributes:
        scheduler: The scheduler that ran it.
        best: Its best trial.
        checkpoint: The folder with the best trial's network.
    """

    scheduler: TrialScheduler
    best: BestTrial
    checkpoint: Path


def search(
    request: FitRequest,
    hyperparameters: Mapping[str, Any],
    data: Path,
    folder: Path,
    *,
    began_s: float,
    num_cpus: int | None,
    num_gpus: float | None,
    random_state: int | None,
) -> SearchResult:
    """Try configs until the number of trials or the time is used up.

    Args:
        request: Strategy and limits.
        hyperparameters: Complete settings, some of them spaces.
        data: Folder of the prepared images.
        folder: Where the run goes; new.
        began_s: When the fit began, by ``time.monotonic``; the time limit counts from there.
        num_cpus: Of each trial; None for all.
        num_gpus: Of each trial; None for all.
        random_state: Seed of searcher and trials, or None.

    Raises:
        SpecError: An argument of the scheduler or searcher breaks its rule.
        AgcoreError: No trial has finished an epoch.
        TrialFailed: Trials raise.
    """
    needs_vision("torch", "training on images")
    from agcore_contrib.vision.trial import train_images  # imports torch

    known = {name: hyperparameters[name] for name in SETTINGS if name in hyperparameters}
    function = args(**{"epochs": 15, **known}, data=str(data))(train_images)
    reserved = min(_MOST_RESERVED_S, _RESERVED_SHARE * request.time_limit_s)
    left = request.time_limit_s - (time.monotonic() - began_s) - reserved
    options = {
        "time_out": max(left, _LEAST_S),
        # The best of many reports on few validation images is the luckiest; where the last one is
        # that of the finished training, it is worth more (measured: 1.3 % of test accuracy).
        "trial_value": "last" if stays_frozen(hyperparameters) else "best",
        **request.scheduler_options,
    }
    if "time_budget" in options:
        del options["time_out"]
    by_last = options["trial_value"] == "last"
    trials = RunDirectory(folder).trials
    finished = BestFinished(trials, folder.with_name("best"), NETWORK_FILE)
    if by_last:
        options["callbacks"] = [*options.get("callbacks", ()), finished]
    search_options = dict(request.search_options)
    if random_state is not None:
        search_options.setdefault("random_seed", random_state)
    scheduler = make_scheduler(
        function,
        request.strategy.scheduler,
        searcher=request.strategy.searcher,
        search_options=search_options,
        num_trials=request.num_trials,
        reward_attr=REWARD,
        time_attr="epoch",
        resource={
            "num_cpus": cpu_count() if num_cpus is None else num_cpus,
            "num_gpus": len(gpu_ids()) if num_gpus is None else num_gpus,
        },
        checkpoint=folder,
        **options,
    )
    scheduler.run()
    best = finished.best if by_last else scheduler.best()
    if best is None:
        raise AgcoreError(_why_nothing(scheduler, request))
    kept = trials.checkpoint(best.trial_id, best.resource)
    return SearchResult(scheduler, best, folder.with_name("best") if by_last else kept)


def _why_nothing(scheduler: TrialScheduler, request: FitRequest) -> str:
    errors = [trial.error for trial in scheduler.trials.values() if trial.error]
    if errors:
        return f"no trial has finished an epoch; the first error: {errors[0]}"
    if any(trial.state.value == "diverged" for trial in scheduler.trials.values()):
        return "all trials diverged; search smaller learning rates"
    return (
        f"no trial has finished an epoch within time_limit={request.time_limit_s:g} seconds; pass "
        "a larger one, a smaller input_size or fewer images"
    )
