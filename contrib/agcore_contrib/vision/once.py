"""Files that several processes need and one of them makes."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from agcore.whole_files import replaced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """``path``, made by this call if no process has made it yet.

    Whoever comes while it is made waits. If the maker dies, the kernel takes its lock back and the
    next one begins anew; nobody ever sees half of a file.

    Args:
        path: The file.
        make: Writes it to the path that it is given.
    """
    if path.exists():
        return path
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with replaced(path) as unfinished:
                make(unfinished)
    return path
