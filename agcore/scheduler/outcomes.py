"""What a trial becomes when its attempt ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from agcore.errors import TrialFailed
from agcore.jobs import Outcome
from agcore.records import Action, Decision, Reported, TrialState

if TYPE_CHECKING:
    from agcore.budget import BudgetKeeper
    from agcore.history import RunHistory, Trial

_FAILED = {
    Outcome.RAISED: TrialState.FAILED,
    Outcome.OUT_OF_MEMORY: TrialState.OUT_OF_MEMORY,
    Outcome.VANISHED: TrialState.LOST,
}
_ENDED = {Outcome.RETURNED: TrialState.COMPLETED, Outcome.STOPPED: TrialState.STOPPED} | _FAILED


def stop_with_the_run(reason: str) -> Decision:
    """The answer to every report once a run has come to its end."""
    return Decision(Action.STOP, f"the run ends: {reason}")


def by_time(
    budget: BudgetKeeper | None, report: Reported, milestone: int | None, decision: Decision
) -> Decision:
    """The policy's decision, unless the time budget wants the trial to end.

    Args:
        budget: None if the run has none.
        report: The last event so far.
        milestone: Resource of the trial's next decision before this one.
        decision: The policy's.
    """
    if budget is None:
        return decision
    following = decision.next_milestone or milestone
    return budget.verdict(report.trial_id, report.resource, following, decision)


def state_after(decision: Decision, report: Reported) -> TrialState:
    """The state that a decision other than to continue leads to."""
    if math.isnan(report.reward):
        return TrialState.DIVERGED
    if decision.action is Action.PAUSE:
        return TrialState.PAUSED
    return TrialState.COMPLETED if decision.completed else TrialState.STOPPED


def hopeless(history: RunHistory, failed: Trial) -> TrialFailed:
    """The error that ends a run in which too many trials failed, ``failed`` the last of them."""
    return TrialFailed(
        f"{history.num_failures} of {history.num_tried} trials failed; the last, trial "
        f"{failed.trial_id}: {failed.error}\n{failed.traceback_text}".rstrip()
        + "\nPass max_failures=None to go on regardless.",
        failed.trial_id,
        failed.traceback_text,
    )


def goes_on_later(trial: Trial, state: TrialState, max_retries: int) -> bool:
    """Whether a trial whose attempt has ended will have another one, if the run goes on.

    Such an end is nobody's business but the history's: for policy and searcher the trial runs.

    Args:
        trial: The trial, its losses so far counted.
        state: What it has become.
        max_retries: How often a trial whose process vanished is started again.
    """
    if state is TrialState.LOST:
        return trial.losses <= max_retries
    return state is TrialState.INTERRUPTED


def state_at_exit(planned: TrialState | None, outcome: Outcome) -> TrialState:
    """The state of a trial whose attempt has ended.

    A trial that was told to end is in the state it was told for, even if it raised on its
    way out; but one that is to be resumed must have left in good order.

    Args:
        planned: What it was told to become, or None.
        outcome: How the attempt ended.
    """
    if planned is None or (planned is TrialState.PAUSED and outcome in _FAILED):
        return _ENDED[outcome]
    return planned
