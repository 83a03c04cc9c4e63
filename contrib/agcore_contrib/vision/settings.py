"""What a training run can be told, with its defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number, one_of, truth, whole_number
from agcore.errors import SpecError
from agcore_contrib.vision.networks.names import DEFAULT, resolve
from agcore_contrib.vision.optimisers import check_optimiser
from agcore_contrib.vision.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

AUGMENTATIONS = ("none", "flip", "standard")
LARGEST_SIZE = 1024
_AT_LEAST_ZERO = ("wd", "momentum", "warmup_epochs", "early_stop_min_delta", "lr_power", "lr_decay")
NETWORK_FILE = "network.pt"
"""The file of a checkpoint that has the network."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The hyperparameters of one training run.

    Attributes:
        model: Name of a network.
        net: A function of the number of classes that returns a torch module, in the place of
            ``model``; it maps pixels from 0 to 1, shape (n, 3, size, size), to logits.
        fine_tune: Whether all weights are trained, not only those of the last layer. Networks
            without trained weights are trained whole in any case.
        pretrained: Whether a network begins with trained weights, where there are any.
        input_size: Pixels of each side that images are resized to.
        augment: ``'none'``; ``'flip'``, images and their mirror images; ``'standard'``, also cut
            out and of another brightness. The last layer alone is trained on the first two only.
        epochs: Passes over the training images.
        batch_size: Images in a step; fewer if memory is short.
        lr: Learning rate.
        optimizer: ``'adamw'``, ``'adam'``, ``'sgd'``, ``'nag'``, or a function of the parameters
            that returns a torch optimiser.
        momentum: Of sgd and nag.
        wd: Weight decay.
        lr_scheduler: ``'cosine'``, ``'poly'``, ``'step'`` or ``'constant'``.
        warmup_epochs: Epochs in which the learning rate rises.
        lr_power: Of ``'poly'``.
        lr_decay: Of ``'step'``: factor.
        lr_decay_epochs: Of ``'step'``: epochs between two steps; 0 is a third of the run.
        dropout: Share of the features left out in each step.
        label_smoothing: Share of each label spread over all classes.
        loss: A function of logits and labels in the place of cross entropy, or None.
        mixed_precision: Whether a GPU may compute with 16 bits.
        early_stop_patience: Epochs without a gain after which a run ends; 0: never.
        early_stop_min_delta: What counts as a gain of validation accuracy.
        early_stop_baseline: Accuracy below which nothing counts as a gain, or None.
        early_stop_max_value: Accuracy that ends a run, or None.

    Raises:
        SpecError: A value breaks its rule.
    """

    model: str = DEFAULT
    net: Any = None
    fine_tune: bool = False
    pretrained: bool = True
    input_size: int = 224
    augment: str = "flip"
    epochs: int = 15
    batch_size: int = 32
    lr: float = 2e-3
    optimizer: Any = "adamw"
    momentum: float = 0.9
    wd: float = 1.0
    lr_scheduler: str = "cosine"
    warmup_epochs: float = 0.0
    lr_power: float = 2.0
    lr_decay: float = 0.1
    lr_decay_epochs: int = 0
    dropout: float = 0.5
    label_smoothing: float = 0.05
    loss: Any = None
    mixed_precision: bool = True
    early_stop_patience: int = 10
    early_stop_min_delta: float = 1e-4
    early_stop_baseline: float | None = None
    early_stop_max_value: float | None = None

    def __post_init__(self) -> None:
        if self.net is None:
            resolve(self.model)
        elif not callable(self.net):
            raise SpecError(f"net={self.net!r} must be a function of the number of classes")
        if not callable(self.optimizer):
            check_optimiser(self.optimizer)
        if self.loss is not None and not callable(self.loss):
            raise SpecError(f"loss={self.loss!r} must be a function of logits and labels, or None")
        for name in ("fine_tune", "pretrained", "mixed_precision"):
            truth(name, getattr(self, name))
        one_of("augment", self.augment, AUGMENTATIONS)
        whole_number("batch_size", self.batch_size)
        whole_number("early_stop_patience", self.early_stop_patience, 0)
        _check_size(self.input_size)
        _above_zero("lr", self.lr)
        for name in _AT_LEAST_ZERO:
            _at_least_zero(name, getattr(self, name))
        for name in ("dropout", "label_smoothing"):
            _share(name, getattr(self, name))
        for name in ("early_stop_baseline", "early_stop_max_value"):
            if getattr(self, name) is not None:
                finite_number(name, getattr(self, name))
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """The learning rate over the run."""
        return Schedule(
            kind=self.lr_scheduler,
            epochs=self.epochs,
            warmup_epochs=self.warmup_epochs,
            power=self.lr_power,
            decay=self.lr_decay,
            decay_epochs=self.lr_decay_epochs,
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> TrainSettings:
        """Those among ``values`` that are settings; the rest is somebody else's."""
        return cls(**{name: values[name] for name in SETTINGS if name in values})


SETTINGS = tuple(field.name for field in fields(TrainSettings))
"""Names of all settings."""


def _check_size(size: Any) -> None:
    whole_number("input_size", size, 8)
    if size > LARGEST_SIZE:
        raise SpecError(f"input_size={size!r} must be at most {LARGEST_SIZE}")


def _above_zero(name: str, value: Any) -> None:
    if finite_number(name, value) <= 0:
        raise SpecError(f"{name}={value!r} must be above 0")


def _at_least_zero(name: str, value: Any) -> None:
    if finite_number(name, value) < 0:
        raise SpecError(f"{name}={value!r} must be at least 0")


def _share(name: str, value: Any) -> None:
    number = finite_number(name, value)
    if not 0 <= number < 1 or math.isnan(number):
        raise SpecError(f"{name}={value!r} must be a share from 0 to below 1")
