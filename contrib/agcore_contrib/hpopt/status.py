"""What a trial, or a whole search, is doing."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from agcore.records import TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(enum.IntEnum):
    """The answer to a report, what a trial's file says, and what a folder holds."""

    UNKNOWN = -1
    READY = 0
    RUNNING = 1
    STOP = 2
    CUDAOOM = 3
    NORESULT = 4
    PARTIALRESULT = 5
    COMPLETERESULT = 6


_OF_STATES: Mapping[TrialState, Status] = {
    TrialState.RUNNING: Status.RUNNING,
    TrialState.INTERRUPTED: Status.READY,
    TrialState.LOST: Status.READY,
    TrialState.OUT_OF_MEMORY: Status.CUDAOOM,
    TrialState.FAILED: Status.UNKNOWN,
}


def status_of(state: TrialState) -> Status:
    """How hpopt calls the state of a trial; one that is paused at a rung is stopped as well."""
    return _OF_STATES.get(state, Status.STOP)
