"""How a session begins: the first event of a run, or that it goes on."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

from agcore.records import RunResumed, RunStarted
from agcore.scheduler.descriptions import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.history import RunHistory
    from agcore.scheduler.settings import Limits
    from agcore.space import SearchSpace


def opening(
    history: RunHistory,
    now_s: float,
    *,
    seed: int,
    settings: Mapping[str, Any],
    space: SearchSpace,
    limits: Limits,
) -> RunStarted | RunResumed:
    """The event with which this process takes up a run.

    Args:
        history: The run so far.
        now_s: Seconds since 1970.
        seed: Of the experiment.
        settings: As the event is to have them.
        space: What is searched.
        limits: Of this session.
    """
    pid, host = os.getpid(), platform.node()
    if history.start_s is not None:
        return RunResumed(now_s, limits.num_trials, limits.time_out, pid, host)
    return RunStarted(now_s, seed, settings, space.describe(), versions(), pid=pid, host=host)
