"""``training_history_callback``: hands the history to a function of the user's now and then."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from agcore.callbacks.base import Callback, RunView
from agcore.errors import SpecError
from agcore.records import Event, Reported

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class HistoryCallback(Callback):
    """Calls ``function(training_history, start_time, config_history=..., state_dict=...)``.

    It is called with the first report of each new block of time, and at the end of the run
    if there was a report since. Keywords the function does not take are left out. If it
    raises, that is logged once and the run goes on.

    Args:
        function: The user's.
        delta_secs: Length of a block in seconds, at least 1.
        state_dict: Gives the scheduler's state; only asked if the function takes it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        delta_secs: int,
        state_dict: Callable[[], dict[str, Any]],
    ) -> None:
        if isinstance(delta_secs, bool) or not isinstance(delta_secs, int) or delta_secs < 1:
            raise SpecError(
                f"training_history_callback_delta_secs={delta_secs!r} must be an integer of at "
                "least 1"
            )
        if not callable(function):
            raise SpecError(f"training_history_callback={function!r} must be a function")
        self._function = function
        self._delta_secs = delta_secs
        self._state_dict = state_dict
        parameters = inspect.signature(function).parameters.values()
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        names = {p.name for p in parameters}
        self._takes = {k for k in ("config_history", "state_dict") if takes_all or k in names}
        self._block = -1
        self._is_behind = False
        self._has_raised = False

    def on_start(self, view: RunView) -> None:
        """Keep the view."""
        self._view = view

    def on_event(self, event: Event) -> None:
        """Call the function if a report opens a new block."""
        if not isinstance(event, Reported):
            return
        self._is_behind = True
        block = int((event.time_s - (self._view.history.start_s or 0.0)) // self._delta_secs)
        if block > self._block:
            self._block = block
            self._call()

    def on_end(self, reason: str) -> None:
        """Call the function once more if it has not seen the last reports."""
        if self._is_behind:
            self._call()

    def _call(self) -> None:
        self._is_behind = False
        history = self._view.history
        keywords: dict[str, Any] = {}
        if "config_history" in self._takes:
            keywords["config_history"] = history.config_history()
        if "state_dict" in self._takes:
            keywords["state_dict"] = self._state_dict()
        try:
            self._function(history.training_history(), history.start_s, **keywords)
        except Exception as error:  # noqa: BLE001 - the user's code; the run matters more
            if not self._has_raised:
                logger.warning("training_history_callback raised %r; the run goes on", error)
            self._has_raised = True
