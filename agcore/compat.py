"""What differs between platforms and library versions, in one place."""

from __future__ import annotations

import sys

from agcore.errors import SpecError


def require_posix(purpose: str) -> None:
    """Refuse to go on where there are no POSIX processes.

    Raises:
        SpecError: This is Windows; the message points to WSL.
    """
    if sys.platform == "win32":
        raise SpecError(
            f"{purpose} needs Linux or macOS; on Windows, run it inside WSL "
            "(https://learn.microsoft.com/windows/wsl)"
        )
