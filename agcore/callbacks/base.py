"""The interface of callbacks, and what they can see of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agcore.history import RunHistory
    from agcore.records import Event


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as a callback sees it.

    Attributes:
        history: All that has happened; grows while the run goes on. Read only.
        slots: Trials at once.
        num_trials: Limit of the run, or None.
        time_out: Limit of the run in seconds, or None.
        reward_attr: Key of the reward in reports.
        time_attr: Key of the resource in reports.
        title: Scheduler and searcher, for people.
        remarks: Sentences for people about how the run was set up.
        is_budget: Whether ``time_out`` is a time budget, at whose end everything has ended.
    """

    history: RunHistory
    slots: int
    num_trials: int | None
    time_out: float | None
    reward_attr: str
    time_attr: str
    title: str
    remarks: tuple[str, ...] = ()
    is_budget: bool = False


class Callback:
    """Watches a run; every method does nothing unless overridden.

    Callbacks are called by the loop, between two events: what they take, trials wait. An
    exception in one ends the run.
    """

    def on_start(self, view: RunView) -> None:
        """``run()`` begins."""

    def on_event(self, event: Event) -> None:
        """Something has happened; the history holds it already."""

    def on_tick(self, now_s: float) -> None:
        """Some time has passed, at most half a second; also called after events.

        In a simulated run only after events, and ``now_s`` is simulated time.
        """

    def on_end(self, reason: str) -> None:
        """``run()`` is over; also called when it ends by an exception."""
