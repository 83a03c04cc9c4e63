"""The names that scripts of 2019 use for search spaces, with the meaning that they had then.

    import agcore_contrib.vision.classic as ag
    from agcore_contrib.vision import ImageClassification as task

    nets = ag.Nets(["resnet18_v1", "resnet34_v1"])
    sgd = ag.optimizer.SGD(learning_rate=ag.LogLinear(1e-4, 1e-1), momentum=ag.Linear(0.85, 0.95))
    optimizers = ag.Optimizers([sgd, "adam"])
    results = task.fit(dataset, nets, optimizers, lr_scheduler=ag.List("poly", "cosine"))

`List` is a choice here; in `agcore` it is a list. What they return are agcore's own spaces, so they
may be mixed with these. Inside, each file imports only those before it: lazy_optimizers,
optimizer, choices, arrays, dataset, task. The task is not imported here, because processes of
trials import this package for their optimisers.
"""

from agcore.space import Bool, Categorical, Dict, Int, Linear, LogLinear, Ordinal, Real
from agcore_contrib.vision.classic import optimizer
from agcore_contrib.vision.classic.choices import Choice, List, Losses, Nets, Optimizers

__all__ = [
    "Nets",
    "Optimizers",
    "Losses",
    "optimizer",
    "List",
    "Choice",
    "Linear",
    "LogLinear",
    "Real",
    "Int",
    "Bool",
    "Ordinal",
    "Categorical",
    "Dict",
]
