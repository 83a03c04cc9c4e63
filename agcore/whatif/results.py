"""What a replay has found: the recorded run beside the simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@dataclass(frozen=True, slots=True)
class LateBloomer:
    """A trial that was stopped although it would have ended among the best.

    Attributes:
        trial_id: Its number in the recorded run.
        stopped_at: Resource at which it was stopped, or paused for good.
        rank_there: Its rank at that resource, 1 for the best: of a stopped trial when that was
            decided, else among all of its bracket at the end of the run.
        size_there: Number of trials that this rank is among.
        final_rank: Rank of its final reward among all trials recorded to their end.
        final_reward: The reward that stands for the whole trial, with the user's sign.
    """

    trial_id: int
    stopped_at: int
    rank_there: int
    size_there: int
    final_rank: int
    final_reward: float


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run has found and spent.

    Attributes:
        scheduler: Short name of the simulated scheduler; ``'recorded'`` for the run on record.
        best_reward: With the user's sign; None if no trial has a reward that counts.
        best_trial: The trial that reported it, by its number in the recorded run; or None.
        found_s: Seconds until then; or None.
        total_s: Seconds until the end.
        resource: Sum of the resources that trials have used.
        started: Number of trials started.
        stopped: Number of those that were stopped early, or paused and never resumed.
        unknown: Trials that were asked to go on behind the end of their record, and ended there.
        late_bloomers: The best one first.
        not_judged: Number of stopped trials whose end is not on record: they may have been late
            bloomers too.
    """

    scheduler: str
    best_reward: float | None
    best_trial: int | None
    found_s: float | None
    total_s: float
    resource: int
    started: int
    stopped: int
    unknown: tuple[int, ...] = ()
    late_bloomers: tuple[LateBloomer, ...] = ()
    not_judged: int = 0


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a run has found, and what other schedulers would have.

    Attributes:
        recorded: The run as it was.
        simulated: One for each scheduler asked for, in that order.
        settings: Those of the recorded run, by name.
        max_t: Resource behind which nothing was looked at.
        num_workers: Trials at once in the simulations.
        num_known: Trials recorded to their end: those that final ranks are among.
        num_left_out: Trials that have reported nothing, and did not fail.
        top: Number of final ranks that make a stopped trial a late bloomer.
        has_ended: Whether the recorded run has come to its end.
    """

    recorded: RunFigures
    simulated: tuple[RunFigures, ...]
    settings: Mapping[str, Any]
    max_t: int
    num_workers: int
    num_known: int
    num_left_out: int
    top: int
    has_ended: bool

    @property
    def figures(self) -> tuple[RunFigures, ...]:
        """The recorded run, then the simulated ones."""
        return (self.recorded, *self.simulated)

    def to_pandas(self) -> pd.DataFrame:
        """One row per run; ``unknown`` and ``late_bloomers`` are numbers of trials."""
        import pandas as pd

        counted = ("unknown", "late_bloomers")
        names = RunFigures.__slots__
        rows = [
            {name: len(v) if name in counted else v for name in names for v in [getattr(run, name)]}
            for run in self.figures
        ]
        table: pd.DataFrame = pd.DataFrame(rows, columns=list(names))
        return table
