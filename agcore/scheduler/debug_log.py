"""``debug_log=True``: decisions on the screen without setting up logging."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def decisions_shown(wanted: bool) -> Iterator[None]:
    """While in use, INFO records of ``agcore`` are shown, by an added handler if need be.

    Where the program shows them already, nothing is changed.
    """
    logger = logging.getLogger("agcore")
    if not wanted:
        yield
        return
    level = logger.level
    handler = None if _is_shown(logger) else logging.StreamHandler()
    if handler is not None:
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def _is_shown(logger: logging.Logger) -> bool:
    """Whether some handler would show an INFO record of this logger."""
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= logging.INFO for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False
