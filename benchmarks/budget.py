"""How well runs keep a time budget: overshoot and what is left unused.

    python benchmarks/budget.py [--seeds 3] [--workers 1 2 4 8] [--real]

Trials play curves on a simulated clock. Overshoot is by how much of the budget the last trial ended
too late; asked is at most 2%. Unused is the share of the workers' time within the budget in which
no trial ran; asked is at most 10% in the median. Lost is the time of trials since their last
report when the deadline cut them off. A row is one workload under all numbers of workers, two
budgets and all seeds. With ``--real`` a workload of real worker processes that sleep follows.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import PlanChanged, Reported, TrialEnded, TrialStarted, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agcore.scheduler.facade import TrialScheduler

MAX_OVERSHOOT, MAX_UNUSED = 0.02, 0.10
EPOCHS = 27
BUDGETS_S = (60.0, 600.0)
ROW = "{:<22}{:<11}{:>6}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}"
HEADER = ["workload", "scheduler", "runs", "trials", "over med", "over max", "idle med"]
HEADER += ["idle max", "lost med", "plans"]

WORKLOADS: dict[str, dict[str, float]] = {
    "even": {"spread": 0.0, "noise": 0.0},
    "noisy epochs": {"spread": 0.2, "noise": 0.6},
    "fast and slow": {"spread": 1.0, "noise": 0.2},
    "early stoppers": {"spread": 0.4, "noise": 0.2, "early": 0.7},
    "slow starts": {"spread": 0.4, "noise": 0.2, "startup_s": 3.0},
    "getting slower": {"spread": 0.4, "noise": 0.1, "drift": 0.05},
    "one report a trial": {"spread": 0.5, "noise": 0.0, "once": 1.0},
    "all of it": {"spread": 0.8, "noise": 0.5, "early": 0.3, "startup_s": 1.0, "drift": 0.02},
}


def curve_of(
    seed: int,
    *,
    spread: float,
    noise: float,
    early: float = 0.0,
    startup_s: float = 0.0,
    drift: float = 0.0,
    once: float = 0.0,
) -> Callable[[dict[str, Any]], Iterator[tuple[dict[str, Any], float]]]:
    """A learning curve whose epochs take about a second.

    Args:
        seed: Of all of it.
        spread: Standard deviation of the log of the pace over configs.
        noise: That of the log of an epoch's seconds.
        early: Share of configs that return before their last epoch.
        startup_s: What the first epoch takes on top.
        drift: By how much each epoch takes longer than the one before.
        once: If above 0, only the last epoch is reported.
    """

    def curve(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
        rng = np.random.default_rng([seed, int(config["x"] * 1e9)])
        pace_s = math.exp(spread * rng.normal())
        count = EPOCHS if rng.random() >= early else int(rng.integers(1, EPOCHS))
        passed_s = startup_s
        for epoch in range(1, count + 1):
            passed_s += pace_s * math.exp(noise * rng.normal()) * (1 + drift) ** epoch
            if not once or epoch == count:
                accuracy = config["x"] * (1 - math.exp(-epoch / 9))
                yield {"epoch": epoch, "accuracy": accuracy}, passed_s
                passed_s = 0.0

    return curve


@ag.args(x=ag.Real(0, 1), y=ag.Real(0, 1), epochs=EPOCHS)
def train(args: Any, reporter: Any) -> None:
    """Never called: its curves are played."""


@ag.args(x=ag.Real(0, 1), pace_s=ag.Real(0.02, 0.2, log=True), epochs=9)
def sleep(args: Any, reporter: Any) -> None:
    """Sleep through the epochs."""
    for epoch in range(1, args.epochs + 1):
        time.sleep(args.pace_s)
        reporter(epoch=epoch, accuracy=args.x * (1 - math.exp(-epoch / 3)))


HYPERBAND = ag.scheduler.HyperbandScheduler
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "fifo": (ag.scheduler.FIFOScheduler, {}),
    "stopping": (HYPERBAND, {"type": "stopping"}),
    "promotion": (HYPERBAND, {"type": "promotion"}),
}


def figures_of(scheduler: TrialScheduler, budget_s: float) -> dict[str, float]:
    """What is asked of a run that is over."""
    history, start_s = scheduler.history, scheduler.history.start_s or 0.0
    ends = [event.time_s for event in history.events if isinstance(event, TrialEnded)]
    within_s = sum(
        max(0.0, min(end_s, budget_s) - begin_s) for begin_s, end_s in _attempts(scheduler, start_s)
    )
    last_s = {e.trial_id: e.time_s for e in history.events if isinstance(e, Reported)}
    lost_s = sum(
        max(ends) - max(last_s.get(trial.trial_id, 0.0), trial.started_s)
        for trial in scheduler.trials.values()
        if trial.state is TrialState.INTERRUPTED
    )
    return {
        "overshoot": max(0.0, (max(ends) - start_s) / budget_s - 1),
        "unused": 1 - within_s / (budget_s * scheduler.slots),
        "lost": lost_s / (budget_s * scheduler.slots),
        "trials": len(scheduler.trials),
        "plans": sum(isinstance(event, PlanChanged) for event in history.events),
        "has best": scheduler.best() is not None,
    }


def _attempts(scheduler: TrialScheduler, start_s: float) -> Iterator[tuple[float, float]]:
    """When each attempt began and ended, in seconds since the run began."""
    began: dict[int, float] = {}
    for event in scheduler.history.events:
        if isinstance(event, TrialEnded):
            yield began[event.trial_id] - start_s, event.time_s - start_s
        elif isinstance(event, TrialStarted):
            began[event.trial_id] = event.time_s


def simulated(kind: str, workload: str, workers: int, budget_s: float, seed: int) -> dict[str, Any]:
    """Figures of a simulated run."""
    scheduler, extra = KINDS[kind]
    curve = curve_of(seed, **WORKLOADS[workload])
    run = scheduler(
        train,
        time_budget=budget_s,
        executor=SimulatedExecutor(curve, num_workers=workers),
        search_options={"random_seed": seed},
        progress=False,
        **extra,
    )
    run.run()
    return figures_of(run, budget_s)


def in_processes(kind: str, budget_s: float) -> dict[str, Any]:
    """Figures of a run with two worker processes."""
    scheduler, extra = KINDS[kind]
    run = scheduler(sleep, time_budget=budget_s, num_workers=2, progress=False, **extra)
    run.run()
    return figures_of(run, budget_s)


def row(workload: str, kind: str, all_figures: list[dict[str, Any]]) -> str:
    """A line of the table."""

    def of(name: str, fold: Callable[[list[float]], float]) -> float:
        return fold([figures[name] for figures in all_figures])

    return ROW.format(
        workload,
        kind,
        len(all_figures),
        round(of("trials", statistics.median)),
        f"{of('overshoot', statistics.median):.2%}",
        f"{of('overshoot', max):.2%}",
        f"{of('unused', statistics.median):.2%}",
        f"{of('unused', max):.2%}",
        f"{of('lost', statistics.median):.2%}",
        round(of("plans", statistics.median)),
    )


def main() -> None:
    """Print the table, and whether what is asked is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--real", action="store_true", help="also with worker processes")
    options = parser.parse_args()
    print(ROW.format(*HEADER))
    everything = []
    for workload, kind in itertools.product(WORKLOADS, KINDS):
        grid = itertools.product(options.workers, BUDGETS_S, range(options.seeds))
        found = [simulated(kind, workload, *setting) for setting in grid]
        print(row(workload, kind, found), flush=True)
        everything += found
    if options.real:
        for kind in KINDS:
            found = [in_processes(kind, budget_s) for budget_s in (5.0, 20.0)]
            print(row("worker processes", kind, found), flush=True)
            everything += found
    overshoot = max(figures["overshoot"] for figures in everything)
    unused = statistics.median(figures["unused"] for figures in everything)
    without = sum(not figures["has best"] for figures in everything)
    print(
        f"{len(everything)} runs: overshoot at most {overshoot:.2%} (asked: {MAX_OVERSHOOT:.0%}), "
        f"unused {unused:.2%} in the median (asked: {MAX_UNUSED:.0%}), {without} without a best "
        "trial"
    )
    assert overshoot <= MAX_OVERSHOOT
    assert unused <= MAX_UNUSED


if __name__ == "__main__":
    main()
