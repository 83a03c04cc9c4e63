"""Classification of images: `ImagePredictor` tunes and trains networks of PyTorch.

    from agcore_contrib.vision import ImagePredictor

    train, _, test = ImagePredictor.Dataset.from_folders("flowers.zip")
    predictor = ImagePredictor().fit(train, search_strategy="bayesopt_hyperband", time_limit=120)
    top1, top5 = predictor.evaluate(test)

It needs the extra ``vision``. Three layers, of which each uses those before it: files (errors,
images, archives, splits, dataset, labels); training, which imports torch and runs in the processes
of trials (networks, once, prepared, features, augment, optimisers, schedules, settings, feeds,
training, trained, trial); tuning (presets, strategies, request, defaults, search, predictor). Names
are loaded when they are first used, because every worker process imports this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore_contrib.vision.dataset import ImageDataset
    from agcore_contrib.vision.errors import ArchiveError, ImageError
    from agcore_contrib.vision.evaluation import Evaluation
    from agcore_contrib.vision.fashion import load_fashion4
    from agcore_contrib.vision.predictor import ImagePredictor

__all__ = [
    "ImagePredictor",
    "ImageDataset",
    "Evaluation",
    "load_fashion4",
    "ImageError",
    "ArchiveError",
]

_HOMES = {
    "ImagePredictor": "predictor",
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
