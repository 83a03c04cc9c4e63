"""Resuming is replaying: the recorded events put policy and searcher where they were.

Nothing of either is saved. The whole record is folded (`agcore.scheduler.fold`); then what was
going on at its end is brought to its end, or starts again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore.scheduler.fold import Fold
from agcore.scheduler.starts import CUT_OFF, Launch, start_again

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore.records import Event
    from agcore.scheduler.parts import LiveTrial, Parts
    from agcore.scheduler.settings import RunSettings


class Replay:
    """Feeds recorded events to the parts of a new scheduler.

    Args:
        parts: Fresh ones, made with the arguments of the recorded run.
        settings: How the run goes on.

    After `apply_all`, ``launches`` holds the trials that ran when the record ends, ready to be
    started again, and ``missing`` the events that the record should have ended with.
    """

    def __init__(self, parts: Parts, settings: RunSettings) -> None:
        self._fold = Fold(parts, settings)
        self.launches: list[Launch] = []
        self.missing: list[Event] = []

    def apply_all(self, events: Iterable[Event]) -> None:
        """Apply the whole record.

        Raises:
            JournalError: An event does not follow from those before it.
        """
        fold = self._fold
        for event in events:
            fold.apply(event)
        for live in list(fold.live.values()):
            self._finish(live)
        self.launches += [fold.first_start(trial) for trial in fold.unstarted.values()]

    def _finish(self, live: LiveTrial) -> None:
        """Bring to its end a trial whose end was decided; start any other again."""
        trial = live.trial
        self.missing += self._fold.carry_out(trial)
        if trial.trial_id in self._fold.live:
            self.launches.append(start_again(trial, live.resume_from, live.milestone, CUT_OFF))
