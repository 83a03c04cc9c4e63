"""What ``agcore train`` calls for images in one folder for each class, if no other task is named.

The network is the model of ``template.yaml``; learning rate, batch size and epochs are its
``learning_parameters``. A group ``image_parameters`` beside them may hold any other setting of
`agcore_contrib.vision.settings.TrainSettings`, as ``fine_tune: true``; ``hpo_config.yaml`` may tune
it as ``image_parameters.wd``. A fifth of the images is held out to validate on, unless there is a
folder for validation.

What is saved: the network, what training needs to go on, a predictor for
`agcore_contrib.vision.ImagePredictor.load`, and ``summary.json``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd

from agcore.errors import EarlyStop, SpecError, did_you_mean
from agcore.json_values import with_names
from agcore_contrib.otx import TrialStatus
from agcore_contrib.vision.dataset import ImageDataset
from agcore_contrib.vision.defaults import completed
from agcore_contrib.vision.labels import classes_of, numbers_of
from agcore_contrib.vision.networks.names import resolve
from agcore_contrib.vision.once import made_once
from agcore_contrib.vision.predictor import ImagePredictor, prepare_images
from agcore_contrib.vision.prepared import prepared_images
from agcore_contrib.vision.settings import NETWORK_FILE, SETTINGS, TrainSettings
from agcore_contrib.vision.trained import TrainedNetwork

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agcore_contrib.vision.prepared import PreparedImages

GROUP = "image_parameters"
SUMMARY = "summary.json"

_HELD_OUT = 0.2
_SPLIT_SEED = 0
"""All trials validate on the same images."""
_CODE = ("net", "loss")
"""Settings that are functions: a template has none."""
_FROM_TEMPLATE = (*_CODE, "model", "lr", "batch_size", "epochs")
"""Settings that have another place in the template, or none."""
_KEY_LENGTH = 16


def train(settings: Any, report: Any) -> None:
    """Train a network on images in class folders.

    Args:
        settings: `agcore_contrib.otx.TrainSettings`; the data roots have one folder for each class.
        report: Takes the accuracy and the epoch, and says whether to stop.

    Raises:
        SpecError: A setting breaks its rule, or the data cannot be learnt from.
        MemoryError: Memory does not hold the batch size.
    """
    from agcore_contrib.vision.trial import train_network

    found = _found(settings.data_root, settings.val_data_root)
    chosen = _chosen(settings, found.paths)
    images = _prepared(found, chosen.input_size, settings.shared_dir or settings.save_to.parent)
    start = settings.load_from
    if start is not None and not (start / NETWORK_FILE).exists():
        raise SpecError(f"{start} has no {NETWORK_FILE}; pass the folder of an earlier training")
    reporter = _Reporter(settings, report, found.classes, chosen, images)
    with contextlib.suppress(EarlyStop):
        train_network(chosen, images, reporter, start_from=start, batch_size_is_fixed=True)


@dataclass(frozen=True)
class _Found:
    """The images of both purposes, those to validate on behind the others.

    Attributes:
        paths: Files.
        labels: Number of the class, by file.
        classes: Names, by number.
        num_train: How many are to train on; all, if some of these are to be held out.
    """

    paths: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    num_train: int

    @property
    def first_valid(self) -> int | None:
        """The first one to validate on, None if they are to be drawn."""
        return None if self.num_train == len(self.paths) else self.num_train

    @property
    def key(self) -> str:
        """Changes with the files: their names, sizes and times, and what they are for."""
        stats = [Path(path).stat() for path in self.paths]
        facts = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
        text = json.dumps([self.paths, facts, self.num_train])
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def _found(train_root: Path, valid_root: Path | None) -> _Found:
    """The images in class folders.

    Raises:
        SpecError: There are none, or of one class only; or there are other classes to validate on.
    """
    table = _named(ImageDataset.from_folder(train_root))
    classes = classes_of(table, "label")
    tables = [table]
    if valid_root is not None:
        tables.append(_named(ImageDataset.from_folder(valid_root)))
    both = pd.concat(tables)
    return _Found(list(both["image"]), numbers_of(both, "label", classes), classes, len(table))


def _named(dataset: ImageDataset) -> pd.DataFrame:
    """The dataset with names of classes: their numbers are those of one folder only."""
    names = [str(dataset.classes[number]) for number in dataset["label"]]
    table: pd.DataFrame = pd.DataFrame({"image": dataset["image"].to_numpy(), "label": names})
    return table


def _chosen(settings: Any, paths: list[str]) -> TrainSettings:
    """What the template says, completed.

    Raises:
        SpecError: A name is unknown, or a value breaks its rule.
    """
    group = vars(getattr(settings, GROUP, SimpleNamespace()))
    known = [name for name in SETTINGS if name not in _FROM_TEMPLATE]
    for name in group:
        if name not in known:
            raise SpecError(
                f"{GROUP} has the unknown key {name!r}{did_you_mean(name, known)}; it takes "
                f"{', '.join(known)}"
            )
    given = {
        "early_stop_patience": 0,  # the search decides how long a trial is trained
        **{name: value for name, value in group.items() if value is not None},
        "model": settings.model_name,
        "lr": settings["learning_parameters.learning_rate"],
        "batch_size": settings["learning_parameters.batch_size"],
        "epochs": settings["learning_parameters.num_iters"],
    }
    values = completed(given, images=paths, time_limit_s=math.inf, is_search=False)
    return TrainSettings.of(values)


def _prepared(found: _Found, size: int, folder: Path) -> PreparedImages:
    """The images, decoded by the first training that needs them."""
    place = folder / f"images-{found.key}"
    place.mkdir(parents=True, exist_ok=True)

    def prepare(path: Path) -> None:
        prepare_images(
            place,
            found.paths,
            found.labels,
            len(found.classes),
            size,
            first_tuning=found.first_valid,
            holdout_frac=_HELD_OUT,
            random_state=_SPLIT_SEED,
        )
        path.touch()

    made_once(place / "complete", prepare)
    return prepared_images(str(place))


class _Reporter:
    """Speaks to a workspace's report function as trials speak to agcore's reporter.

    Args:
        settings: Of the training.
        report: The workspace's report function.
        classes: Names of the classes.
        chosen: How it is trained.
        images: On what.
    """

    def __init__(
        self,
        settings: Any,
        report: Any,
        classes: list[str],
        chosen: TrainSettings,
        images: PreparedImages,
    ) -> None:
        self._settings, self._report, self._chosen = settings, report, chosen
        self._classes, self._images = classes, images

    @property
    def latest_checkpoint(self) -> Path | None:
        """What a trial goes on from; None if it begins."""
        goes_on = self._settings.first_epoch > 1
        checkpoint: Path | None = self._settings.load_from if goes_on else None
        return checkpoint

    @property
    def checkpoint_dir(self) -> Path:
        """Where the network of this epoch is saved."""
        folder: Path = self._settings.save_to
        return folder

    def __call__(self, **metrics: Any) -> None:
        """Save what the epoch has brought, and report its accuracy.

        Raises:
            EarlyStop: The training is to end.
        """
        folder, epoch = self.checkpoint_dir, metrics["epoch"]
        summary = {
            **self._summary(),
            **{name: with_names(value) for name, value in metrics.items()},
        }
        (folder / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        network = TrainedNetwork.load(folder / NETWORK_FILE)
        ImagePredictor.of_network(network, self._classes, summary).save(folder)
        is_over = epoch >= self._settings.epochs
        if self._report(metrics["valid_acc"], epoch) is TrialStatus.STOP or is_over:
            raise EarlyStop

    def _summary(self) -> dict[str, Any]:
        """What does not change from epoch to epoch."""
        settings = asdict(self._chosen)
        return {
            "model": self._chosen.model,
            "network": resolve(self._chosen.model),
            "classes": self._classes,
            "num_train": len(self._images.train_rows),
            "num_valid": len(self._images.valid_rows),
            "best_config": {name: settings[name] for name in SETTINGS if name not in _CODE},
        }
