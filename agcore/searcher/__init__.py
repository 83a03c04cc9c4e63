"""What proposes configs from what was observed.

A searcher never sees a scheduler; it may import records, spaces, the surrogate, errors and
libraries. Those with a model are loaded when they are first asked for: SciPy takes its time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agcore.searcher.auto import Pick
from agcore.searcher.base import BaseSearcher, Searcher
from agcore.searcher.classic import ClassicSearcher, as_searcher
from agcore.searcher.factory import SEARCHERS, own_options, pick_searcher, searcher_factory
from agcore.searcher.grid import GridSearcher
from agcore.searcher.random import RandomSearcher

if TYPE_CHECKING:
    from agcore.searcher.bohb import BOHBSearcher
    from agcore.searcher.evolution import RegularizedEvolutionSearcher
    from agcore.searcher.gp_constrained import ConstrainedGPFIFOSearcher
    from agcore.searcher.gp_fifo import GPFIFOSearcher
    from agcore.searcher.gp_multi_fidelity import GPMultiFidelitySearcher
    from agcore.searcher.hypertune import HyperTuneSearcher
    from agcore.searcher.model_options import MapReward
    from agcore.searcher.skopt import SKoptSearcher
    from agcore.searcher.sobol import SobolSearcher
    from agcore.searcher.tpe import TPESearcher

__all__ = [
    "SEARCHERS",
    "BOHBSearcher",
    "BaseSearcher",
    "ClassicSearcher",
    "ConstrainedGPFIFOSearcher",
    "GPFIFOSearcher",
    "GPMultiFidelitySearcher",
    "GridSearcher",
    "HyperTuneSearcher",
    "MapReward",
    "Pick",
    "RandomSearcher",
    "RegularizedEvolutionSearcher",
    "SKoptSearcher",
    "Searcher",
    "SobolSearcher",
    "TPESearcher",
    "as_searcher",
    "own_options",
    "pick_searcher",
    "searcher_factory",
]

_LATER = {
    "BOHBSearcher": "bohb",
    "ConstrainedGPFIFOSearcher": "gp_constrained",
    "GPFIFOSearcher": "gp_fifo",
    "GPMultiFidelitySearcher": "gp_multi_fidelity",
    "HyperTuneSearcher": "hypertune",
    "MapReward": "model_options",
    "RegularizedEvolutionSearcher": "evolution",
    "SKoptSearcher": "skopt",
    "SobolSearcher": "sobol",
    "TPESearcher": "tpe",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"agcore.searcher.{_LATER[name]}"), name)
    globals()[name] = value
    return value
