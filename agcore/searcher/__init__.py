"""What proposes configs from what was observed.

A searcher never sees a scheduler; it may import records, configspace, errors and libraries.
"""

from agcore.searcher.base import BaseSearcher, Searcher
from agcore.searcher.classic import ClassicSearcher, as_searcher
from agcore.searcher.factory import SEARCHERS, own_options, searcher_factory
from agcore.searcher.grid import GridSearcher
from agcore.searcher.random import RandomSearcher

__all__ = [
    "SEARCHERS",
    "BaseSearcher",
    "ClassicSearcher",
    "GridSearcher",
    "RandomSearcher",
    "Searcher",
    "as_searcher",
    "own_options",
    "searcher_factory",
]
