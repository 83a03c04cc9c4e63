"""The train function of a trial: settings and the path of prepared images in, reports out."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from agcore.errors import SpecError
from agcore_contrib.vision.early_stopping import EarlyStopping
from agcore_contrib.vision.features import default_device, frozen_features
from agcore_contrib.vision.feeds import FeatureFeed, ImageFeed
from agcore_contrib.vision.memory import fitting_batch_size
from agcore_contrib.vision.networks.backbone import Classifier, CustomNetwork, Head
from agcore_contrib.vision.networks.making import make_backbone, make_classifier
from agcore_contrib.vision.networks.names import BUNDLED, facts_of, resolve
from agcore_contrib.vision.prepared import prepared_images
from agcore_contrib.vision.settings import NETWORK_FILE, TrainSettings
from agcore_contrib.vision.trained import TrainedNetwork, pickled_net
from agcore_contrib.vision.training import TrainingRun

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from agcore_contrib.vision.feeds import Feed
    from agcore_contrib.vision.networks.backbone import Backbone
    from agcore_contrib.vision.networks.names import NetworkFacts
    from agcore_contrib.vision.prepared import PreparedImages

_TRAINING = "training.pt"
_CUSTOM_BYTES_PER_PIXEL = 4000


@dataclass(frozen=True, slots=True)
class _Setup:
    """A model, what it is fed with, and how it is described in a checkpoint."""

    model: nn.Module
    feed: Feed
    network: str
    views: int
    bytes_per_pixel: int
    prefix: str = ""
    backbone: nn.Module | None = None


def train_images(args: Any, reporter: Any) -> None:
    """Train one config; undecorated.

    ``args`` holds `TrainSettings` by name, and ``data``, the folder of
    `agcore_contrib.vision.prepared`. A report holds ``epoch``, ``valid_score`` (the accuracy, ties
    broken by the loss), ``valid_acc``, ``valid_loss``, ``train_acc``, ``train_loss`` and
    ``epoch_s``. Its checkpoint has the network and what training needs to go on.
    """
    train_network(TrainSettings.of(args), prepared_images(args.data), reporter)


def train_network(
    settings: TrainSettings,
    images: PreparedImages,
    reporter: Any,
    *,
    start_from: Path | None = None,
    batch_size_is_fixed: bool = False,
) -> None:
    """Train one config, epoch by epoch, from the reporter's last checkpoint on if it has one.

    Args:
        settings: How.
        images: On what.
        reporter: Called after each epoch; has ``checkpoint_dir`` and ``latest_checkpoint``.
        start_from: Folder of a checkpoint whose weights a new training begins with, or None.
        batch_size_is_fixed: Whether a batch that memory does not hold is an error, not made
            smaller.

    Raises:
        MemoryError: It is, and memory does not.
        SpecError: The network of ``start_from`` is another one.
    """
    device = default_device()
    torch.set_num_threads(_threads())  # those of this trial; an earlier one may have had fewer
    setup = _setup(settings, images, device)
    batch_size = settings.batch_size
    if isinstance(setup.feed, FeatureFeed):
        # A step is too little work to be divided: threads would wait for one another, on a busy
        # machine for most of the time.
        torch.set_num_threads(1)
    else:
        size = settings.input_size
        batch_size = fitting_batch_size(batch_size, size, setup.bytes_per_pixel, device)
        if batch_size_is_fixed and batch_size < settings.batch_size:
            raise MemoryError(f"memory holds batch_size={batch_size}, not {settings.batch_size}")
    seed = torch.initial_seed()
    run = TrainingRun(setup.model.to(device), setup.feed, settings, batch_size, device, seed)
    stopping = _early_stopping(settings)
    if reporter.latest_checkpoint is not None:
        _go_on(run, stopping, setup, reporter.latest_checkpoint)
    elif start_from is not None:
        _load_weights(setup, start_from)
    while run.epoch < settings.epochs:
        began = time.monotonic()
        trained = run.train_epoch()
        valid = run.validate()
        accuracy = valid.accuracy if math.isfinite(trained.loss) else math.nan
        is_over = stopping.is_over(accuracy)
        _save(run, stopping, setup, settings, images, reporter.checkpoint_dir)
        reporter(
            epoch=run.epoch,
            valid_score=valid.ranked if math.isfinite(accuracy) else math.nan,
            valid_acc=accuracy,
            valid_loss=valid.log_loss,
            train_acc=trained.accuracy,
            train_loss=trained.loss,
            epoch_s=time.monotonic() - began,
        )
        if is_over:
            return


@functools.lru_cache(maxsize=1)
def _threads() -> int:
    """What torch found when it was imported: the CPUs that trials of this process are given."""
    return torch.get_num_threads()


def _setup(settings: TrainSettings, images: PreparedImages, device: torch.device) -> _Setup:
    """What is trained: the head on frozen features where there are weights, else all."""
    size, classes = settings.input_size, images.num_classes
    if settings.net is not None:
        feed = ImageFeed(images, size, settings.augment, device)
        network = CustomNetwork(settings.net(classes))
        return _Setup(network, feed, "custom", 1, _CUSTOM_BYTES_PER_PIXEL)
    name = resolve(settings.model)
    facts = facts_of(name)
    if settings.pretrained and facts.has_weights and not settings.fine_tune:
        # Only its package can say of a network of timm whether there are weights.
        backbone = None if name in BUNDLED else make_backbone(name)
        if backbone is None or backbone.is_pretrained:
            return _frozen_setup(settings, images, device, facts, backbone)
    feed = ImageFeed(images, size, settings.augment, device)
    whole: Classifier = make_classifier(
        name, classes, pretrained=settings.pretrained, dropout=settings.dropout
    )
    return _Setup(whole, feed, name, 1, facts.bytes_per_pixel)


def _frozen_setup(
    settings: TrainSettings,
    images: PreparedImages,
    device: torch.device,
    facts: NetworkFacts,
    backbone: Backbone | None,
) -> _Setup:
    """A head on the features of a network that stays as it is."""
    views = 1 if settings.augment == "none" else 2
    make = functools.partial(make_backbone, facts.name) if backbone is None else lambda: backbone
    features = frozen_features(images, facts.name, settings.input_size, views, make)
    feed = FeatureFeed(images, features, device)
    head = Head(features.shape[2], images.num_classes, settings.dropout).to(device)
    head.standardise(feed.train_features)
    return _Setup(head, feed, facts.name, views, facts.bytes_per_pixel, "head.", backbone)


def _early_stopping(settings: TrainSettings) -> EarlyStopping:
    return EarlyStopping(
        settings.early_stop_patience,
        settings.early_stop_min_delta,
        settings.early_stop_baseline,
        settings.early_stop_max_value,
    )


def _go_on(run: TrainingRun, stopping: EarlyStopping, setup: _Setup, checkpoint: Path) -> None:
    """Load the last checkpoint of the trial, or of the one that it is a copy of."""
    _load_weights(setup, checkpoint)
    more = run.load(checkpoint / _TRAINING)
    stopping.best = more["best"]
    stopping.epochs_without_gain = more["epochs_without_gain"]


def _load_weights(setup: _Setup, checkpoint: Path) -> None:
    """Put the weights of a checkpoint into the model.

    Raises:
        SpecError: They are of another network.
    """
    state = TrainedNetwork.load(checkpoint / NETWORK_FILE).state
    if setup.backbone is not None:
        state = {
            name.removeprefix(setup.prefix): value
            for name, value in state.items()
            if name.startswith(setup.prefix)
        }
    try:
        setup.model.load_state_dict(state)
    except RuntimeError as error:
        raise SpecError(
            f"the weights in {checkpoint} are of another network, or of another number of "
            f"classes; leave them out ({error})"
        ) from error


def _save(
    run: TrainingRun,
    stopping: EarlyStopping,
    setup: _Setup,
    settings: TrainSettings,
    images: PreparedImages,
    folder: Path,
) -> None:
    state = setup.model.state_dict()
    if setup.backbone is not None:  # its weights came from a server: they are kept
        own = setup.backbone.state_dict().items()
        state = {
            **{f"backbone.{name}": value for name, value in own},
            **{f"{setup.prefix}{name}": value for name, value in state.items()},
        }
    TrainedNetwork(
        setup.network,
        images.num_classes,
        settings.input_size,
        setup.views,
        dict(state),
        pickled_net(settings.net),
    ).save(folder / NETWORK_FILE)
    run.save(
        folder / _TRAINING,
        best=stopping.best,
        epochs_without_gain=stopping.epochs_without_gain,
    )
