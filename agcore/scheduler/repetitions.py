"""Reports that come again: the record is kept, and a difference is said once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agcore.records import Action, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.history import Trial
    from agcore.scheduler.rewards import RewardReader

logger = logging.getLogger("agcore")

KNOWN_ALREADY = Decision(Action.CONTINUE, "this report is recorded already")
"""The answer to the report of a trial that was started again and is not yet where it was."""


class Repetitions:
    """Compares repeated reports with the recorded ones.

    Args:
        rewards: Reads reports.
        time_attr: The user's name of the resource, for messages.
    """

    def __init__(self, rewards: RewardReader, time_attr: str) -> None:
        self._rewards = rewards
        self._time_attr = time_attr
        self._has_warned = False

    def compare(self, trial: Trial, resource: int, metrics: Mapping[str, Any]) -> None:
        """Say so, once, if a repeated report differs from the recorded one."""
        if self._has_warned:
            return
        known = next((r for r in trial.reports if r.resource == resource), None)
        found = None if known is None else self._rewards.difference(known, metrics)
        if found is not None:
            self._has_warned = True
            logger.warning(
                "trial %d was started again and reports %s=%g at %s=%d, but %g is recorded; the "
                "record is kept (said once)",
                trial.trial_id,
                found.name,
                found.repeated,
                self._time_attr,
                resource,
                found.recorded,
            )
