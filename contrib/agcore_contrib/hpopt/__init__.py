"""hpopt: hyperparameter optimisation with a loop of your own, in as many processes as you like.

`create` begins a search, `HpOpt.get_next_sample` gives trials out, `report` says whether a training
goes on. Bayesian optimisation is agcore's Gaussian process with an upper confidence bound, ASHA is
agcore's asynchronous Hyperband; both run as an `agcore.AskTell` below ``save_path``.

Inside, each file imports only those before it: status, arguments, hyperparameters, batch_bounds,
plan, settings, files, proposable, record, budget, opening, reporting, results, hpo, dataset,
creation.
"""

from __future__ import annotations

from agcore_contrib.hpopt.arguments import ArgumentTypeError
from agcore_contrib.hpopt.creation import create
from agcore_contrib.hpopt.dataset import createHpoDataset
from agcore_contrib.hpopt.files import (
    get_best_score,
    get_current_status,
    get_previous_status,
    get_status_path,
    get_trial_path,
    load_json,
)
from agcore_contrib.hpopt.hpo import HpOpt
from agcore_contrib.hpopt.hyperparameters import SearchSpace
from agcore_contrib.hpopt.reporting import finalize_trial, report, reportOOM
from agcore_contrib.hpopt.status import Status

search_space = SearchSpace
"""The name of `SearchSpace` in hpopt's first version."""

__all__ = [
    "ArgumentTypeError",
    "HpOpt",
    "SearchSpace",
    "Status",
    "create",
    "createHpoDataset",
    "finalize_trial",
    "get_best_score",
    "get_current_status",
    "get_previous_status",
    "get_status_path",
    "get_trial_path",
    "load_json",
    "report",
    "reportOOM",
    "search_space",
]
