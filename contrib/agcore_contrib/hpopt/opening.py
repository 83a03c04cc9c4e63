"""The run behind a search, opened by whichever process needs it."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import agcore as ag
from agcore.errors import SpecError
from agcore_contrib.hpopt.arguments import ArgumentTypeError
from agcore_contrib.hpopt.budget import EpochBudget
from agcore_contrib.hpopt.files import HpoFiles
from agcore_contrib.hpopt.proposable import ProposableConfigs
from agcore_contrib.hpopt.record import SCORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore_contrib.hpopt.settings import HpoSettings


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """A search that this process takes part in.

    Attributes:
        settings: What was asked for.
        files: Where it is.
        configs: Its search space.
        run: Its trials and their record.
        budget: What is left for them.
    """

    settings: HpoSettings
    files: HpoFiles
    configs: ProposableConfigs
    run: ag.AskTell
    budget: EpochBudget

    @classmethod
    def of(cls, settings: HpoSettings, files: HpoFiles, num_out_of_memory: int = 0) -> OpenSearch:
        """Open a search, or begin it.

        Args:
            settings: What was asked for.
            files: Where it is.
            num_out_of_memory: Trials in whose places others come.
        """
        configs = ProposableConfigs(settings.space(), settings.batch_size_name)
        run = ag.AskTell(
            configs.space,
            **_scheduler(settings),
            search_options={"first_is_default": False, **_search_options(settings, configs)},
            num_trials=settings.num_trials + num_out_of_memory,
            random_seed=settings.random_seed,
            reward_attr=SCORE,
            mode=settings.mode,
            max_failures=None,
            checkpoint=files.run,
        )
        configs.source = run
        return cls(settings, files, configs, run, EpochBudget(settings))


def _scheduler(settings: HpoSettings) -> dict[str, Any]:
    """Who decides when a trial ends, and who proposes."""
    if settings.has_rungs:
        return {
            "scheduler": "hbp",
            "searcher": "random",
            "max_t": settings.max_iterations,
            "grace_period": settings.min_iterations,
            "reduction_factor": settings.reduction_factor,
            "brackets": settings.num_brackets,
            "delay_promotion": True,  # no more go on than were planned for
        }
    searcher = "random" if settings.is_asha else "bayesopt"
    if settings.early_stop is None:
        return {"scheduler": "fifo", "searcher": searcher}
    return {
        "scheduler": "median",
        "searcher": searcher,
        "min_samples": 1,
        "num_spared": settings.num_init_trials,
    }


def _search_options(settings: HpoSettings, configs: ProposableConfigs) -> dict[str, Any]:
    if settings.is_asha:
        return {"constraint": configs.allows}
    return {
        "constraint": configs.allows,
        "num_init_random": settings.num_init_trials,
        "acquisition": "ucb",
        "kappa": settings.kappa,
        "kappa_decay": settings.kappa_decay,
        "kappa_decay_delay": settings.kappa_decay_delay,
    }


_MOST_OPEN = 4
_open: OrderedDict[tuple[str, int], OpenSearch] = OrderedDict()
"""Searches that this process has reported to, by ``run_id`` and process: a fork makes its own."""


def search_of(config: Mapping[str, Any]) -> OpenSearch:
    """The search that a trial belongs to, found by the trial's dictionary alone.

    Args:
        config: What `HpOpt.get_next_sample` returned, or a copy of it.

    Raises:
        ArgumentTypeError: It is no dictionary.
        SpecError: It lacks what such a dictionary has, or belongs to a search that is gone.
        JournalError: The search cannot be read.
    """
    if not hasattr(config, "keys"):
        raise ArgumentTypeError(f"config={config!r} must be what get_next_sample() returned")
    for key in ("trial_id", "attempt", "known", "file_path", "run_id"):
        if key not in config:
            raise SpecError(
                f"config lacks {key!r}; pass the whole dictionary that get_next_sample() returned"
            )
    files = HpoFiles.at(os.path.dirname(config["file_path"]))  # noqa: PTH120  # it is text
    own = (str(config["run_id"]), os.getpid())
    found = _open.get(own)
    settings = files.read_settings()
    if settings.run_id != config["run_id"]:
        raise SpecError(
            f"trial {config['trial_id']} belongs to a search that {files.folder} no longer "
            "holds; take trials from get_next_sample() of the present one"
        )
    if found is None:
        found = _open[own] = OpenSearch.of(settings, files)
        while len(_open) > _MOST_OPEN:
            _open.popitem(last=False)
    return found
