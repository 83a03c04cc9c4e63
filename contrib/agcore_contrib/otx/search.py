"""A search in a workspace: what is tuned, from where, by whom, and what it leaves."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from agcore.checks import finite_number, whole_number
from agcore.errors import JournalError, SpecError
from agcore.json_values import with_names
from agcore.run_directory import write_json
from agcore_contrib.otx.config import HpoConfig, hpo_config, read_hpo_config
from agcore_contrib.otx.dotted import get_nested
from agcore_contrib.otx.hyperband import HyperBand
from agcore_contrib.otx.loop import run_hpo_loop
from agcore_contrib.otx.models import (
    BATCH_SIZE,
    LEARNING_RATE,
    METRIC,
    NUM_EPOCHS,
    generic_batch_sizes,
    generic_learning_rates,
)
from agcore_contrib.otx.probe import BatchSizeProbe, growth_limit
from agcore_contrib.otx.resources import get_resource_manager
from agcore_contrib.otx.search_time import SearchTime
from agcore_contrib.otx.smbo import Smbo
from agcore_contrib.otx.train_settings import SettingsCall
from agcore_contrib.otx.weights import best_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agcore_contrib.otx.workspace import Subset, Template, Workspace
    from agcore_contrib.spaces.search_space import SearchSpace

logger = logging.getLogger(__name__)

_START = "search.json"
_BEST = "best_hp.json"
_HISTORY = "history.jsonl"
_TIME = "time.json"
_BATCH = "batch_size"

Algorithm = Union[HyperBand, Smbo]


@dataclass(frozen=True)
class Places:
    """Where trainings run.

    Attributes:
        resource_type: ``'gpu'`` or ``'cpu'``.
        num_parallel_trial: Trainings at once on CPUs; on GPUs as many as there are.
    """

    resource_type: str
    num_parallel_trial: int | None = None

    @property
    def count(self) -> int:
        """Trainings at once."""
        manager = get_resource_manager(self.resource_type, self.num_parallel_trial)
        return manager.num_parallel_trials


@dataclass(frozen=True)
class Best:
    """What a search has found.

    Attributes:
        trial_id: The best trial.
        configuration: Its values.
        score: Its best score.
        weights: Folder with what it saved then, or None.
    """

    trial_id: str
    configuration: dict[str, Any]
    score: float
    weights: Path | None


@dataclass(frozen=True)
class Start:
    """What a search begins with; written down, so that one that goes on begins with the same.

    Attributes:
        current_values: The values of the template then.
        largest_batch_size: What memory holds, or None if that was not tried.
    """

    current_values: dict[str, Any]
    largest_batch_size: int | None = None


class Search:
    """A search in a workspace.

    Args:
        workspace: Where its files are.
        template: The model.
        data: The data by their purpose.
        function: ``train(settings, report)``.
        places: Where trials run.
        load_from: Weights that all trials start from, or None.
        time_ratio: Time for the search in units of a training, at least 1.
        seed: Of the configs.
        resume: Whether to go on with the last one.
        clock: Seconds that never go back.

    Raises:
        SpecError: ``hpo_config.yaml`` breaks a rule or names what the template has not; a search
            was cut off and ``resume`` is False, or there is none to go on with.
    """

    def __init__(
        self,
        workspace: Workspace,
        template: Template,
        data: Mapping[str, Subset],
        function: Callable[..., Any],
        places: Places,
        *,
        load_from: Path | None = None,
        time_ratio: float = 4,
        seed: int = 0,
        resume: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if finite_number("hpo_time_ratio", time_ratio, "a number of at least 1") < 1:
            raise SpecError(f"hpo_time_ratio={time_ratio!r} must be a number of at least 1")
        self._folder, self._shared_dir = workspace.search, workspace.shared
        self._template, self._data, self._places = template, data, places
        self._function, self._load_from = function, load_from
        self._time_ratio, self._seed, self._resume = time_ratio, seed, resume
        self.config = _config(workspace, template)
        _check_names(self.config, template, str(workspace.hpo_config))
        self._space = self.config.hp_space.copy()
        self._batch_size = _batch_size_name(self._space)
        self._clock, self._began_s = clock, clock()
        _check_folder(self._folder, resume)

    @property
    def names(self) -> tuple[str, ...]:
        """What is tuned."""
        return tuple(self.config.hp_space)

    def prepare(self) -> Algorithm | None:
        """The algorithm, or None if nothing is left to be tuned.

        Tries how much memory holds, if the config says so.

        Raises:
            SpecError: The algorithm refuses its settings, or no batch size fits into memory.
            TrialFailed: The function fails in other ways while memory is tried.
            JournalError: A file cannot be read or written.
        """
        start = self._begin()
        num_samples = self._data["train"].num_samples
        name = self._batch_size
        if name is not None and num_samples is not None:
            self._space.limit(name, num_samples)
        if name is not None and start.largest_batch_size is not None:
            _set_largest(self._space, name, start.largest_batch_size)
        if not self._space:
            logger.warning("nothing is left to be tuned: %s", dict(self._space.fixed))
            return None
        return self._algorithm(start)

    def best(self, algorithm: Algorithm) -> Best | None:
        """The best of the search, written to ``best_hp.json``; None if no trial has a score.

        Of all other trials the weights are deleted.

        Raises:
            JournalError: It cannot be written.
        """
        trial = algorithm.best_trial
        score = None if trial is None else trial.best_score(algorithm.mode)
        if trial is None or score is None:
            return None
        weights = best_weight(self._folder, trial, algorithm.mode)
        for folder in self._folder.glob("weight/*/checkpoint/*"):
            if folder != weights:
                shutil.rmtree(folder, ignore_errors=True)
        record = {
            "id": trial.id,
            "configuration": trial.configuration,
            "score": score,
            "metric": self.config.metric,
        }
        write_json(self._folder / _BEST, with_names(record))
        return Best(trial.id, dict(trial.configuration), score, weights)

    def run(self, algorithm: Algorithm, progress_callback: Callable[[float], None]) -> None:
        """Train what the algorithm asks for; the callback gets percents.

        It ends when the algorithm is done, or after ``time_ratio`` times the seconds of a training
        with the present values, as the first trial tells them.

        Raises:
            SpecError: No batch size is left that fits into memory.
            TrialFailed: No trial has reported a score.
        """
        run_hpo_loop(
            algorithm,
            self._call(),
            self._places.resource_type,
            num_parallel_trial=self._places.num_parallel_trial,
            search_time=SearchTime(
                self._time_ratio,
                self._template.num_epochs,
                self._folder / _TIME,
                used_s=self._clock() - self._began_s,
                is_resumed=self._resume,
                clock=self._clock,
            ),
            progress_callback=progress_callback,
        )

    def _call(self, is_probe: bool = False) -> SettingsCall:
        """What a trial's process runs."""
        return SettingsCall(
            self._function,
            self._template.hyper_parameters,
            self._data["train"].folder,
            self._data["val"].root,
            self._load_from,
            is_probe,
            model_name=self._template.name,
            shared_dir=self._shared_dir,
        )

    # -- what it begins with ---------------------------------------------------------------

    def _begin(self) -> Start:
        if self._resume:
            return _read_start(self._folder / _START)
        shutil.rmtree(self._folder, ignore_errors=True)
        values = self._template.hyper_parameters
        current = {name: get_nested(values, name) for name in self.names}
        start = Start(current, self._probed(current))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{self._folder} cannot be made: {error.strerror}") from error
        write_json(self._folder / _START, with_names(vars(start)))
        return start

    def _probed(self, current: Mapping[str, Any]) -> int | None:
        """The largest batch size that memory holds; None if it is not to be tried."""
        wish, name = self.config.adapt_bs_search_space_max_val, self._batch_size
        if wish == "None" or name is None:
            return None
        space = self._space[name]
        num_samples = self._data["train"].num_samples
        bounds = (space.min, space.max, space.step)
        if not all(value is not None and float(value).is_integer() for value in bounds):
            logger.warning("%s is not probed: its bounds and step are no whole numbers", name)
            return None
        low, high, step = (int(value) for value in bounds if value is not None)
        if num_samples is not None:
            high = min(high, num_samples)
        if high < low:
            return None  # the number of samples decides
        limit = growth_limit(high, num_samples) if wish == "Full" else None
        probe = BatchSizeProbe(name, low, high, step, current, limit)
        run_hpo_loop(
            probe,
            self._call(is_probe=True),
            self._places.resource_type,
            num_parallel_trial=1,
        )
        largest = probe.largest_that_fits
        if largest is None:
            raise SpecError(
                f"{name}: memory does not hold {low}, the smallest batch size; lower its minimum "
                "in hpo_config.yaml"
            )
        logger.info("the largest batch size is %d, it was %d", largest, high)
        return largest

    def _algorithm(self, start: Start) -> Algorithm:
        config, places = self.config, self._places.count
        name = self._batch_size
        current = {**start.current_values, **self._space.fixed}
        if name is not None and name in self._space:
            limits = (self._data["train"].num_samples, start.largest_batch_size)
            finite_number(name, current[name])
            current[name] = min([current[name], *(x for x in limits if x is not None)])
        if name is not None and name in self._space and not self._space[name].is_quantised:
            name = None
        shared: dict[str, Any] = {
            "save_path": self._folder,
            "mode": config.mode,
            "metric": config.metric,
            "resume": self._resume,
            "num_workers": places,
            "num_full_iterations": self._template.num_epochs,
            "expected_time_ratio": self._time_ratio,
            "maximum_resource": config.maximum_resource,
            "prior_hyper_parameters": current,
            "batch_size_name": name,
            "random_seed": self._seed,
        }
        if config.search_algorithm == "smbo":
            return Smbo(self._space, **shared)
        is_asynchronous = config.search_algorithm == "asha"
        return HyperBand(
            self._space,
            minimum_resource=config.minimum_resource,
            full_dataset_size=self._data["train"].num_samples or 0,
            non_pure_train_ratio=_validation_share(self._data),
            asynchronous_sha=is_asynchronous and places > 1,
            asynchronous_bracket=is_asynchronous,
            **shared,
        )


