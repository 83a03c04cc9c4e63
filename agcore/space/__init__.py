"""The search spaces: what a user writes as ``ag.space.Int``, ``ag.space.Categorical`` ...

Imports only ``errors`` and ``records``, and no NumPy, because every worker process imports it.
Inside, each file imports only those before it: prior, base, copying, numeric, ordinal,
configspace, nested, lazy, legacy, arguments.
"""

from agcore.space.base import Hyperparameter, SimpleSpace, Space, ValueSpace
from agcore.space.configspace import SearchSpace
from agcore.space.lazy import AutoGluonObject
from agcore.space.legacy import AutoGluonWarning, Choice, Linear, LogLinear
from agcore.space.nested import Categorical, Dict, List, NestedSpace
from agcore.space.numeric import Int, Real
from agcore.space.ordinal import Bool, Ordinal

__all__ = [
    "Space",
    "SimpleSpace",
    "NestedSpace",
    "ValueSpace",
    "Real",
    "Int",
    "Bool",
    "Ordinal",
    "Categorical",
    "List",
    "Dict",
    "AutoGluonObject",
    "Hyperparameter",
    "SearchSpace",
    "Choice",
    "Linear",
    "LogLinear",
    "AutoGluonWarning",
]
