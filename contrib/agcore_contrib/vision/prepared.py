"""The images of one ``fit``, decoded once for all of its trials.

A folder holds them: ``index.json`` (files, classes, which rows are for training and which for
validation), ``pixels-64.npy`` for images of 64 x 64 pixels, and what networks make of them
(`agcore_contrib.vision.features`). Trials get its path.
"""

from __future__ import annotations

import functools
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.errors import SpecError
from agcore.whole_files import replaced
from agcore_contrib.vision.errors import ImageError
from agcore_contrib.vision.images import square_pixels
from agcore_contrib.vision.once import made_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_INDEX = "index.json"
_NAMED_FAILURES = 3
_SPARE_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class ReadImages:
    """What was decoded.

    Attributes:
        rows: Numbers of the images that could be read, ascending.
        failures: Why others could not, by number.
    """

    rows: NDArray[np.int64]
    failures: dict[int, str]


def read_images(images: Sequence[str], folder: Path, size: int) -> ReadImages:
    """Decode images into ``pixels-SIZE.npy``, leaving out those that cannot be read.

    Args:
        images: Paths.
        folder: Where the file goes.
        size: Pixels of each side.

    Raises:
        SpecError: No image can be read, or the disk has no room for them.
    """
    path = _pixels_path(folder, size)
    rows: list[int] = []
    failures: dict[int, str] = {}
    pixels = _new_array(path, len(images), size)
    for number, image in enumerate(images):
        try:
            pixels[len(rows)] = square_pixels(image, size)
            rows.append(number)
        except ImageError as error:
            failures[number] = str(error)
    pixels.flush()
    if failures:
        _tell(failures, len(images))
        if not rows:
            raise SpecError(
                f"none of the {len(images)} images can be read: {next(iter(failures.values()))}"
            )
        with replaced(path) as unfinished:
            np.save(unfinished, pixels[: len(rows)])
    return ReadImages(np.asarray(rows, dtype=np.int64), failures)


def _tell(failures: dict[int, str], total: int) -> None:
    named = "; ".join(list(failures.values())[:_NAMED_FAILURES])
    more = "; ..." if len(failures) > _NAMED_FAILURES else ""
    logger.warning("%d of %d images are left out: %s%s", len(failures), total, named, more)


def _new_array(path: Path, count: int, size: int) -> np.memmap[Any, np.dtype[np.uint8]]:
    needed = count * size * size * 3
    free = shutil.disk_usage(path.parent).free
    if needed + _SPARE_BYTES > free:
        raise SpecError(
            f"{count} images of {size} x {size} pixels take {needed >> 20} MB in {path.parent}, "
            f"which has {free >> 20} MB left; pass path= on a larger disk, or a smaller input_size"
        )
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))


def _pixels_path(folder: Path, size: int) -> Path:
    return folder / f"pixels-{size}.npy"


@dataclass(frozen=True)
class PreparedImages:
    """The images of a ``fit``; rows are numbered over training and validation.

    Attributes:
        folder: Where the files are.
        images: Paths, by row.
        labels: Number of the class, by row; shape (n,).
        train_rows: Rows to train on.
        valid_rows: Rows to validate on.
        num_classes: How many classes there are.
    """

    folder: Path
    images: tuple[str, ...]
    labels: NDArray[np.int64]
    train_rows: NDArray[np.int64]
    valid_rows: NDArray[np.int64]
    num_classes: int

    def write(self) -> None:
        """Write the index; the pixels are there already."""
        index = {
            "images": self.images,
            "labels": self.labels.tolist(),
            "train_rows": self.train_rows.tolist(),
            "valid_rows": self.valid_rows.tolist(),
            "num_classes": self.num_classes,
        }
        (self.folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")

    def pixels(self, size: int) -> NDArray[np.uint8]:
        """All images, shape (n, size, size, 3); decoded now if nobody has needed that size yet."""
        path = made_once(_pixels_path(self.folder, size), functools.partial(self._decode, size))
        loaded: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        return loaded

    def _decode(self, size: int, path: Path) -> None:
        pixels = _new_array(path, len(self.images), size)
        for row, image in enumerate(self.images):
            pixels[row] = square_pixels(image, size)
        pixels.flush()


@functools.lru_cache(maxsize=2)
def prepared_images(folder: str) -> PreparedImages:
    """What `PreparedImages.write` wrote; read once in a process."""
    index: dict[str, Any] = json.loads((Path(folder) / _INDEX).read_text(encoding="utf-8"))
    return PreparedImages(
        Path(folder),
        tuple(index["images"]),
        np.asarray(index["labels"], dtype=np.int64),
        np.asarray(index["train_rows"], dtype=np.int64),
        np.asarray(index["valid_rows"], dtype=np.int64),
        index["num_classes"],
    )
