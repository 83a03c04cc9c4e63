"""`ImageDataset`: a table of image files and their classes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from agcore.errors import SpecError
from agcore_contrib.vision.archives import is_archive, is_url, unpacked
from agcore_contrib.vision.images import open_image
from agcore_contrib.vision.splits import stratified_split

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

EXTENSIONS = (".jpg", ".jpeg", ".png")


class ImageDataset(pd.DataFrame):
    """A data frame with the columns ``image`` (absolute path) and ``label`` (number of the class).

    Attributes:
        classes: What the classes are called; number k is ``classes[k]``.
    """

    classes: list[Any]
    _metadata = ["classes"]  # noqa: RUF012  pandas reads it from the class

    def __init__(self, *args: Any, classes: Sequence[Any] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "classes", list(classes))

    @property
    def _constructor(self) -> type[ImageDataset]:
        return ImageDataset

    @classmethod
    def from_files(
        cls, images: Iterable[str | os.PathLike[str]], labels: Iterable[Hashable]
    ) -> ImageDataset:
        """A dataset of paths and the names of their classes, which are sorted."""
        names = list(labels)
        classes = sorted(set(names), key=_sorting_key)
        numbers = {name: number for number, name in enumerate(classes)}
        return cls(
            {
                "image": [str(Path(image).expanduser().absolute()) for image in images],
                "label": [numbers[name] for name in names],
            },
            classes=classes,
        )

    @classmethod
    def from_folders(
        cls,
        root: str | os.PathLike[str],
        train: str = "train",
        val: str = "val",
        test: str = "test",
        exts: Sequence[str] = EXTENSIONS,
    ) -> tuple[ImageDataset, ImageDataset, ImageDataset]:
        """Datasets for training, validation and test: ``root/train/CLASS/*.jpg`` and so on.

        A class has the same number in all three; those that training lacks come last.

        Args:
            root: A folder, an archive, or the URL of an archive.
            train: Name of the folder with training images; it must exist.
            val: The same for validation; without it that dataset is empty.
            test: The same for test.
            exts: Endings of the files that count.

        Raises:
            SpecError: There is no such folder, or no image in it.
            ArchiveError: The archive cannot be fetched or unpacked.
        """
        folder = _folder_with(_folder_of(root), train)
        datasets = []
        for name in (train, val, test):
            path = folder / name
            if name == train or path.is_dir():
                datasets.append(cls.from_folder(path, exts))
            else:
                datasets.append(cls({"image": [], "label": []}, classes=list(datasets[0].classes)))
        for name, found in zip((val, test), datasets[1:], strict=True):
            if list(found.classes) != list(datasets[0].classes):
                logger.warning(
                    "the classes in %s are not those in %s: %s and %s",
                    folder / name,
                    folder / train,
                    found.classes,
                    datasets[0].classes,
                )
        names = datasets[0].classes
        return datasets[0], datasets[1].numbered_as(names), datasets[2].numbered_as(names)

    @classmethod
    def from_folder(
        cls, root: str | os.PathLike[str], exts: Sequence[str] = EXTENSIONS
    ) -> ImageDataset:
        """A dataset of the images in ``root/CLASS/``, however deep; classes are sorted names.

        Args:
            root: A folder, an archive, or the URL of an archive.
            exts: Endings of the files that count.

        Raises:
            SpecError: There is no such folder, it cannot be read, or it holds no image.
            ArchiveError: The archive cannot be fetched or unpacked.
        """
        folder = _folder_of(root)
        endings = tuple(ending.lower() for ending in exts)
        images: list[Path] = []
        labels: list[str] = []
        classes: list[str] = []
        for entry in _entries(folder):
            if not entry.is_dir() or entry.name.startswith((".", "__MACOSX")):
                continue
            classes.append(entry.name)
            for path in _files_below(entry):
                if path.name.lower().endswith(endings) and not path.name.startswith("."):
                    images.append(path)
                    labels.append(entry.name)
        if not images:
            raise SpecError(
                f"{folder} holds no images: it must have one folder for each class, with files "
                f"that end in {', '.join(exts)}"
            )
        empty = sorted(set(classes) - set(labels))
        if empty:
            logger.warning("no images of the classes %s in %s", ", ".join(empty), folder)
        return cls.from_files(images, labels)

    @classmethod
    def from_csv(
        cls, csv: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
    ) -> ImageDataset:
        """A dataset from a table with the columns ``image`` and ``label``.

        Args:
            csv: Path or URL of the table.
            root: Folder that paths are relative to; by default that of the table.

        Raises:
            SpecError: It cannot be read, or lacks a column.
        """
        try:
            table = pd.read_csv(csv)
        except (OSError, ValueError) as error:
            raise SpecError(f"{csv} cannot be read as a table: {error}") from error
        for column in ("image", "label"):
            if column not in table.columns:
                raise SpecError(
                    f"{csv} has no column {column!r}; it has {', '.join(map(str, table.columns))}"
                )
            missing = np.flatnonzero(table[column].isna().to_numpy())
            if len(missing):
                raise SpecError(
                    f"{csv} has {len(missing)} rows without {column!r}, the first is row "
                    f"{missing[0]}; remove them"
                )
        if root is None:
            base = Path.cwd() if is_url(str(csv)) else Path(csv).absolute().parent
        else:
            base = Path(root).expanduser()
        return cls.from_files([base / str(name) for name in table["image"]], table["label"])

    @classmethod
    def from_name_func(
        cls,
        im_list: Iterable[str | os.PathLike[str]],
        fn: Callable[[str], Hashable],
        root: str | os.PathLike[str] | None = None,
    ) -> ImageDataset:
        """A dataset of images whose class a function reads from the name.

        Args:
            im_list: Paths.
            fn: Called with each path, as text; returns the class.
            root: Folder that paths are relative to; by default the working directory.
        """
        base = Path.cwd() if root is None else Path(root).expanduser()
        paths = [base / image for image in im_list]
        return cls.from_files(paths, [fn(str(path)) for path in paths])

    def numbered_as(self, classes: Sequence[Any]) -> ImageDataset:
        """The same images, their classes numbered as elsewhere.

        Args:
            classes: Names by number; this dataset's others come behind them.
        """
        known = [*classes, *(name for name in self.classes if name not in classes)]
        numbers = {name: number for number, name in enumerate(known)}
        labels = [numbers[self.classes[int(label)]] for label in self["label"]]
        return ImageDataset(pd.DataFrame(self).assign(label=labels), classes=known)

    def random_split(
        self, test_size: float = 0.1, val_size: float = 0, random_state: int | None = None
    ) -> tuple[ImageDataset, ...]:
        """Datasets for training, validation (if asked for) and test, each with its share per class.

        Args:
            test_size: Share of the rows for the test.
            val_size: Share for validation; with 0 two datasets are returned.
            random_state: Seed.

        Raises:
            SpecError: A share is not from 0 to 1, or nothing is left to train on.
        """
        if val_size < 0 or test_size < 0 or not 0 < val_size + test_size < 1:
            raise SpecError(
                f"test_size={test_size!r} and val_size={val_size!r} must be shares of the rows "
                "that leave something to train on"
            )
        labels = self["label"].to_numpy()
        rest, test = stratified_split(labels, test_size, random_state)
        parts = [test]
        if val_size:
            inner, val = stratified_split(labels[rest], val_size / (1 - test_size), random_state)
            rest, parts = rest[inner], [rest[val], test]
        return tuple(self._rows(part) for part in [rest, *parts])

    def _rows(self, rows: np.ndarray[Any, Any]) -> ImageDataset:
        chosen = ImageDataset(pd.DataFrame(self).iloc[np.sort(rows)].reset_index(drop=True))
        object.__setattr__(chosen, "classes", list(self.classes))
        return chosen

    def show_images(
        self,
        indices: Sequence[int] | None = None,
        nsample: int = 16,
        ncol: int = 4,
        shuffle: bool = True,
        show: bool = True,
    ) -> Figure:
        """A picture of some images, each with its class.

        Args:
            indices: Which rows; by default ``nsample`` of them.
            nsample: How many.
            ncol: Images in a row.
            shuffle: Whether they are drawn at random, or the first.
            show: Whether to show the picture.

        Raises:
            SpecError: The dataset is empty.
            ImageError: An image cannot be read.
        """
        from agcore_contrib.vision.pictures import image_grid

        if not len(self):
            raise SpecError("the dataset is empty: there are no images to show")
        if indices is None:
            rows = np.arange(len(self))
            if shuffle:
                rows = np.random.default_rng().permutation(rows)
            indices = [int(row) for row in rows[:nsample]]
        labels = [self["label"].iloc[row] for row in indices]
        # pandas forgets the names when it joins tables.
        titles = [str(self.classes[int(k)] if self.classes else k) for k in labels]
        images = [np.asarray(open_image(self["image"].iloc[row])) for row in indices]
        return image_grid(images, titles, columns=ncol, show=show)


def _sorting_key(name: Any) -> tuple[str, Any]:
    """Numbers among numbers, texts among texts."""
    is_number = isinstance(name, (int, float, np.integer, np.floating))
    return ("", name) if is_number else ("text", str(name))


def _folder_of(root: str | os.PathLike[str]) -> Path:
    """The folder that is meant by a folder, an archive or a URL."""
    if is_url(os.fspath(root)):
        return unpacked(root)
    path = Path(root).expanduser()
    if path.is_file() and is_archive(path):
        return unpacked(path)
    if not path.is_dir():
        raise SpecError(f"{path} is neither a folder nor an archive; check the path")
    return path.absolute()


def _folder_with(folder: Path, name: str) -> Path:
    """The folder itself, or the only one below it that has a folder of that name.

    Raises:
        SpecError: There is none.
    """
    if (folder / name).is_dir():
        return folder
    found = sorted({path.parent for path in folder.glob(f"*/{name}") if path.is_dir()})
    if not found:  # archives such as shopee-iet.zip have two levels above it
        found = sorted({path.parent for path in folder.glob(f"*/*/{name}") if path.is_dir()})
    if len(found) != 1:
        raise SpecError(
            f"{folder} has no folder {name!r} with training images; pass train= if it has another "
            "name, or use from_folder if the images are not divided"
        )
    return found[0]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SpecError(f"{folder} cannot be read: {error.strerror}") from error


def _files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links to folders are not followed.

    Raises:
        SpecError: A folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise SpecError(f"{error.filename} cannot be read: {error.strerror}") from error

    found = []
    for place, _, names in os.walk(folder, onerror=refuse):
        found += [Path(place, name) for name in names]
    return sorted(found)
