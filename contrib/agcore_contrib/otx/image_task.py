"""What trains the model if nobody says so: the networks for images in one folder for each class.

The package that has them is known by name only: it needs an extra of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

IMAGE_TASK = "agcore_contrib.vision.workspace_task:train"

_NETWORKS = "agcore_contrib.vision.networks.names"
_NEEDED = ("torch", "PIL")
_IMAGES = (".jpeg", ".jpg", ".png")
_LEAST_CLASSES = 2


def has_class_folders(root: Path) -> bool:
    """Whether two or more folders in it hold images."""
    try:
        found = [entry.name for entry in root.iterdir() if entry.is_dir() and _has_image(entry)]
    except OSError:
        return False  # whoever reads the data says what is wrong with it
    return len(found) >= _LEAST_CLASSES


def can_train_images() -> bool:
    """Whether the libraries of the extra ``vision`` are installed."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDED)


def is_network(name: str) -> bool:
    """Whether a network for images has that name; that another takes its place is logged."""
    networks: Any = importlib.import_module(_NETWORKS)
    try:
        networks.resolve(name)
    except SpecError:
        return False
    return True


def _has_image(folder: Path) -> bool:
    entries: Iterable[Path] = () if folder.name.startswith(".") else folder.iterdir()
    return any(entry.suffix.lower() in _IMAGES for entry in entries)
