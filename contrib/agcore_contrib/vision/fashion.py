"""Small pictures of clothes that come with the package."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from agcore_contrib.vision.archives import unpacked
from agcore_contrib.vision.dataset import ImageDataset

if TYPE_CHECKING:
    from pathlib import Path


def load_fashion4(folder: Path | None = None) -> tuple[ImageDataset, ImageDataset]:
    """800 images to train on and 200 to test: shirts, sneakers, trousers and T-shirts.

    Grey, 28 x 28 pixels; the archive is unpacked at the first call.

    Args:
        folder: Where to; by default agcore's folder in the user's cache.

    Source: four classes of Fashion-MNIST, Zalando SE (2017), licensed MIT.
    """
    archive = resources.files("agcore_contrib.vision").joinpath("data/fashion4_tiny.tar.xz")
    with resources.as_file(archive) as path:
        train, _, test = ImageDataset.from_folders(unpacked(path, folder))
    return train, test
