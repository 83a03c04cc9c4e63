"""A plan: how many trials, how long each, on how much of the data, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.budget.durations import duration, seconds_of
from agcore.budget.forecast import finish_quantiles
from agcore.budget.levers import Ladder, Levers, Setting, epoch_cost, first_share
from agcore.budget.request import positive, share
from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError
from agcore.policy.rungs import RungLevels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_SPREAD = 0.5
"""Standard deviation of the log of seconds per epoch, where nothing has been measured."""

_SCHEDULERS = ("fifo", "hbs", "hbp")
_FIELDS = ("num_trials", "epochs", "subset_ratio")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a budget is to be used for; ``print`` it.

    Attributes:
        budget_s: The budget in seconds; None if it is relative and nobody knows them.
        budget_epochs: The budget as wall time in full epochs; None while nobody knows that.
        workers: Trials at once.
        num_trials: How many trials are expected to be started in all.
        epochs: Epochs of a trial that goes all the way; None if trials count none.
        rungs: (epochs, trials that are expected to come so far), ascending.
        subset_ratio: Share of the data that trials train on.
        cost_epochs: What all of it takes, as wall time in full epochs; None where that is
            unknown.
        seconds_per_epoch: Median over configs, on that share of the data; None if unknown.
        spread: Standard deviation of its logarithm.
        finish_p50_s: Median of when it will be done, in seconds since the beginning.
        finish_p95_s: The 95% quantile of it.
        fixed: What of num_trials, epochs, subset_ratio and rungs nobody but the user moves.
        last_epochs: Epochs of trials that start from now on, if the time is too short for more.
    """

    budget_s: float | None
    budget_epochs: float | None
    workers: int
    num_trials: int
    epochs: int | None
    rungs: tuple[tuple[int, int], ...]
    subset_ratio: float
    cost_epochs: float | None
    seconds_per_epoch: float | None
    spread: float
    finish_p50_s: float | None
    finish_p95_s: float | None
    fixed: tuple[str, ...] = ()
    last_epochs: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the budget has room for it; also if that is unknown."""
        if self.cost_epochs is None or self.budget_epochs is None:
            return True
        return self.cost_epochs <= self.budget_epochs

    def described(self) -> dict[str, Any]:
        """The plan as JSON values, without what is None."""
        values = {name: getattr(self, name) for name in type(self).__slots__}
        values["rungs"] = [list(rung) for rung in self.rungs]
        values["fixed"] = list(self.fixed)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Plan:
        """The plan that `described` has described."""
        values: dict[str, Any] = {**dict.fromkeys(cls.__slots__), **described}
        values["rungs"] = tuple((int(level), int(count)) for level, count in described["rungs"])
        values["fixed"] = tuple(described["fixed"])
        return cls(**values)

    def __str__(self) -> str:
        lines = [self._headline(), *self._settings(), *self._rung_table(), self._finish()]
        if not self.fits:
            lines.append(
                f"Not even this fits: it takes {self.cost_epochs:.3g} epochs, and the budget is "
                f"{self.budget_epochs:.3g}"
            )
        return "\n".join(lines)

    def _headline(self) -> str:
        budget = f"{self.budget_epochs:.4g} full epochs" if self.budget_epochs else "?"
        if self.budget_s is not None:
            budget = duration(self.budget_s)
        pace = "seconds per epoch not measured yet"
        if self.seconds_per_epoch is not None:
            pace = f"{self.seconds_per_epoch:.3g} s per epoch (spread {self.spread:.2f})"
        workers = f"{self.workers} worker" + ("s" if self.workers > 1 else "")
        return f"Time budget {budget} on {workers}; {pace}"

    def _settings(self) -> list[str]:
        shown = [("trials", "num_trials", f"{self.num_trials:,}")]
        if self.epochs is not None:
            shown.append(("epochs of a trial", "epochs", f"{self.epochs:,}"))
        shown.append(("share of the data", "subset_ratio", f"{self.subset_ratio:.3g}"))
        lines = [
            f"  {label:<18}{value:>8}" + ("  fixed" if name in self.fixed else "")
            for label, name, value in shown
        ]
        if self.last_epochs is not None:
            lines.append(f"  {'of the last trials':<18}{self.last_epochs:>8,}")
        return lines

    def _rung_table(self) -> list[str]:
        if len(self.rungs) < 2:
            return []
        head = "  epochs    trials" + ("  fixed" if "rungs" in self.fixed else "")
        return [head, *(f"  {level:>6,}{count:>10,}" for level, count in self.rungs)]

    def _finish(self) -> str:
        if self.finish_p50_s is None or self.finish_p95_s is None:
            return "Expected finish: to be said when the first epochs have been measured"
        half, late = self.finish_p50_s, self.finish_p95_s
        if self.budget_s is None:
            return f"Expected finish: {duration(half)} (p50), {duration(late)} (p95)"
        p50, p95 = (duration(min(seconds, self.budget_s)) for seconds in (half, late))
        return f"Expected finish: {p50} (p50), {p95} (p95); ended at {duration(self.budget_s)}"


def plan(
    budget: float | str,
    space: Any = None,
    epochs: int = 1,
    workers: int = 1,
    *,
    scheduler: str = "hbs",
    seconds_per_epoch: float | None = None,
    spread: float = DEFAULT_SPREAD,
    dataset_size: int | None = None,
    non_pure_train_ratio: float = 0.2,
    num_trials: int | None = None,
    max_t: int | None = None,
    grace_period: int | None = None,
    reduction_factor: float | None = None,
    rung_levels: Sequence[int] | None = None,
    subset_ratio: float | None = None,
) -> Plan:
    """How to use a time budget. What is given of the last six is fixed and never moves.

    Args:
        budget: Seconds; text as ``'2h'``; or ``'4x'``: four times what one full training takes.
        space: What is searched: a train function, a `SearchSpace`, or a dict of spaces. A plan
            for more hyperparameters has more trials.
        epochs: Epochs of a full training.
        workers: Trials at once.
        scheduler: ``'fifo'`` (no rungs), ``'hbs'`` or ``'hbp'``.
        seconds_per_epoch: Median over configs, on all of the data; None if it is unknown.
            Then a budget in seconds has a provisional plan: one trial for each worker.
        spread: Standard deviation over configs of the logarithm of it.
        dataset_size: Number of samples; without it all of the data are used.
        non_pure_train_ratio: Share of an epoch's time that does not shrink with the data.
        num_trials: Number of trials.
        max_t: Epochs of a trial that goes all the way, at most ``epochs``.
        grace_period: First rung, by default 1.
        reduction_factor: Factor between rungs, by default 3.
        rung_levels: Explicit rungs, up to ``max_t`` or ``epochs``.
        subset_ratio: Share of the data.

    Raises:
        SpecError: An argument breaks its rule.
    """
    one_of("scheduler", scheduler, _SCHEDULERS)
    epochs, workers = whole_number("epochs", epochs), whole_number("workers", workers)
    p = share("non_pure_train_ratio", non_pure_train_ratio, may_be_zero=True)
    if finite_number("spread", spread) < 0:
        raise SpecError(f"spread={spread!r} must be at least 0")
    budget_s, budget_epochs = _budget(budget, epochs, seconds_per_epoch)
    length = epochs if max_t is None else whole_number("max_t", max_t)
    ladder = _ladder(scheduler, length, grace_period, reduction_factor, rung_levels)
    given = {"num_trials": num_trials, "epochs": max_t, "subset_ratio": subset_ratio}
    choices: Sequence[int] = ladder.levels if scheduler != "fifo" else range(1, length + 1)
    if max_t is not None:
        choices = (length,)
    num_parameters, most_trials = _size_of(space)
    levers = Levers(
        workers=workers,
        num_parameters=max(1, num_parameters),
        full_epochs=epochs,
        epoch_choices=choices,
        ladder_for=(lambda m: Ladder((m,))) if scheduler == "fifo" else ladder.up_to,
        has_rungs=scheduler != "fifo",
        non_pure_train_ratio=p,
        first=Setting(
            1 if num_trials is None else whole_number("num_trials", num_trials),
            choices[0],
            _first_share(dataset_size, subset_ratio),
        ),
        fixed=frozenset(name for name, value in given.items() if value is not None),
        most_trials=most_trials,
    )
    if budget_epochs is None:
        chosen = Setting(num_trials or workers, choices[-1], subset_ratio or 1.0)
    else:
        chosen = levers.best_within(budget_epochs)
    rungs_given = any(x is not None for x in (grace_period, reduction_factor, rung_levels))
    return _written(
        levers,
        chosen,
        budget_s=budget_s,
        budget_epochs=budget_epochs,
        seconds_per_epoch=seconds_per_epoch,
        spread=float(spread),
        rungs_are_fixed=rungs_given and scheduler != "fifo",
    )


def _written(
    levers: Levers,
    chosen: Setting,
    *,
    budget_s: float | None,
    budget_epochs: float | None,
    seconds_per_epoch: float | None,
    spread: float,
    rungs_are_fixed: bool,
) -> Plan:
    """The plan with the levers as chosen."""
    shown = levers.ladder_for(chosen.epochs)
    rungs = tuple(zip(shown.levels, shown.reached(chosen.num_trials), strict=True))
    pace_s: float | None = None
    finish: tuple[float | None, float | None] = (None, None)
    if seconds_per_epoch is not None:
        pace_s = seconds_per_epoch * epoch_cost(chosen.subset_ratio, levers.non_pure_train_ratio)
        finish = finish_quantiles(
            trial_lengths(rungs),
            seconds_per_epoch=pace_s,
            spread=spread,
            loads_s=[0.0] * levers.workers,
        )
    return Plan(
        budget_s=budget_s,
        budget_epochs=budget_epochs,
        workers=levers.workers,
        num_trials=chosen.num_trials,
        epochs=chosen.epochs,
        rungs=rungs,
        subset_ratio=chosen.subset_ratio,
        cost_epochs=levers.cost(chosen),
        seconds_per_epoch=pace_s,
        spread=spread,
        finish_p50_s=finish[0],
        finish_p95_s=finish[1],
        fixed=(
            *(name for name in _FIELDS if name in levers.fixed),
            *(("rungs",) if rungs_are_fixed else ()),
        ),
    )


def _first_share(dataset_size: int | None, subset_ratio: float | None) -> float:
    """Where the share of the data begins, or stays."""
    if dataset_size is not None:
        whole_number("dataset_size", dataset_size, 0)
    if subset_ratio is not None:
        return share("subset_ratio", subset_ratio)
    return first_share(dataset_size)


def _budget(
    budget: float | str, epochs: int, seconds_per_epoch: float | None
) -> tuple[float | None, float | None]:
    """A budget in seconds, and as wall time in full epochs; None where nobody knows."""
    relative = _relative(budget)
    budget_s = None if relative is not None else seconds_of(budget, "budget")
    budget_epochs = None if relative is None else relative * epochs
    if seconds_per_epoch is not None:
        positive("seconds_per_epoch", seconds_per_epoch)
        if budget_s is None:
            budget_s = (budget_epochs or 0.0) * seconds_per_epoch
        budget_epochs = budget_s / seconds_per_epoch
    return budget_s, budget_epochs


def trial_lengths(rungs: Sequence[tuple[int, int]]) -> list[int]:
    """Epochs of each trial, the shortest last: a long one that begins late decides the end.

    Args:
        rungs: (epochs, trials that come so far), ascending.
    """
    lengths: list[int] = []
    for level, count in reversed(rungs):
        lengths += [level] * (count - len(lengths))
    return lengths


def _relative(budget: Any) -> float | None:
    """How many full trainings a budget is, or None if it is in seconds.

    Raises:
        SpecError: It is written so, but is no positive number.
    """
    if not isinstance(budget, str) or not budget.strip().lower().endswith("x"):
        return None
    try:
        return positive("budget", float(budget.strip()[:-1]))
    except ValueError:
        raise SpecError(
            f"budget={budget!r} must be a positive number of full trainings, as '4x'; or a "
            "duration, as '2h'"
        ) from None


def _ladder(
    scheduler: str,
    length: int,
    grace_period: int | None,
    reduction_factor: float | None,
    rung_levels: Sequence[int] | None,
) -> Ladder:
    """The rungs of a full-length trial."""
    if scheduler == "fifo":
        return Ladder((length,))
    if rung_levels is not None:
        return Ladder.of(RungLevels.explicit(length, rung_levels))
    grace = whole_number("grace_period", 1 if grace_period is None else grace_period)
    factor = 3 if reduction_factor is None else reduction_factor
    return Ladder.geometric(length, grace, factor)


def _size_of(space: Any) -> tuple[int, int | None]:
    """Number of hyperparameters, and of configs if that is finite."""
    from agcore.space import SearchSpace

    found = getattr(space, "cs", space)
    if found is None:
        return 1, None
    if not isinstance(found, SearchSpace):
        try:
            found = SearchSpace(dict(found))
        except (TypeError, ValueError):
            raise SpecError(
                f"space={space!r} must be a train function, a SearchSpace or a dict of spaces"
            ) from None
    return len(found.names), found.size
