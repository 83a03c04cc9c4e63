"""Ctrl-C, held back while something must not be left half done."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType


class HeldBackInterrupts:
    """While in use, SIGINT only sets a flag; its handler is called at the end.

    Outside the main thread, where no handler ever runs, nothing is changed.

    Args:
        wake: Called by each Ctrl-C; must be safe in a signal handler.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.seen = False
        self._wake = wake
        self._is_active = False

    def __enter__(self) -> HeldBackInterrupts:
        self._handler = signal.getsignal(signal.SIGINT)
        if callable(self._handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._note)
            self._is_active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_active:
            signal.signal(signal.SIGINT, self._handler)
            if self.seen:
                signal.raise_signal(signal.SIGINT)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        self._wake()
