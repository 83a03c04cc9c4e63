"""What a time budget means for a scheduler: its keeper, longest trials, and share of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agcore.budget import BudgetKeeper, TimeBudget, plan
from agcore.budget.levers import first_share
from agcore.checks import whole_number
from agcore.errors import SpecError
from agcore.policy import HyperbandPolicy
from agcore.policy.rungs import RungLevels
from agcore.scheduler.full_resource import constant_epochs, full_resource
from agcore.space.arguments import as_args

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.history import RunHistory
    from agcore.policy import Policy
    from agcore.scheduler.options import RunOptions
    from agcore.train_fn import TrainFunction

_SUBSET = "subset_ratio"


@dataclass(frozen=True, slots=True)
class Subset:
    """The share of the data that trials train on, and the arguments that say so to them."""

    ratio: float
    arguments: Any


def subset_of(options: RunOptions, function: TrainFunction, arguments: Any) -> Subset:
    """The share of the data that a time budget has fixed or chosen; all without one.

    Raises:
        SpecError: One was asked for, but the train function has no argument to hear of it.
    """
    request = options.budget
    if request is None:
        return Subset(1.0, arguments)
    declared = as_args(arguments)
    takes_it = _SUBSET in declared and _SUBSET not in function.cs.spaces
    if not takes_it:
        if request.subset_ratio is not None or request.dataset_size:
            name = "subset_ratio" if request.subset_ratio is not None else "dataset_size"
            raise SpecError(
                f"{name}={getattr(request, name)!r} needs a train function that trains on a share "
                "of the data; write @ag.args(..., subset_ratio=1.0) and use args.subset_ratio"
            )
        return Subset(1.0, arguments)
    ratio = request.subset_ratio
    if ratio is None:
        ratio = _planned_ratio(options, request, function, arguments)
    return Subset(ratio, as_args({**declared, _SUBSET: ratio}))


def _planned_ratio(
    options: RunOptions, request: TimeBudget, function: TrainFunction, arguments: Any
) -> float:
    epochs = constant_epochs(function, arguments)
    if (
        request.seconds_per_epoch is None
        or epochs is None
        or first_share(request.dataset_size) == 1
    ):
        return 1.0
    return plan(
        request.seconds,
        function.cs,
        epochs,
        options.num_workers or 1,
        scheduler="fifo",
        seconds_per_epoch=request.seconds_per_epoch,
        dataset_size=request.dataset_size,
        non_pure_train_ratio=request.non_pure_train_ratio,
        num_trials=options.num_trials,
        max_t=request.epochs,
    ).subset_ratio


def with_max_t(time_budget: Any, max_t: int | None) -> Any:
    """The time budget, with the full resource of a trial fixed if the user has fixed it.

    Raises:
        SpecError: Both fix it, and differ.
    """
    if time_budget is None or max_t is None:
        return time_budget
    request = TimeBudget.of(time_budget)
    if request.epochs not in (None, max_t):
        raise SpecError(
            f"max_t={max_t!r} and epochs={request.epochs!r} of the time budget are the same thing; "
            "pass one of them"
        )
    return replace(request, epochs=whole_number("max_t", max_t))


def planned_max_t(
    time_budget: Any,
    function: TrainFunction,
    args: Any,
    max_t: int | None,
    *,
    grace_period: int,
    reduction_factor: float,
    rung_levels: Sequence[int] | None,
    workers: int = 1,
) -> int | None:
    """The full resource of a scheduler with rungs, if its time budget says it; else as given."""
    if time_budget is None:
        return max_t
    request = TimeBudget.of(time_budget)
    fixed = max_t if request.epochs is None else request.epochs
    if fixed is not None or request.seconds_per_epoch is None or rung_levels is not None:
        return fixed
    full = full_resource(function, args, None)
    chosen = plan(
        request.seconds,
        function.cs,
        full,
        workers,
        seconds_per_epoch=request.seconds_per_epoch,
        grace_period=grace_period,
        reduction_factor=reduction_factor,
    ).epochs
    # Below the second rung nothing would be compared; the keeper refuses what does not fit.
    least = RungLevels.geometric(
        full, grace_period=grace_period, reduction_factor=reduction_factor
    ).levels[1]
    return max(chosen or full, least)


def make_budget(
    options: RunOptions,
    function: TrainFunction,
    policy: Policy,
    workers: int,
    history: RunHistory,
    subset: Subset,
) -> BudgetKeeper | None:
    """The keeper of a run's time budget; None if it has none."""
    request = options.budget
    if request is None:
        return None
    return BudgetKeeper(
        history.events,
        request,
        rungs=policy.levels if isinstance(policy, HyperbandPolicy) else None,
        epochs=policy.max_resource or constant_epochs(function, subset.arguments),
        workers=workers,
        space=function.cs,
        subset_ratio=subset.ratio,
        time_attr=options.time_attr,
    )


def described_budget(request: TimeBudget | None) -> dict[str, Any]:
    """What a run with a time budget has in its description; how large it is may change."""
    if request is None:
        return {}
    names = ("epochs", "seconds_per_epoch", "dataset_size", "non_pure_train_ratio", "subset_ratio")
    return {"time_budget": {name: getattr(request, name) for name in names}}
