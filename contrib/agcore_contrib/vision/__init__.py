"""Classification of images: `ImagePredictor` tunes and trains networks of PyTorch.

    from agcore_contrib.vision import ImagePredictor

    train, _, test = ImagePredictor.Dataset.from_folders("flowers.zip")
    predictor = ImagePredictor().fit(train, search_strategy="bayesopt_hyperband", time_limit=120)
    top1, top5 = predictor.evaluate(test)

It needs the extra ``vision``. Three layers, of which each uses those before it: files (errors,
images, archives, splits, dataset, labels); training, which imports torch and runs in the processes
of trials (networks, once, prepared, features, augment, optimisers, schedules, settings, feeds,
training, trained, trial); tuning (presets, strategies, request, defaults, search, predictor).
Above them are two other ways in: ``classic``, the interface of 2019, and ``workspace_task``, which
``agcore train`` calls. Names are loaded when they are first used, because every worker process
imports this package.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore_contrib.vision.classic.task import ImageClassification
    from agcore_contrib.vision.dataset import ImageDataset
    from agcore_contrib.vision.errors import ArchiveError, ImageError
    from agcore_contrib.vision.evaluation import Evaluation
    from agcore_contrib.vision.fashion import load_fashion4
    from agcore_contrib.vision.predictor import ImagePredictor

__all__ = [
    "ImagePredictor",
    "ImageClassification",
    "ImageDataset",
    "Evaluation",
    "load_fashion4",
    "ImageError",
    "ArchiveError",
]

# Read when torch is loaded. Its threads wait for one another many times a millisecond; by default
# they do so at full speed, on the CPUs that the others need. Features of 320 images took 8.6 s on
# two busy CPUs, and take 1.6 s so.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_HOMES = {
    "ImagePredictor": "predictor",
    "ImageClassification": "classic.task",
    "ImageDataset": "dataset",
    "Evaluation": "evaluation",
    "load_fashion4": "fashion",
    "ImageError": "errors",
    "ArchiveError": "errors",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
