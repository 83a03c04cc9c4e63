"""What goes wrong with images, and with the libraries that read and train on them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from agcore.errors import AgcoreError, MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType


class ImageError(AgcoreError):
    """A file is no image that can be used; the message names it and says why."""


class ArchiveError(AgcoreError):
    """An archive cannot be fetched or unpacked; the message says which and why."""


def needs_vision(module: str, purpose: str) -> ModuleType:
    """The module of a library that the extra ``vision`` brings.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(purpose, "vision") from error
