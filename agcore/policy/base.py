"""The protocol all policies follow, and what they share.

A scheduler's loop speaks to a policy in this order::

    job = policy.next_job(now_s)            a free slot; ask as often as you like
    policy.on_start(trial_id, job)          the job was really started
    policy.on_report(trial_id, epoch, ...)  one decision per report
    policy.on_exit(trial_id, state)         the attempt has ended, its process is gone

A policy holds no clock, file or thread: fed the same calls it gives the same answers, which is
how an interrupted run is resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Union, runtime_checkable

from agcore.errors import ReportError
from agcore.records import Action, Decision, NewTrial, ResumeTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable

PolicyJob = Union[NewTrial, ResumeTrial]

CONTINUE = Decision(Action.CONTINUE, "no decision falls at this report")
"""The shared answer to a report between two milestones: nothing is allocated for it."""


class Policy(Protocol):
    """Starts, stops, pauses and promotes trials by what they report."""

    @property
    def max_resource(self) -> int | None:
        """Resource at which a trial has had all it can get, or None if there is no such limit."""
        ...

    @property
    def milestones(self) -> tuple[int, ...]:
        """Resources at which decisions fall, ascending, ``max_resource`` included; may be empty."""
        ...

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """What to start in a free slot, or None to leave it free for now.

        Asked again without ``on_start`` in between, the answer is the same.

        Args:
            now_s: Seconds since the run began.
            allow_new: Whether a new trial may still be started; if not, only paused trials
                are offered.
        """
        ...

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note that the job was started; a known trial with ``NewTrial`` starts over."""
        ...

    def on_report(self, trial_id: int, resource: int, reward: float) -> Decision:
        """What is to happen to the trial now.

        Args:
            trial_id: A running trial.
            resource: What it has used; reports up to ``resume_from`` are kept from the policy.
            reward: To be maximised; NaN if the trial has diverged.

        Raises:
            ReportError: The resource is no positive whole number, does not grow, or jumps over
                a milestone of the trial.
        """
        ...

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Take note that the attempt has ended; a paused trial may be promoted from now on."""
        ...


@runtime_checkable
class OffersFittingJobs(Protocol):
    """What a policy that resumes trials defines besides, to be run with a time budget."""

    def next_fitting_job(
        self, fits: Callable[[PolicyJob], bool], *, allow_new: bool = True
    ) -> PolicyJob | None:
        """``next_job``, but without the jobs for which ``fits`` is False."""
        ...


@runtime_checkable
class RanksObjectives(Protocol):
    """What a policy defines besides, to rank trials by several objectives."""

    def on_objectives(self, trial_id: int, objectives: tuple[float, ...]) -> None:
        """Take note of the objectives in the report that ``on_report`` is about to bring.

        The ``reward`` of that report is then one number made of them, NaN if one is not finite.

        Args:
            trial_id: A running trial.
            objectives: To be maximised; not all finite if the trial has diverged.
        """
        ...


def diverged(trial_id: int, resource: int, time_attr: str) -> Decision:
    """The decision to stop a trial whose reward is not a finite number."""
    reason = f"trial {trial_id} diverged: its reward at {time_attr}={resource} is not finite"
    return Decision(Action.STOP, reason)


def resource_error(
    trial_id: int,
    resource: object,
    last: int,
    *,
    time_attr: str,
    milestones: tuple[int, ...],
) -> ReportError:
    """The error that says which rule ``resource`` breaks.

    Args:
        trial_id: The trial that reported.
        resource: What it reported.
        last: Resource of its previous report, or of its resumption; 0 if there was none.
        time_attr: The user's name of the resource.
        milestones: Those of the trial, ascending; the first above ``last`` was jumped over
            if nothing else is wrong.
    """
    reported = f"trial {trial_id} reported {time_attr}={resource!r}"
    if type(resource) is not int or resource < 1:
        return ReportError(
            f"{reported}; {time_attr} must be a whole number from 1; "
            f"count it from 1 and pass it as an int"
        )
    if resource <= last:
        return ReportError(
            f"{reported} after {time_attr}={last}; {time_attr} must grow with every report; "
            f"report once at the end of each {time_attr}"
        )
    before = f"after {time_attr}={last}" if last else "as its first report"
    rung = next(level for level in milestones if level > last)
    levels = ", ".join(map(str, milestones))
    return ReportError(
        f"{reported} {before} and jumped over the rung at {rung}; report every rung level: {levels}"
    )
