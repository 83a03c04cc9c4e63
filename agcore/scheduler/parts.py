"""What the loop connects, and what it keeps of a trial that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agcore.budget import BudgetKeeper
    from agcore.executor.base import Executor
    from agcore.history import RunHistory, Trial
    from agcore.journal import Journal
    from agcore.policy import Policy
    from agcore.records import TrialState
    from agcore.scheduler.checkpoints import CheckpointKeeper
    from agcore.scheduler.clock import Clock
    from agcore.scheduler.exploring import Explorer
    from agcore.scheduler.feed import SearcherFeed
    from agcore.scheduler.proposals import Proposals
    from agcore.scheduler.rewards import RewardReader
    from agcore.searcher import Searcher


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators of one scheduler.

    ``explorer`` is there for policies that copy trials, ``budget`` for runs with a time budget.
    """

    policy: Policy
    searcher: Searcher
    proposals: Proposals
    feed: SearcherFeed
    executor: Executor
    history: RunHistory
    journal: Journal
    clock: Clock
    checkpoints: CheckpointKeeper
    rewards: RewardReader
    explorer: Explorer | None = None
    budget: BudgetKeeper | None = None


@dataclass(slots=True)
class LiveTrial:
    """A trial that runs now.

    Attributes:
        trial: Its history.
        resume_from: Where its last promotion, or a copy of another trial, goes on; else 0.
        known: Reports up to this resource are recorded already.
        milestone: Resource of its next decision.
        final_state: What it becomes when it ends as it was told to.
    """

    trial: Trial
    resume_from: int = 0
    known: int = 0
    milestone: int | None = None
    final_state: TrialState | None = None
