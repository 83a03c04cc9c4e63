"""A scheduler class and its arguments from one dict of tuning options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore.executor.resources import cpu_count, gpu_ids
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.fifo import FIFOScheduler
from agcore.scheduler.hyperband import HyperbandScheduler
from agcore.scheduler.median import MedianStoppingScheduler
from agcore.scheduler.pasha import PASHAScheduler
from agcore.scheduler.population import PopulationBasedTrainingScheduler
from agcore.scheduler.sequential import LocalSequentialScheduler
from agcore.scheduler.sync_hyperband import SynchronousHyperbandScheduler

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULERS: dict[str, type[TrialScheduler]] = {
    "local": LocalSequentialScheduler,
    "fifo": FIFOScheduler,
    "hyperband_stopping": HyperbandScheduler,
    "hyperband_promotion": HyperbandScheduler,
    "median_stopping": MedianStoppingScheduler,
    "synchronous_hyperband": SynchronousHyperbandScheduler,
    "pasha": PASHAScheduler,
    "population_based_training": PopulationBasedTrainingScheduler,
}
PRESETS: dict[str, dict[str, str]] = {
    "auto": {"scheduler": "local", "searcher": "auto"},
    "random": {"scheduler": "local", "searcher": "random"},
    "bayesopt": {"scheduler": "local", "searcher": "bayesopt"},
}


def scheduler_factory(
    hyperparameter_tune_kwargs: str | Mapping[str, Any],
    time_out: float | None = None,
    num_trials: int | None = None,
    nthreads_per_trial: int | str = "all",
    ngpus_per_trial: float | str = "all",
) -> tuple[type[TrialScheduler], dict[str, Any]]:
    """A scheduler class and the arguments to make one of it.

    Args:
        hyperparameter_tune_kwargs: The name of a preset (``'auto'``, ``'random'``,
            ``'bayesopt'``), or a dict with ``scheduler`` (one of `SCHEDULERS`, or a class),
            ``searcher``, and any argument of the scheduler.
        time_out: Seconds, unless the dict says otherwise.
        num_trials: Trials, unless the dict says otherwise.
        nthreads_per_trial: CPUs of each trial; ``'all'``: those of the machine.
        ngpus_per_trial: GPUs of each trial; ``'all'``: those this process can see.

    Raises:
        SpecError: An unknown preset or scheduler, or a missing key (a ValueError).
    """
    options = _options(hyperparameter_tune_kwargs)
    name = options.pop("scheduler")
    resource = {
        "num_cpus": cpu_count() if nthreads_per_trial == "all" else nthreads_per_trial,
        "num_gpus": len(gpu_ids()) if ngpus_per_trial == "all" else ngpus_per_trial,
    }
    parameters: dict[str, Any] = {
        "resource": resource,
        "num_trials": num_trials,
        "time_out": time_out,
        "reward_attr": "validation_performance",
        "time_attr": "epoch",
        "search_options": {},
        **(options.pop("scheduler_options", None) or {}),
        **options,
    }
    if isinstance(name, str) and name.startswith("hyperband_"):
        parameters["type"] = name.removeprefix("hyperband_")
    return _scheduler_class(name), parameters


def _options(given: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, str):
        if given not in PRESETS:
            raise SpecError(
                f"hyperparameter_tune_kwargs={given!r} is no preset{did_you_mean(given, PRESETS)}; "
                f"there are: {', '.join(PRESETS)}"
            )
        return dict(PRESETS[given])
    options = dict(given)
    for key in ("scheduler", "searcher"):
        if options.get(key) is None:
            raise SpecError(
                f"hyperparameter_tune_kwargs has no {key!r}; it needs scheduler and searcher, "
                "as {'scheduler': 'local', 'searcher': 'random'}"
            )
    return options


def _scheduler_class(name: Any) -> type[TrialScheduler]:
    if isinstance(name, type) and issubclass(name, TrialScheduler):
        return name
    if name not in SCHEDULERS:
        raise SpecError(
            f"scheduler={name!r} is unknown{did_you_mean(str(name), SCHEDULERS)}; there are: "
            f"{', '.join(SCHEDULERS)}"
        )
    return SCHEDULERS[name]
