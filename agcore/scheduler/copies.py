"""Trials that begin as copies of others: their configs, and where their training goes on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from agcore.errors import SpecError
from agcore.scheduler.exploring import changes

if TYPE_CHECKING:
    from agcore.history import Trial
    from agcore.jobs import Config
    from agcore.records import NewTrial
    from agcore.scheduler.parts import Parts

logger = logging.getLogger("agcore")

COPY_ORIGIN = "explore"
"""Origin of a config that was made of another trial's."""


class Copies:
    """Makes copies of trials.

    Args:
        parts: Explorer, checkpoints, policy and executor.
        time_attr: The user's name of the resource, for messages.
    """

    def __init__(self, parts: Parts, time_attr: str) -> None:
        self._parts = parts
        self._time_attr = time_attr
        self._has_warned = False

    @property
    def need_no_files(self) -> bool:
        """Whether the executor has trials go on without any, as a simulated one."""
        return bool(getattr(self._parts.executor, "keeps_progress", False))

    def config(self, parent: Trial, trial_id: int) -> Config:
        """The changed config of a copy.

        Raises:
            SpecError: The scheduler has no `Explorer`, or the user's function has no valid answer.
        """
        explorer = self._parts.explorer
        if explorer is None:
            raise SpecError(
                "the policy wants a copy of a trial, but this scheduler cannot make its config; "
                "pass explorer= to TrialScheduler"
            )
        return explorer.explore(parent.config, trial_id)

    def ready(self, wish: NewTrial, trial: Trial, parent: Trial) -> tuple[NewTrial, str]:
        """Copy the parent's files, if it has any.

        Returns:
            The wish with the resource from which the copy goes on, and the reason of the start.
        """
        begin = self._begin(trial, parent)
        milestone = next((m for m in self._parts.policy.milestones if m > begin), None)
        wish = replace(wish, resume_from=begin, first_milestone=milestone)
        where = f"from {self._time_attr}={begin} on" if begin else "from the beginning"
        reason = f"{wish.reason} {where}, with {changes(parent.config, trial.config)}"
        return wish, reason.lstrip()

    def _begin(self, trial: Trial, parent: Trial) -> int:
        """Resource from which a copy goes on; 0 if it has to begin anew."""
        if self.need_no_files:
            return max(parent.resource, parent.begin)
        why = "has saved no checkpoint"
        try:
            found = self._parts.checkpoints.inherit(trial, parent)
        except OSError as error:
            found, why = None, f"has a checkpoint that cannot be copied ({error})"
        if found is not None:
            return found.resource
        # An executor that plays curves from their beginning has said so itself.
        if not self._has_warned and not hasattr(self._parts.executor, "keeps_progress"):
            logger.warning(
                "trial %d %s, so trial %d, a copy of it, begins anew with the changed config; "
                "have the train function save its state in reporter.checkpoint_dir before it "
                "reports, load it from reporter.latest_checkpoint, and count on from "
                "reporter.resume_from (said once)",
                parent.trial_id,
                why,
                trial.trial_id,
            )
        self._has_warned = True
        return 0
