"""Hyperparameter search as OpenVINO Training Extensions have it: time is the control knob.

``hpo_config.yaml`` says what to tune (`read_hpo_config`), `HyperBand` what to train and for how
long within a budget of epochs, `run_hpo_loop` trains it in processes of their own. The commands
``agcore build`` and ``agcore train`` put them to work on a train function of the user's.

Inside, each file imports only those before it: dotted, marked_yaml, config; plan, trial, rung,
bracket, learning, samples, call_log, settings, account, planting, first_trials, results,
hyperband, smbo; resources, child, weights, search_time, loop; models, yaml_values,
train_settings, workspace, probe, search, display, final_training, image_task, training, commands.
The spaces are those of `agcore_contrib.spaces`. Names are loaded when they are first used, because
every trial's process imports this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore_contrib.otx.bracket import Bracket
    from agcore_contrib.otx.child import ReportFunction
    from agcore_contrib.otx.config import HpoConfig, hpo_config, read_hpo_config
    from agcore_contrib.otx.dotted import get_nested, set_nested
    from agcore_contrib.otx.hyperband import HyperBand
    from agcore_contrib.otx.loop import HpoAlgorithm, run_hpo_loop
    from agcore_contrib.otx.plan import BracketPlan
    from agcore_contrib.otx.resources import (
        CPUResourceManager,
        GPUResourceManager,
        get_resource_manager,
    )
    from agcore_contrib.otx.rung import Rung
    from agcore_contrib.otx.search_time import SearchTime
    from agcore_contrib.otx.smbo import Smbo
    from agcore_contrib.otx.train_settings import TrainSettings
    from agcore_contrib.otx.trial import Trial, TrialStatus
    from agcore_contrib.otx.weights import best_weight
    from agcore_contrib.spaces.search_space import SearchSpace
    from agcore_contrib.spaces.single_space import SingleSearchSpace

__all__ = [
    "HpoConfig",
    "hpo_config",
    "read_hpo_config",
    "SearchSpace",
    "SingleSearchSpace",
    "get_nested",
    "set_nested",
    "HyperBand",
    "Smbo",
    "BracketPlan",
    "Bracket",
    "Rung",
    "Trial",
    "TrialStatus",
    "HpoAlgorithm",
    "ReportFunction",
    "run_hpo_loop",
    "SearchTime",
    "best_weight",
    "TrainSettings",
    "CPUResourceManager",
    "GPUResourceManager",
    "get_resource_manager",
]

_HOMES = {
    "bracket": ("Bracket",),
    "child": ("ReportFunction",),
    "config": ("HpoConfig", "hpo_config", "read_hpo_config"),
    "dotted": ("get_nested", "set_nested"),
    "hyperband": ("HyperBand",),
    "loop": ("HpoAlgorithm", "run_hpo_loop"),
    "plan": ("BracketPlan",),
    "resources": ("CPUResourceManager", "GPUResourceManager", "get_resource_manager"),
    "rung": ("Rung",),
    "search_time": ("SearchTime",),
    "smbo": ("Smbo",),
    "train_settings": ("TrainSettings",),
    "trial": ("Trial", "TrialStatus"),
    "weights": ("best_weight",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("SearchSpace", "SingleSearchSpace"):
        return getattr(import_module("agcore_contrib.spaces"), name)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
