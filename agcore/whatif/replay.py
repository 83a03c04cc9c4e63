"""``ag.replay`` itself: checks what it is asked and plays each scheduler."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError
from agcore.records import RunEnded
from agcore.searcher.base import DEFAULT_SEED
from agcore.tuning import arguments_of
from agcore.whatif.proposals import IN_ORDER, proposals_for
from agcore.whatif.record import Record, history_of
from agcore.whatif.results import ReplayResult
from agcore.whatif.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DECIDED_HERE = frozenset(
    {
        *("train_fn", "args", "resource", "searcher", "search_options", "executor", "isolation"),
        *("reward_attr", "time_attr", "mode", "trial_value", "max_failures", "max_retries"),
        *("checkpoint", "resume", "max_checkpoint_gb", "deterministic", "logical_workers"),
        *("callbacks", "progress"),
    }
)
"""Arguments of schedulers that follow from the record, or mean nothing in a simulation."""
_WITHOUT_EFFECT = {"hbs": {"delay_promotion"}}
"""Arguments that a scheduler has under another short name only."""


def replay(
    run: Any,
    *,
    scheduler: str | Sequence[str] = ("hbs", "hbp"),
    searcher: str = IN_ORDER,
    space: Any = None,
    between: str | None = None,
    max_t: int | None = None,
    num_workers: int | None = None,
    num_trials: int | None = None,
    time_out: float | None = None,
    keeps_progress: bool = True,
    top_share: float = 0.1,
    seed: int = DEFAULT_SEED,
    **arguments: Any,
) -> ReplayResult:
    """What other schedulers would have found and spent, from the curves that a run recorded.

    Record with ``scheduler='fifo'`` to know all ends. Of trials that were stopped early only the
    beginning is known: those that a simulated scheduler lets go on are counted as unknown.

    Args:
        run: The directory of a run, a scheduler that has run, or what ``ag.tune`` returned. It
            may still be running.
        scheduler: Short name as in ``ag.tune``, or several.
        searcher: ``'recorded'``: the recorded configs in their order; ``'random'``: in a random
            order; or another searcher by name, which needs the search space.
        space: The search space: a train function, a `SearchSpace` or a dict of spaces; by default
            that of the scheduler given as ``run``.
        between: None: the searcher proposes recorded configs only; ``'nearest'``: any of the
            space, and the nearest trial recorded to its end stands for it.
        max_t: Full resource of a trial; nothing behind it is looked at. By default the largest
            that was reported.
        num_workers: Trials at once; by default as many as ran at once in the recorded run.
        num_trials: Trials in total; by default as many as are on record.
        time_out: Simulated seconds after which a run ends; by default none.
        keeps_progress: Whether promoted trials go on where they were paused, as with checkpoints;
            if not, they begin anew.
        top_share: Which share of the final ranks, besides being better than the best found, makes
            a stopped trial a late bloomer.
        seed: Of random orders, searchers and brackets.
        arguments: Those of the schedulers; each goes to the schedulers that have it.

    Raises:
        JournalError: There is no run in the directory, or it cannot be read.
        SpecError: An argument breaks its rule, the run holds no reports, or its reports do not
            fit the scheduler.
    """
    names = [scheduler] if isinstance(scheduler, str) else list(scheduler)
    given = _arguments_of_each(names, arguments)
    share = finite_number("top_share", top_share, "a number above 0 and at most 1")
    if not 0 < share <= 1:
        raise SpecError(f"top_share={top_share!r} must be a number above 0 and at most 1")
    if not isinstance(searcher, str):
        raise SpecError(
            f"searcher={searcher!r} must be a name, because each simulated run needs a searcher of "
            "its own; as searcher='random'"
        )
    if between is not None:
        check_between(between)
    record = Record(history_of(run), max_t)
    if space is None:
        function = getattr(getattr(run, "scheduler", run), "train_fn", None)
        space = getattr(function, "cs", None)
    proposals = proposals_for(record, searcher, space, between, whole_number("seed", seed, 0))
    workers = record.largest_number_at_once if num_workers is None else num_workers
    top = max(1, math.ceil(share * len(record.finals)))
    limits = {"num_trials": proposals.count if num_trials is None else num_trials}
    simulated = [
        Simulation(record, proposals, name, top, keeps_progress=keeps_progress).run(
            whole_number("num_workers", workers), seed, {**limits, "time_out": time_out, **own}
        )
        for name, own in zip(names, given, strict=True)
    ]
    return ReplayResult(
        recorded=record.figures(),
        simulated=tuple(simulated),
        settings=record.settings,
        max_t=record.max_t,
        num_workers=workers,
        num_known=len(record.finals),
        num_left_out=record.num_left_out,
        top=top,
        has_ended=isinstance(record.history.events[-1], RunEnded),
    )


def check_between(between: str) -> None:
    """Check what is to stand for configs that were not recorded.

    Raises:
        SpecError: It is no recorded trial.
    """
    if between == "interpolate":
        raise SpecError(
            "between='interpolate' would make up curves that no trial has: a replay names recorded "
            "trials, as the best and those stopped too early, and never guesses; pass "
            "between='nearest', or simulate with "
            "executor=SimulatedExecutor(CurveTable.from_run(run, space, between='interpolate'))"
        )
    one_of("between", between, ("nearest",))


def _arguments_of_each(
    schedulers: Sequence[str], arguments: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """For each scheduler those of the arguments that it has.

    Raises:
        SpecError: There is no such scheduler, or none of them has an argument.
    """
    if not schedulers:
        raise SpecError("scheduler=[] names none; pass at least one, as scheduler=['hbs', 'hbp']")
    if "pbt" in schedulers:
        raise SpecError(
            "scheduler='pbt' changes configs while it trains, and their curves are not on record; "
            "leave it out, or simulate it with a SimulatedExecutor"
        )
    for name in arguments:
        if name == "random_seed":
            raise SpecError("random_seed= is called seed= here; it fixes searchers and brackets")
        if name in _DECIDED_HERE:
            raise SpecError(
                f"{name}= follows from the recorded run or has no meaning in a simulation; leave "
                "it out"
            )
    taken = [arguments_of(name) - _WITHOUT_EFFECT.get(name, set()) for name in schedulers]
    for name in arguments:
        if not any(name in names for names in taken):
            raise SpecError(
                f"{name}= has no effect with scheduler={', '.join(schedulers)}; leave it out, or "
                "name a scheduler that has it"
            )
    return [{k: v for k, v in arguments.items() if k in names} for names in taken]
