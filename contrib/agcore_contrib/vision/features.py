"""What a frozen network makes of images: computed once, not once a trial."""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from agcore_contrib.vision.networks.efficientnet import folded
from agcore_contrib.vision.once import made_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from agcore_contrib.vision.networks.backbone import Backbone
    from agcore_contrib.vision.prepared import PreparedImages

logger = logging.getLogger(__name__)

_BATCH = 32
_LOG_EVERY_S = 10.0


def frozen_features(
    images: PreparedImages, network: str, size: int, views: int, make: Callable[[], Backbone]
) -> NDArray[np.float32]:
    """Features of all images, shape (n, views, num_features).

    The first process that asks computes them; those that ask meanwhile wait for it.

    Args:
        images: Whose features.
        network: Name of the network; it and the next two are the key.
        size: Pixels of each side.
        views: 1, or 2 with the mirror images.
        make: Makes the network, if it is needed.
    """
    path = images.folder / f"features-{network}-{size}-{views}.npy"
    made_once(path, functools.partial(_write, images.pixels, size, views, make))
    return _loaded(path)


def _write(
    pixels: Callable[[int], NDArray[np.uint8]],
    size: int,
    views: int,
    make: Callable[[], Backbone],
    path: Path,
) -> None:
    features = compute_features(make(), pixels(size), views)
    with path.open("wb") as file:
        np.save(file, features)


@functools.lru_cache(maxsize=2)
def _loaded(path: Path) -> NDArray[np.float32]:
    loaded: NDArray[np.float32] = np.load(path)
    return loaded


def compute_features(
    backbone: Backbone, pixels: NDArray[np.uint8], views: int
) -> NDArray[np.float32]:
    """What a network makes of images, with batch normalisation as it was trained.

    Args:
        backbone: The network.
        pixels: Shape (n, size, size, 3).
        views: 1, or 2 with the mirror images.

    Returns:
        Shape (n, views, num_features).
    """
    device = default_device()
    network = folded(backbone).to(device).eval()
    result = np.empty((len(pixels), views, backbone.num_features), dtype=np.float32)
    began = logged = time.monotonic()
    with torch.inference_mode():
        for begin in range(0, len(pixels), _BATCH):
            batch = as_tensor(pixels[begin : begin + _BATCH], device)
            for view in range(views):
                seen = batch.flip(3) if view else batch
                result[begin : begin + _BATCH, view] = network(seen).cpu().numpy()
            if time.monotonic() - logged > _LOG_EVERY_S:
                logged = time.monotonic()
                logger.info("features of %d of %d images", begin + len(batch), len(pixels))
    logger.info("features of %d images in %.1f s", len(pixels), time.monotonic() - began)
    return result


def as_tensor(pixels: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """Pixels of shape (n, size, size, 3) as bytes of shape (n, 3, size, size), channels last."""
    return torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2)


def default_device() -> torch.device:
    """The GPU that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
