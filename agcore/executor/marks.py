"""Where simulated trials were when they were cut off, so that they can go on there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agcore.executor.virtual_clock import microseconds
from agcore.records import (
    Reported,
    RunResumed,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore.jobs import Config
    from agcore.records import Event


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a trial was when it was last heard of.

    Attributes:
        config: Its config.
        after: Resource of its last report that was answered, or from which it goes on.
        heard_us: When that was.
        left_us: When it was cut off; None while it runs.
    """

    config: Config
    after: int
    heard_us: int
    left_us: int | None = None

    def at(self, now_us: int) -> Mark:
        """The mark of a trial that goes on ``now_us``: no time has passed for it meanwhile."""
        missed_us = 0 if self.left_us is None else now_us - self.left_us
        return Mark(self.config, self.after, self.heard_us + missed_us)


def marks_in(events: Iterable[Event], *, keeps_progress: bool) -> dict[int, Mark]:
    """Where the trials are that were cut off, by the record of their run."""
    configs: dict[int, Config] = {}
    marks: dict[int, Mark] = {}
    now_us = 0
    for event in events:
        if isinstance(event, RunResumed):
            marks = _left(marks, now_us)
        now_us = microseconds(event.time_s)
        if isinstance(event, TrialProposed):
            configs[event.trial_id] = event.config
        elif isinstance(event, TrialStarted):
            mark = marks.get(event.trial_id) if event.again else None
            after = event.resume_from if keeps_progress else 0
            mark = mark or Mark(configs[event.trial_id], after, now_us)
            marks[event.trial_id] = mark.at(now_us)
        elif isinstance(event, Reported):
            marks[event.trial_id] = Mark(configs[event.trial_id], event.resource, now_us)
        elif isinstance(event, TrialEnded) and event.state is TrialState.INTERRUPTED:
            marks[event.trial_id] = replace(marks[event.trial_id], left_us=now_us)
        elif isinstance(event, TrialEnded):
            del marks[event.trial_id]
    return _left(marks, now_us)


def _left(marks: dict[int, Mark], now_us: int) -> dict[int, Mark]:
    """The marks, those of trials that still ran noted as cut off ``now_us``."""
    return {
        trial_id: mark if mark.left_us is not None else replace(mark, left_us=now_us)
        for trial_id, mark in marks.items()
    }