def best_file(workspace: Workspace) -> Path:
    """Where the best values of a workspace's search are."""
    return workspace.search / _BEST


def can_go_on(workspace: Workspace) -> bool:
    """Whether a workspace holds a search that can be resumed."""
    return (workspace.search / _START).exists() and (workspace.search / _HISTORY).exists()


def is_distributed() -> bool:
    """Whether torchrun has started this process, one of several that train one model."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _config(workspace: Workspace, template: Template) -> HpoConfig:
    """What is tuned; without a file the learning rate and the batch size, around their values."""
    if workspace.hpo_config.exists():
        return read_hpo_config(workspace.hpo_config)
    values = template.hyper_parameters
    rate = finite_number(LEARNING_RATE, get_nested(values, LEARNING_RATE), "a number above 0")
    ranges = {
        LEARNING_RATE: generic_learning_rates(rate),
        BATCH_SIZE: generic_batch_sizes(whole_number(BATCH_SIZE, get_nested(values, BATCH_SIZE))),
    }
    spaces = {name: {"param_type": "qloguniform", "range": [*ranges[name]]} for name in ranges}
    return hpo_config({"metric": METRIC, "hp_space": spaces})


def _check_names(config: HpoConfig, template: Template, source: str) -> None:
    for name in config.hp_space:
        if name == NUM_EPOCHS:
            raise SpecError(
                f"{source}: {name} cannot be tuned, the search itself decides about epochs; drop it"
            )
        try:
            get_nested(template.hyper_parameters, name)
        except SpecError as error:
            raise SpecError(f"{source}: {error}; or add it to template.yaml") from None


def _batch_size_name(space: SearchSpace) -> str | None:
    """The hyperparameter whose last part is a batch size, or None."""
    names = [name for name in space if name.rpartition(".")[2].endswith(_BATCH)]
    return names[0] if len(names) == 1 and space[names[0]].max is not None else None


def _set_largest(space: SearchSpace, name: str, largest: int) -> None:
    """Lower or raise the maximum of a batch size to what memory holds."""
    if name in space and largest > (space[name].max or 0):
        space[name].set_value(max=largest)
    elif name in space:
        space.limit(name, largest)


def _validation_share(data: Mapping[str, Subset]) -> float:
    """Share of an epoch that validation takes; the usual fifth where sizes are not known."""
    train, val = data["train"].num_samples, data["val"].num_samples
    return 0.2 if train is None or val is None else val / (train + val)


def _check_folder(folder: Path, resume: bool) -> None:
    """Check that nobody's results are thrown away, or that there is something to go on with."""
    if resume:
        if not (folder / _START).exists():
            raise SpecError(f"{folder} holds no search to go on with; leave out --resume")
        return
    history = folder / _HISTORY
    is_over = (folder / _BEST).exists()
    if not is_over and history.exists() and '"report_score"' in history.read_text("utf-8"):
        raise SpecError(
            f"{folder} holds a search that was cut off; pass --resume to go on with it, or delete "
            "the folder to begin anew"
        )


def _read_start(path: Path) -> Start:
    try:
        return Start(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise JournalError(f"{path} cannot be read: {error}; leave out --resume") from error
