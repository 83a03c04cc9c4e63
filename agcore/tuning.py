"""``ag.tune``: one call that tunes a function and returns what was found."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.analysis import (
    curves_over_time,
    incumbents,
    objective_clouds,
    time_spent,
    to_pandas,
)
from agcore.errors import AgcoreError, SpecError, did_you_mean
from agcore.figures import incumbent_curve, trade_off_picture
from agcore.objectives import Objectives
from agcore.records import NOTHING, RunStarted
from agcore.scheduler import (
    FIFOScheduler,
    HyperbandScheduler,
    MedianStoppingScheduler,
    PASHAScheduler,
    PopulationBasedTrainingScheduler,
    SynchronousHyperbandScheduler,
)
from agcore.scheduler.own_policy import scheduler_with
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from agcore.analysis import Incumbent, TimeSpent
    from agcore.history import BestTrial, Trial
    from agcore.jobs import Config
    from agcore.policy import Policy
    from agcore.scheduler.facade import TrialScheduler
    from agcore.trade_offs import ParetoPoint

_KINDS: dict[str, type[TrialScheduler]] = {
    "fifo": FIFOScheduler,
    "hbs": HyperbandScheduler,
    "hbp": HyperbandScheduler,
    "median": MedianStoppingScheduler,
    "sync": SynchronousHyperbandScheduler,
    "pasha": PASHAScheduler,
    "pbt": PopulationBasedTrainingScheduler,
}
_TYPES = {"hbs": "stopping", "hbp": "promotion"}
SCHEDULERS = tuple(_KINDS)


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What a run has found.

    Attributes:
        scheduler: The scheduler that ran it; ``scheduler.run(num_trials=...)`` goes on.
    """

    scheduler: TrialScheduler

    @property
    def best(self) -> BestTrial:
        """The best trial.

        Raises:
            AgcoreError: No trial has reported a reward that counts.
            SpecError: The run has several objectives; see `pareto_front`.
        """
        best = self.scheduler.best()
        if best is None:
            raise AgcoreError(
                "no trial has reported a reward that counts; see .trials for their states, "
                "errors and tracebacks"
            )
        return best

    @property
    def best_config(self) -> Config:
        """Config of the best trial."""
        return dict(self.best.config)

    @property
    def best_reward(self) -> float:
        """Reward of the best trial, with the user's sign."""
        return self.best.reward

    @property
    def pareto_front(self) -> list[ParetoPoint]:
        """The reports that no other beats in all objectives, the best in the first one first.

        Raises:
            SpecError: The run has one reward only.
        """
        return self.scheduler.get_pareto_front()

    @property
    def trials(self) -> dict[int, Trial]:
        """All trials by id."""
        return self.scheduler.trials

    @property
    def incumbents(self) -> list[Incumbent]:
        """The best reward so far each time it rose."""
        return incumbents(self.scheduler.history)

    @property
    def time_spent(self) -> TimeSpent:
        """Where the time of the run went."""
        return time_spent(self.scheduler.history, self.scheduler.slots)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the scheduler was asked to do, by name; empty before it has run."""
        first = next(iter(self.scheduler.history.events), None)
        return first.settings if isinstance(first, RunStarted) else NOTHING

    def explain(self, trial_id: int | str) -> str:
        """Why a trial was proposed, what became of it and why, in sentences of 80 columns.

        Raises:
            SpecError: There is no such trial.
        """
        return self.scheduler.explain(trial_id)

    def to_pandas(self) -> pd.DataFrame:
        """One row per report."""
        return to_pandas(self.scheduler.history)

    def plot(self, filename: str | os.PathLike[str] | None = None, show: bool = False) -> Figure:
        """The best reward over time, above all reports; of two objectives their Pareto front.

        Args:
            filename: Where to save the picture, or None.
            show: Whether to show it.

        Raises:
            SpecError: The run has more than two objectives, or the file cannot be written.
        """
        settings = self.settings
        objectives = Objectives.of_settings(settings)
        if objectives is not None:
            return trade_off_picture(
                objective_clouds(self.scheduler.history, objectives),
                [tuple(point.objectives.values()) for point in self.pareto_front],
                names=objectives.names,
                modes=objectives.modes,
                filename=filename,
                show=show,
            )
        return incumbent_curve(
            curves_over_time(self.scheduler.history),
            y_label=settings["reward_attr"],
            mode=settings["mode"],
            filename=filename,
            show=show,
        )

    def __repr__(self) -> str:
        if self.settings.get("objectives") and not self.settings.get("scalarization"):
            return f"TuneResult({len(self.trials)} trials, {len(self.pareto_front)} Pareto points)"
        best = self.scheduler.best()
        found = f"best {best.reward:g} in trial {best.trial_id}" if best else "no best trial"
        return f"TuneResult({len(self.trials)} trials, {found})"


def make_scheduler(
    train_fn: Any, scheduler: str | Policy = "fifo", **arguments: Any
) -> TrialScheduler:
    """A scheduler by its short name, or around a policy of the user's.

    Args:
        train_fn: A function decorated with ``@ag.args``.
        scheduler: ``'fifo'``; ``'hbs'`` or ``'hbp'``, which are Hyperband stopping and promotion;
            ``'median'`` (stopping), ``'sync'`` (synchronous Hyperband), ``'pasha'``, or ``'pbt'``
            (population-based training); or an object with the methods of `agcore.policy.Policy`.
        arguments: Those of the scheduler; for a policy those of `scheduler_with`.

    Raises:
        SpecError: There is no such scheduler, or it has no such argument.
    """
    if not isinstance(scheduler, str):
        return scheduler_with(train_fn, scheduler, **arguments)
    kind = _kind(scheduler)
    _check_names(scheduler, arguments)
    if scheduler in _TYPES:
        arguments["type"] = _TYPES[scheduler]
    return kind(train_fn, **arguments)


def arguments_of(scheduler: str) -> set[str]:
    """Names of the arguments of a scheduler, given by its short name.

    Raises:
        SpecError: There is no such scheduler.
    """
    return _argument_names(_kind(scheduler))


def _kind(scheduler: str) -> type[TrialScheduler]:
    if scheduler not in _KINDS:
        raise SpecError(
            f"scheduler={scheduler!r} is unknown{did_you_mean(str(scheduler), SCHEDULERS)}; "
            f"there are: {', '.join(SCHEDULERS)}"
        )
    return _KINDS[scheduler]


def _check_names(scheduler: str, arguments: Mapping[str, Any]) -> None:
    """Answer a misspelt argument before Python does, with the right spelling.

    Raises:
        SpecError: The scheduler has no such argument.
    """
    known = _argument_names(_KINDS[scheduler])
    for name in arguments:
        if name in known:
            continue
        others = [other for other, kind in _KINDS.items() if name in _argument_names(kind)]
        if others:
            listed = " or ".join(f"scheduler={other!r}" for other in others)
            raise SpecError(f"{name}= has no effect with scheduler={scheduler!r}; pass {listed}")
        if name == "type":
            raise SpecError("type= is chosen by scheduler='hbs' (stopping) or 'hbp' (promotion)")
        raise SpecError(f"there is no argument {name!r}{did_you_mean(name, known)}")


def _argument_names(kind: type[TrialScheduler]) -> set[str]:
    return set(inspect.signature(kind).parameters) - {"train_fn", "type"}


def tune(
    train_fn: Any,
    space: Mapping[str, Any] | None = None,
    *,
    scheduler: str | Policy = "fifo",
    searcher: Any = "random",
    num_trials: int | None = None,
    time_out: float | None = None,
    time_budget: Any = None,
    reward_attr: str | Sequence[str] = "accuracy",
    mode: str | Sequence[str] | Mapping[str, str] = "max",
    **arguments: Any,
) -> TuneResult:
    """Tune a function.

    Args:
        train_fn: Decorated with ``@ag.args``, or plain if ``space`` is given. It calls
            ``reporter(**metrics)``, or returns the reward (or a dict with it).
        space: Spaces and constants by argument name.
        scheduler: ``'fifo'``, ``'hbs'`` (Hyperband, stopping), ``'hbp'`` (promotion), ``'median'``
            (median stopping), ``'sync'`` (synchronous Hyperband), ``'pasha'``, or ``'pbt'``
            (population-based training); or a policy of your own: an object with the methods of
            `agcore.policy.Policy`, for this run only.
        searcher: Name or object.
        num_trials: Trials in total. This, ``time_out`` or ``time_budget`` must be given, unless
            with ``'pbt'``.
        time_out: Seconds for the run.
        time_budget: In its place a budget to plan with, as ``'2h'``: everything has ended by then.
            With ``'fifo'``, ``'hbs'`` and ``'hbp'``.
        reward_attr: Key of the reward in reports. With ``'fifo'``, ``'hbs'`` and ``'hbp'`` also a
            list of keys, of which ``pareto_front`` of the result holds the best trade-offs.
        mode: ``'max'`` or ``'min'``; of several objectives also a list or a dict of them.
        arguments: Any other argument of the scheduler.

    Raises:
        SpecError: An argument breaks its rule.
        TrialFailed: Too many trials failed, or all did.
    """
    if time_budget is not None:
        arguments["time_budget"] = time_budget
    function = as_train_function(train_fn, space)
    if space is not None and not function.cs.names:
        raise SpecError(
            f"space={dict(space)!r} has nothing to search: its values are constants; write "
            "spaces, as ag.Real(0, 1)"
        )
    chosen = make_scheduler(
        function,
        scheduler,
        searcher=searcher,
        num_trials=num_trials,
        time_out=time_out,
        reward_attr=reward_attr,
        mode=mode,
        **arguments,
    )
    chosen.run()
    return TuneResult(chosen)
