"""The share of a dataset on which trials are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEED = 42
"""The same for all trials: their scores are compared."""


def createHpoDataset(dataset: Any, config: Mapping[str, Any]) -> Any:  # noqa: N802  # hpopt's name
    """The part of a dataset that a trial is to be trained on.

    It holds ``int(len(dataset) * subset_ratio)`` samples, drawn once: all trials get the same, in
    the order of the dataset. A ratio of at least 1, or at most 0, is the whole dataset. Images are
    resized to ``resize_width`` x ``resize_height`` if both are above 0.

    Args:
        dataset: Anything with a length whose samples are found by their number, as a dataset of
            torch. Its other attributes stay readable.
        config: What `HpOpt.get_next_sample` returned.

    Raises:
        SpecError: The dataset has no length, or no numbered samples.
    """
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise SpecError(
            f"dataset={type(dataset).__name__} must have __len__ and __getitem__, as a list has"
        )
    size, ratio = len(dataset), config["subset_ratio"]
    indices = np.arange(size)
    if 0 < ratio < 1:
        chosen = np.random.default_rng(_SEED).permutation(size)[: int(size * ratio)]
        indices = np.sort(chosen)
    width, height = config.get("resize_width", 0), config.get("resize_height", 0)
    return HpoDataset(dataset, indices.tolist(), (width, height))


class HpoDataset:
    """A view of some samples of a dataset.

    Args:
        dataset: All samples.
        indices: Numbers of those that it shows.
        image_size: Width and height of resized images; no resizing unless both are above 0.
    """

    def __init__(self, dataset: Any, indices: list[int], image_size: tuple[int, int]) -> None:
        self._dataset = dataset
        self.indices = indices
        self._image_size = image_size if min(image_size) > 0 else None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        sample = self._dataset[self.indices[index]]
        if self._image_size is None:
            return sample
        if isinstance(sample, (tuple, list)) and sample:
            return type(sample)([_resized(sample[0], self._image_size), *sample[1:]])
        return _resized(sample, self._image_size)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_dataset":  # else a copy would ask itself for ever
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._dataset, name)


def _resized(image: Any, size: tuple[int, int]) -> Any:
    """An image of Pillow, or an array (height, width, ...) by its nearest pixels.

    Raises:
        SpecError: It is neither.
    """
    width, height = size
    if isinstance(image, np.ndarray) and image.ndim >= 2:
        rows = np.arange(height) * image.shape[0] // height
        columns = np.arange(width) * image.shape[1] // width
        return image[rows[:, np.newaxis], columns]
    if hasattr(image, "thumbnail") and hasattr(image, "resize"):
        return image.resize(size)
    raise SpecError(
        f"image_resize is set, but a sample begins with a {type(image).__name__}; it must be an "
        "image of Pillow or an array; leave image_resize out and resize in your own transform"
    )
