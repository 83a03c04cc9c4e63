"""Search spaces as training frameworks write them: five types, with bounds and a step.

``single_space.py`` is the space of one hyperparameter, ``search_space.py`` that of all. Both give
themselves as agcore's spaces to a searcher and take its configs back.
"""

from __future__ import annotations

from agcore_contrib.spaces.search_space import SearchSpace, named_range
from agcore_contrib.spaces.single_space import (
    DEFAULT_LOG_BASE,
    SPACE_TYPES,
    AgcoreSpace,
    SingleSearchSpace,
)

__all__ = [
    "DEFAULT_LOG_BASE",
    "SPACE_TYPES",
    "AgcoreSpace",
    "SearchSpace",
    "SingleSearchSpace",
    "named_range",
]
