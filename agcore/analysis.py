"""What a run has found and what it cost, read from its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.figures import Curve
from agcore.records import Reported, TrialProposed, TrialState
from agcore.running_time import RunningTime

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from agcore.history import RunHistory, Trial
    from agcore.objectives import Objectives


@dataclass(frozen=True, slots=True)
class Incumbent:
    """A report that was better than all before it.

    Attributes:
        elapsed_s: Seconds the run had been alive.
        trial_id: The trial that reported it.
        resource: At which resource.
        reward: The reward with the user's sign.
    """

    elapsed_s: float
    trial_id: int
    resource: int
    reward: float


def incumbents(history: RunHistory) -> list[Incumbent]:
    """The best reward so far each time it rose, oldest first; failed trials do not count.

    The last one has the reward of ``history.best()``: where the last report stands for a
    trial (``trial_value='last'``), reports better than it are passed over.
    """
    clock = RunningTime(history.events)
    standing = {
        trial.trial_id: value.reward
        for trial in history.trials.values()
        if trial.state.counts_for_best and (value := history.value_of(trial)) is not None
    }
    found: list[Incumbent] = []
    highest = -float("inf")
    for event in history.events:
        if not isinstance(event, Reported) or not event.reward > highest:
            continue
        if event.reward <= standing.get(event.trial_id, -float("inf")):
            highest = event.reward
            reward = history.to_users_sign(event.reward)
            found.append(Incumbent(clock.at(event.time_s), event.trial_id, event.resource, reward))
    return found


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Where the seconds of all slots of a run went.

    The seconds in ``by_state`` and ``idle_s`` add up to ``slots * run_s``.

    Attributes:
        run_s: Seconds the run took, over all calls of ``run``; of a run that is going on,
            until its last event.
        slots: Trials at once.
        by_state: Seconds in trials, by the state they ended in or are in.
        trials_by_state: Number of trials, likewise.
        idle_s: Seconds in which slots had no trial: start-up, proposals, waiting.
        suggest_s: Seconds the searcher took to propose configs.
    """

    run_s: float
    slots: int
    by_state: dict[TrialState, float]
    trials_by_state: dict[TrialState, int]
    idle_s: float
    suggest_s: float

    @property
    def total_s(self) -> float:
        """Seconds of all slots together."""
        return self.slots * self.run_s

    def share(self, seconds: float) -> float:
        """Which part of all slots' time ``seconds`` is, from 0 to 1."""
        return seconds / self.total_s if self.total_s else 0.0

    def rows(self) -> Iterator[tuple[str, int | None, float]]:
        """Lines of a table: what for, number of trials, seconds; longest first, idle last."""
        for state, seconds in sorted(self.by_state.items(), key=lambda item: -item[1]):
            yield state.value.replace("_", " "), self.trials_by_state[state], seconds
        yield "idle slots", None, self.idle_s


def time_spent(history: RunHistory, slots: int) -> TimeSpent:
    """Where the time of a run went.

    Args:
        history: The run.
        slots: Trials at once.
    """
    clock = RunningTime(history.events)
    by_state: dict[TrialState, float] = {}
    counts: dict[TrialState, int] = {}
    for trial in history.trials.values():
        if not trial.attempts:  # proposed ahead of time, never started
            continue
        seconds = trial.busy_s
        if trial.state is TrialState.RUNNING:
            seconds += max(0.0, clock.last_s - trial.started_s)
        by_state[trial.state] = by_state.get(trial.state, 0.0) + seconds
        counts[trial.state] = counts.get(trial.state, 0) + 1
    suggest_s = sum(e.suggest_s for e in history.events if isinstance(e, TrialProposed))
    run_s = clock.total_s
    idle_s = max(0.0, slots * run_s - sum(by_state.values()))
    return TimeSpent(run_s, slots, by_state, counts, idle_s, suggest_s)


def curves_over_time(history: RunHistory) -> list[Curve]:
    """The reports of every trial against the seconds that the run had been alive."""
    clock = RunningTime(history.events)
    return [
        Curve(
            f"trial {trial.trial_id}",
            [clock.at(report.time_s) for report in trial.reports],
            [history.to_users_sign(report.reward) for report in trial.reports],
            trial.state,
        )
        for trial in history.trials.values()
        if trial.reports
    ]


def objective_clouds(history: RunHistory, objectives: Objectives) -> list[Curve]:
    """The reports of every trial, its second objective against its first, in the user's units."""
    first, second = objectives.names[:2]
    return [
        Curve(
            f"trial {trial.trial_id}",
            [float(report.metrics[first]) for report in trial.reports],
            [float(report.metrics[second]) for report in trial.reports],
            trial.state,
        )
        for trial in history.trials.values()
        if trial.reports
    ]


def to_pandas(history: RunHistory) -> pd.DataFrame:
    """One row per report: ``trial_id``, ``state``, ``bracket``, ``elapsed_s``, metrics, config.

    ``elapsed_s`` is the seconds the run had been alive. Columns of the config are called
    ``config.`` and the parameter's name. A metric that has the name of a fixed column is
    called ``metric.`` and its name. Without reports there are no rows, only columns.
    """
    import pandas as pd

    clock = RunningTime(history.events)
    table: pd.DataFrame = pd.DataFrame(
        [
            {**_fixed_columns(trial, clock.at(report.time_s)), **_metric_columns(report.metrics)}
            | _config_columns(trial)
            for trial in history.trials.values()
            for report in trial.reports
        ],
        columns=None if any(t.reports for t in history.trials.values()) else _FIXED_COLUMNS,
    )
    return table


_FIXED_COLUMNS = ["trial_id", "state", "bracket", "elapsed_s"]


def _fixed_columns(trial: Trial, elapsed_s: float) -> dict[str, Any]:
    values = (trial.trial_id, trial.state.value, trial.bracket, elapsed_s)
    return dict(zip(_FIXED_COLUMNS, values, strict=True))


def _metric_columns(metrics: dict[str, Any]) -> dict[str, Any]:
    return {
        f"metric.{name}" if name in _FIXED_COLUMNS else name: value
        for name, value in metrics.items()
    }


def _config_columns(trial: Trial) -> dict[str, Any]:
    return {f"config.{key}": value for key, value in trial.config.items()}
