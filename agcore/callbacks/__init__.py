"""What watches a run while it goes on: progress on the screen, the history callback.

Callbacks are told of every event; they import records and history, never a scheduler.
"""

from agcore.callbacks.base import Callback, RunView
from agcore.callbacks.history_callback import HistoryCallback
from agcore.callbacks.progress import Progress

__all__ = ["Callback", "HistoryCallback", "Progress", "RunView"]
