"""Ctrl-C, handled between two events instead of anywhere."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType


class Interrupts:
    """While in use, the first Ctrl-C sets a flag; the second raises KeyboardInterrupt at once.

    Nothing is changed outside the main thread, or where the program has a handler of its own.

    Args:
        wake: Called by the first Ctrl-C; must be safe in a signal handler.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.seen = False
        self._wake = wake
        self._active = False

    def __enter__(self) -> Interrupts:
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        self._wake()
