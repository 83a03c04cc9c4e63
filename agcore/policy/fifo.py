"""First in, first out: every trial runs to its end."""

from __future__ import annotations

from math import isfinite

from agcore.policy.base import CONTINUE, PolicyJob, diverged
from agcore.records import Decision, NewTrial, TrialState

_NEW_TRIAL = NewTrial()


class FIFOPolicy:
    """Starts new trials for ever and stops none but those that diverge.

    Resources are not checked: a train function need not report any.

    Args:
        time_attr: The user's name of the resource, for messages.
    """

    max_resource: int | None = None
    milestones: tuple[int, ...] = ()

    def __init__(self, *, time_attr: str = "epoch") -> None:
        self._time_attr = time_attr

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A new trial whenever one is allowed."""
        return _NEW_TRIAL if allow_new else None

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Nothing to note."""

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """Continue, or stop if the reward is not finite."""
        return CONTINUE if isfinite(reward) else diverged(trial_id, resource, self._time_attr)

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Nothing to note."""
