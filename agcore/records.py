"""The records that pass between the parts of agcore: frozen, slotted, no sentinel keys.

A run is an append-only list of *events*; everything else here is what policies, searchers
and executors hand to one another. ``reward`` is always *maximised* (``mode='min'`` is turned
round before a record is made) and is NaN when the user's value is NaN or infinite.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore.jobs import Config, Metrics

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The empty mapping, shared."""


def _nothing() -> Mapping[str, Any]:
    return NOTHING


# -- decisions -----------------------------------------------------------------------------


class Action(str, enum.Enum):
    """What a policy wants of a running trial."""

    CONTINUE = "continue"
    STOP = "stop"
    PAUSE = "pause"


class TrialState(str, enum.Enum):
    """Where a trial is; ARCHITECTURE.md has a table of what each state means."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"
    DIVERGED = "diverged"
    TIMED_OUT = "timed_out"

    @property
    def counts_for_best(self) -> bool:
        """Whether the rewards of a trial in this state may be called the best."""
        return self not in _NEVER_BEST

    @property
    def is_failure(self) -> bool:
        """Whether the trial ended by an error of its own or the loss of its process."""
        return self in _FAILURES


# Tuples: to hash a member of an enumeration takes longer than to look at a few of them.
_FAILURES = (TrialState.FAILED, TrialState.OUT_OF_MEMORY, TrialState.LOST)
_NEVER_BEST = (*_FAILURES, TrialState.DIVERGED)


@dataclass(frozen=True, slots=True)
class RungStanding:
    """How a trial stood at a rung when a decision was taken there.

    Attributes:
        level: The resource at which the rung stands.
        rank: 1 for the best of the rung, the trial itself included.
        size: Number of trials recorded at the rung, the trial itself included.
        quantile: Share of the rung that may go on.
        cutoff: The reward that was needed, or None where the rule has no threshold.
        front: Where trials are ranked by several objectives, its non-dominated front, from 1;
            else None.
    """

    level: int
    rank: int
    size: int
    quantile: float
    cutoff: float | None = None
    front: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to a trial after a report, and why.

    Attributes:
        action: Continue, stop or pause.
        reason: One sentence, never empty.
        completed: With ``STOP``: the trial has used its full resource, it was not cut short.
        standing: How the trial stood, when the decision was taken at a rung.
        next_milestone: The resource at which the next decision falls, if the policy has one.
    """

    action: Action
    reason: str
    completed: bool = False
    standing: RungStanding | None = None
    next_milestone: int | None = None

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("a decision must have a reason")

    @property
    def stops(self) -> bool:
        """Whether the trial is to end now, for good or until it is promoted."""
        return self.action is not Action.CONTINUE


# -- policy --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A policy's wish to start a trial with a new config.

    Attributes:
        bracket: Bracket the trial will belong to.
        first_milestone: Resource of its first decision, or None if there is none.
        parent: Trial whose checkpoint the new one starts from (population-based training).
        resume_from: Resource of the parent that the new trial goes on from, if it can.
        reason: With a parent: why this one, and in whose place.
    """

    bracket: int = 0
    first_milestone: int | None = None
    parent: int | None = None
    resume_from: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeTrial:
    """A policy's wish to go on with a paused trial.

    Attributes:
        trial_id: The paused trial.
        resume_from: Resource it has reached.
        milestone: Resource of its next decision.
        bracket: Bracket it belongs to.
        reason: Why it is promoted, one sentence.
    """

    trial_id: int
    resume_from: int
    milestone: int
    bracket: int
    reason: str


# -- searcher ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Observation:
    """One value a searcher may learn from.

    Attributes:
        trial_id: The trial it belongs to.
        config: Its config.
        resource: Resource at which it was seen, or None if the trial has no resource.
        reward: To be maximised; NaN means diverged (infeasible), never a number to model.
        provisional: The trial's next observation replaces this one.
        metrics: The whole report, for searchers that model more than the reward.
    """

    trial_id: int
    config: Config
    resource: int | None
    reward: float
    provisional: bool = False
    metrics: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Pending:
    """A trial that runs towards a value not yet known.

    Attributes:
        trial_id: The running trial.
        config: Its config.
        milestone: Resource at which its next value is due, or None without resources.
    """

    trial_id: int
    config: Config
    milestone: int | None = None


@dataclass(frozen=True, slots=True)
class SuggestRequest:
    """All that a suggestion may depend on beyond the observations.

    Attributes:
        draw: Number of this suggestion, from 0; generators are made from (seed, purpose, draw).
        pending: Trials that run now; to be read while the suggestion is made, not later.
        bracket: Bracket of the trial to be.
        first_milestone: Resource of its first decision, or None.
        elapsed_s: Seconds since the run began.
    """

    draw: int
    pending: Sequence[Pending] = ()
    bracket: int = 0
    first_milestone: int | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A config to evaluate.

    Attributes:
        config: Complete and valid.
        origin: ``default``, ``user``, ``queue``, ``random``, ``grid``, ``model`` ...
        why: Numbers behind the choice, JSON-serialisable; empty if there are none.
    """

    config: Config
    origin: str
    why: Mapping[str, Any] = field(default_factory=_nothing)


# -- events of a run -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event: what is to be run. ``settings`` is JSON-serialisable."""

    time_s: float
    seed: int
    settings: Mapping[str, Any]
    space: Mapping[str, str]
    versions: Mapping[str, str]
    schema: int = 1
    pid: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class RunResumed:
    """A later ``run()`` of the same experiment, with the limits then in force."""

    time_s: float
    num_trials: int | None = None
    time_out: float | None = None
    pid: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """A run with a time budget has a new plan, which is in force from here on.

    ``plan`` holds its numbers (`agcore.budget.Plan.described`), ``reason`` what moved.
    """

    time_s: float
    reason: str
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigEnqueued:
    """The user wants a config tried; it waits for its turn."""

    time_s: float
    config: Config


@dataclass(frozen=True, slots=True)
class TrialProposed:
    """A config was chosen. ``why`` holds the numbers behind the choice.

    ``parent`` is the trial whose config was changed a little, None if there is none.
    """

    trial_id: int
    time_s: float
    config: Config
    origin: str
    bracket: int = 0
    why: Mapping[str, Any] = field(default_factory=_nothing)
    suggest_s: float = 0.0
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """An attempt was handed to the executor.

    ``resume_from`` is where a promotion goes on, 0 for a trial that was never paused. ``again``
    says that the attempt takes the place of one that was cut off; the policy is not told.
    ``parent`` is the trial whose training a new one goes on with, from ``resume_from``.
    """

    trial_id: int
    time_s: float
    attempt: int = 0
    resume_from: int = 0
    milestone: int | None = None
    reason: str = ""
    again: bool = False
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A report was accepted. ``reward`` is to be maximised; NaN if it was not finite.

    ``checkpoint_bytes`` is the size of the checkpoint that came with it, None without one.
    """

    trial_id: int
    time_s: float
    resource: int
    reward: float
    metrics: Metrics
    checkpoint_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A stop, a pause, or any decision at a rung."""

    trial_id: int
    time_s: float
    resource: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """An attempt is over. A paused trial may start again; any other state is final."""

    trial_id: int
    time_s: float
    state: TrialState
    error: str = ""
    traceback_text: str = ""
    exit_code: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """``run()`` is over, and why."""

    time_s: float
    reason: str


Event = Union[
    RunStarted,
    RunResumed,
    PlanChanged,
    ConfigEnqueued,
    TrialProposed,
    TrialStarted,
    Reported,
    Decided,
    TrialEnded,
    RunEnded,
]
