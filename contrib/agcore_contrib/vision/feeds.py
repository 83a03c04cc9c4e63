"""Where a training run gets its batches from: computed features, or pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from agcore_contrib.vision.augment import augmented
from agcore_contrib.vision.features import as_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from agcore_contrib.vision.prepared import PreparedImages

_EVALUATION_BATCH = 64


class Feed(Protocol):
    """Batches for training, and predictions for validation."""

    @property
    def num_rows(self) -> int:
        """Rows of an epoch."""

    def batches(
        self, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """All rows once, in random order: inputs of the model, and classes.

        A last batch of a single row is left out, unless all are: batch normalisation cannot use
        it.
        """

    def validate(self, model: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Probabilities of the validation images, shape (n, k), and their classes."""


class FeatureFeed:
    """Features of a frozen network; mirror images are rows of their own.

    Args:
        images: Which rows are for what.
        features: Shape (n, views, num_features).
        device: Where they are to be.
    """

    def __init__(
        self, images: PreparedImages, features: NDArray[np.float32], device: torch.device
    ) -> None:
        views = features.shape[1]
        rows = images.train_rows
        flat = features[rows].reshape(len(rows) * views, -1)
        self.train_features = torch.from_numpy(flat).to(device)
        self._labels = torch.from_numpy(np.repeat(images.labels[rows], views)).to(device)
        self._valid = torch.from_numpy(features[images.valid_rows]).to(device)
        self._valid_labels = images.labels[images.valid_rows]

    @property
    def num_rows(self) -> int:
        """Rows of an epoch."""
        return len(self._labels)

    def batches(
        self, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """All rows once, in random order."""
        for rows in _shuffled(self.num_rows, batch_size, generator):
            at = rows.to(self._labels.device)
            yield self.train_features[at], self._labels[at]

    def validate(self, model: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Probabilities, the mean over the views of an image."""
        n, views, width = self._valid.shape
        logits = model(self._valid.reshape(n * views, width))
        probabilities = logits.double().softmax(dim=1).reshape(n, views, -1).mean(dim=1)
        return probabilities.cpu().numpy(), self._valid_labels


class ImageFeed:
    """Pixels, changed at random in training.

    Args:
        images: Which rows are for what.
        size: Pixels of each side.
        augment: A kind of `agcore_contrib.vision.augment.augmented`.
        device: Where batches are to be.
    """

    def __init__(
        self, images: PreparedImages, size: int, augment: str, device: torch.device
    ) -> None:
        self._images = images
        self._pixels = images.pixels(size)
        self._augment = augment
        self._device = device

    @property
    def num_rows(self) -> int:
        """Rows of an epoch."""
        return len(self._images.train_rows)

    def batches(
        self, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """All rows once, in random order."""
        for chosen in _shuffled(self.num_rows, batch_size, generator):
            rows = self._images.train_rows[chosen.numpy()]
            pixels = as_tensor(self._pixels[rows], self._device)
            labels = torch.from_numpy(self._images.labels[rows]).to(self._device)
            yield augmented(pixels, self._augment, generator), labels

    def validate(self, model: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Probabilities of the images as they are."""
        rows = self._images.valid_rows
        found = probabilities_of(model, self._pixels, rows, self._device, views=1)
        return found, self._images.labels[rows]


def probabilities_of(
    model: nn.Module,
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    device: torch.device,
    views: int,
) -> NDArray[np.float64]:
    """What a network in evaluation mode says of some images, shape (len(rows), k).

    Args:
        model: Maps pixels to logits.
        pixels: All images, shape (n, size, size, 3).
        rows: Which of them.
        device: Where the model is.
        views: 1, or 2 to take the mean with the mirror images.
    """
    found = []
    for begin in range(0, len(rows), _EVALUATION_BATCH):
        batch = as_tensor(pixels[rows[begin : begin + _EVALUATION_BATCH]], device)
        seen = model(batch).double().softmax(dim=1)
        if views == 2:
            seen = (seen + model(batch.flip(3)).double().softmax(dim=1)) / 2
        found.append(seen.cpu().numpy())
    return np.concatenate(found)


def _shuffled(count: int, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    order = torch.randperm(count, generator=generator)
    for batch in torch.split(order, batch_size):
        if len(batch) > 1 or 1 in (count, batch_size):
            yield batch
