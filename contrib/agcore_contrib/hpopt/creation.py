"""`create`: from arguments to a search, a new one or one that goes on."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError, SpecError
from agcore_contrib.hpopt.files import HpoFiles
from agcore_contrib.hpopt.hpo import HpOpt
from agcore_contrib.hpopt.hyperparameters import hyperparameters
from agcore_contrib.hpopt.settings import checked_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore_contrib.hpopt.settings import HpoSettings
    from agcore_contrib.spaces import SingleSearchSpace

logger = logging.getLogger(__name__)

_LEVEL = "HPOPT_LOG_LEVEL"


def create(
    full_dataset_size: int,
    num_full_iterations: int,
    search_space: Mapping[str, SingleSearchSpace],
    save_path: str | os.PathLike[str] = "hpo",
    search_alg: str = "baye_opt",
    early_stop: str | None = None,
    mode: str = "max",
    num_init_trials: int | None = None,
    num_trials: int | None = None,
    max_iterations: int | None = None,
    min_iterations: int | None = None,
    reduction_factor: int = 2,
    num_brackets: int | None = None,
    subset_ratio: float | None = None,
    batch_size_name: str | None = None,
    image_resize: Sequence[int] = (0, 0),
    metric: str = "mAP",
    resume: bool = False,
    expected_time_ratio: float = 4,
    non_pure_train_ratio: float = 0.2,
    num_workers: int = 1,
    kappa: float = 2.576,
    kappa_decay: float = 1,
    kappa_decay_delay: int = 0,
    default_hyper_parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    use_epoch: bool = False,
    *,
    num_init_trial: int | None = None,
    random_seed: int = 0,
) -> HpOpt:
    """A search for hyperparameters.

    What is left open of ``num_trials``, ``max_iterations`` and ``subset_ratio`` follows from
    ``expected_time_ratio`` (Auto Config); what is set stays as it is.

    Args:
        full_dataset_size: Samples of the training data; 0 if unknown: then all are used.
        num_full_iterations: Epochs of the training after the search.
        search_space: A `SearchSpace` for each hyperparameter.
        save_path: Folder of the search. One that is there is deleted, unless ``resume``.
        search_alg: ``'baye_opt'``, one trial after another, also called ``'bayes_opt'`` or
            ``'smbo'``; or ``'asha'``, for trials in parallel.
        early_stop: With Bayesian optimisation: ``'median_stop'`` stops trials that are below the
            median of the others, the first ``num_init_trials`` excepted.
        mode: ``'max'`` or ``'min'``: which scores are better.
        num_init_trials: Random trials before the model is asked; 5 by default.
        num_trials: Trials in total.
        max_iterations: Epochs of a trial.
        min_iterations: With ASHA: epochs of the first rung; 1 by default.
        reduction_factor: With ASHA: one trial in so many goes on at each rung; at least 2.
        num_brackets: With ASHA: sets of rungs, bracket s without the s lowest; 1 by default, or
            all if nothing is left to Auto Config.
        subset_ratio: Share of the data; raised so that it holds 500 samples, if there are so many.
        batch_size_name: The hyperparameter that is lowered when memory runs out.
        image_resize: Width and height for `createHpoDataset`; zeros leave images as they are.
        metric: Name of the score, for the record.
        resume: Go on with the search in ``save_path``, if there is one. No finished trial is lost;
            those that were running are given out again.
        expected_time_ratio: Time of search and final training in units of the final training:
            with 2 the search takes as long as the training. Above 1.
        non_pure_train_ratio: Share of an epoch that a smaller share of the data does not shorten,
            as validation.
        num_workers: Trials at a time, for Auto Config.
        kappa: Standard deviations in the upper confidence bound: the larger, the more is explored.
        kappa_decay: Factor of kappa for each trial; 1 or more leaves it as it is.
        kappa_decay_delay: Trials before kappa begins to shrink.
        default_hyper_parameters: A config, or several, to be tried first.
        use_epoch: Has no effect: iterations are epochs.
        num_init_trial: Another name of ``num_init_trials``.
        random_seed: Of the configs.

    Raises:
        ArgumentTypeError: An argument has the wrong type (also a TypeError and a ValueError).
        SpecError: An argument is out of range, the budget holds no search, or ``resume`` finds
            another search (also a ValueError).
        JournalError: The folder cannot be used.
    """
    arguments = dict(locals())
    del arguments["search_space"], arguments["save_path"], arguments["use_epoch"]
    _set_log_level()
    settings = checked_settings(hyperparameters(search_space), arguments)
    files = HpoFiles.at(save_path)
    files.make()
    if settings.full_dataset_size == 0:
        logger.warning("full_dataset_size=0: it is unknown, so trials get the full dataset")
    is_resumed = resume and files.holds_a_search
    if is_resumed:
        before = files.read_settings()
        settings.check_resumes(before)
        settings = replace(settings, run_id=before.run_id, random_seed=before.random_seed)
    elif resume and files.holds_foreign_results:
        raise JournalError(
            f"resume=True, but {files.folder} holds results of another program; pass another "
            "save_path, or resume=False to delete them"
        )
    else:
        files.clear()
    files.write_settings(settings)
    _log(settings)
    return HpOpt(settings, files, is_resumed=is_resumed)


def _log(settings: HpoSettings) -> None:
    allowed = "any number" if settings.budget_epochs is None else settings.budget_epochs
    logger.info(
        "%d trials of up to %d epochs on %.3g of the data; %d epochs are expected, %s are allowed",
        settings.num_trials,
        settings.max_iterations,
        settings.subset_ratio,
        settings.num_epochs,
        allowed,
    )


def _set_log_level() -> None:
    """Have this package log from the level in HPOPT_LOG_LEVEL on; without it nothing changes."""
    name = os.environ.get(_LEVEL)
    if not name:
        return
    level = logging.getLevelName(name.upper())
    if not isinstance(level, int):
        raise SpecError(f"{_LEVEL}={name!r} must be the name of a level, as INFO")
    logging.getLogger(__package__).setLevel(level)
