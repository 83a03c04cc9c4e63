"""Files that are written in one piece: who reads one sees all of the old or all of the new."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NUMBERS = itertools.count()


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file to be written in the place of ``path``, which it takes at the end.

    It lies beside ``path`` and ends as that does, and every call has its own: processes and
    threads may write the same file at once, and the last of them wins. If the block raises,
    ``path`` stays as it was and the file is deleted.

    Args:
        path: What is to be replaced; it need not exist, its folder must.

    Raises:
        OSError: The file cannot take its place.
    """
    unfinished = path.with_name(f".{os.getpid()}-{next(_NUMBERS)}-{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
