"""`TaskDataset`: folders of images by the arguments that `ImageClassification` takes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pandas as pd

from agcore.errors import SpecError
from agcore_contrib.vision.dataset import ImageDataset
from agcore_contrib.vision.fashion import load_fashion4

if TYPE_CHECKING:
    import os
    from typing import Union

    Source = Union[str, os.PathLike[str]]

SHIPPED = "fashion4"
"""The name of the images that come with the package."""


class TaskDataset:
    """Images to train on, to test on, or both; they are looked for when they are first needed.

    Args:
        name: What it is called; ``'fashion4'`` without a path stands for the images that come with
            the package.
        train_path: Folder with one folder of images for each class, or an archive or URL of one.
            A tenth of it is held out to validate on.
        test_path: The same to test on.

    Raises:
        SpecError: Neither path is given, and the name is of no images that are there.
    """

    def __init__(
        self,
        name: str | None = None,
        train_path: Source | None = None,
        test_path: Source | None = None,
    ) -> None:
        if train_path is None and test_path is None and name != SHIPPED:
            raise SpecError(
                f"name={name!r} comes with no images; pass train_path=, test_path= or both "
                f"(without a path there is only {SHIPPED!r})"
            )
        self.name = name
        self._paths = {"train": train_path, "test": test_path}

    def init(self) -> TaskDataset:
        """The dataset itself, once its folders have been looked through.

        Raises:
            SpecError: There is no such folder, or no image in it.
        """
        _ = self._loaded
        return self

    @property
    def synsets(self) -> list[str]:
        """The names of the classes, sorted; number k of a prediction is ``synsets[k]``."""
        first = next(iter(self._loaded.values()))
        return [str(name) for name in first.classes]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.synsets)

    @property
    def train(self) -> pd.DataFrame:
        """Images to train on: path in ``image``, name of the class in ``label``.

        Raises:
            SpecError: There are none.
        """
        return self._table("train")

    @property
    def test(self) -> pd.DataFrame:
        """Images to test on, as `train`; without a test path those are meant.

        Raises:
            SpecError: Folder or images are not there.
        """
        return self._table("test" if "test" in self._loaded else "train")

    def _table(self, part: str) -> pd.DataFrame:
        found = self._loaded.get(part)
        if found is None:
            raise SpecError(
                f"the dataset {self.name!r} has no images to {part} on; pass {part}_path="
            )
        names = [str(found.classes[number]) for number in found["label"]]
        table: pd.DataFrame = pd.DataFrame({"image": found["image"].to_numpy(), "label": names})
        return table

    @functools.cached_property
    def _loaded(self) -> dict[str, ImageDataset]:
        given = {part: path for part, path in self._paths.items() if path is not None}
        if not given:
            train, test = load_fashion4()
            return {"train": train, "test": test}
        return {part: ImageDataset.from_folder(path) for part, path in given.items()}

    def __repr__(self) -> str:
        given = {"name": self.name, **{f"{part}_path": path for part, path in self._paths.items()}}
        shown = ", ".join(f"{key}={value!r}" for key, value in given.items() if value is not None)
        return f"Dataset({shown})"
