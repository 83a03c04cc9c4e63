"""What a simulated run costs an event on 1,000 virtual workers.

    python benchmarks/simulated.py [--trials 1000 10000 100000] [--workers 1000] [--repeats 3]
        [--scheduler stopping] [--trial-time-out] [--profile]

Trials play a curve that costs next to nothing to compute, so what is measured is scheduler, policy,
history, random searcher and the executor's queue. Each figure is that of a fresh process: the
fastest of ``--repeats`` for the seconds, processor time; the peak memory is that of the process,
and beside it stands what its growth over the smallest run is per trial. Events are those of the
history. Asked is that an event costs less than 1.5 times as much with 100,000 trials as with
1,000. ``--profile`` prints where the time of the largest run goes instead.

What the collector of cyclic garbage takes is part of it. A run of 1,000 trials is too short for its
full collections; of a longer one they take a constant share, for each is put off until what is kept
has grown by a quarter.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import json
import math
import pstats
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_T = 27
EPOCHS = {"fifo": 3, "median": 9}
"""Length of the curves where no trial is stopped, or few are; else ``MAX_T``."""
ROW = "{:>9}{:>10}{:>14}{:>10}{:>14}{:>11}{:>12}{:>13}"
HEADER = ["trials", "events", "virtual h", "cpu s", "us per event", "factor"]
HEADER += ["peak MB", "kB a trial"]


def curve(config: dict[str, Any], epochs: int) -> Iterator[tuple[dict[str, Any], float]]:
    """A curve that rises to the optimum at lr=0.01; more units take longer."""
    distance = abs(math.log10(config["lr"]) + 2)
    cost_s = 30 + config["units"] / 4
    for epoch in range(1, epochs + 1):
        yield {"epoch": epoch, "accuracy": 1 / (1 + distance + 3 / epoch)}, cost_s


@ag.args(lr=ag.Real(1e-6, 1, log=True), units=ag.Int(8, 512))
def train(args: Any, reporter: Any) -> None:
    """Never called: its curves are played."""


HYPERBAND = ag.scheduler.HyperbandScheduler
SCHEDULERS: dict[str, Callable[..., Any]] = {
    "stopping": functools.partial(HYPERBAND, max_t=MAX_T, type="stopping"),
    "promotion": functools.partial(HYPERBAND, max_t=MAX_T, type="promotion"),
    "pasha": functools.partial(ag.scheduler.PASHAScheduler, max_t=MAX_T),
    "sync_hyperband": functools.partial(ag.scheduler.SynchronousHyperbandScheduler, max_t=MAX_T),
    "pbt": functools.partial(
        ag.scheduler.PopulationBasedTrainingScheduler,
        max_t=MAX_T,
        population_size=32,
        perturbation_interval=3,
        populations=None,
    ),
    "median": ag.scheduler.MedianStoppingScheduler,
    "fifo": ag.scheduler.FIFOScheduler,
}


def simulate(
    trials: int, workers: int, kind: str, *, trial_time_out: bool = False
) -> dict[str, float]:
    """Figures of one run in this process."""
    curves = functools.partial(curve, epochs=EPOCHS.get(kind, MAX_T))
    scheduler = SCHEDULERS[kind](
        train,
        searcher="random",
        num_trials=trials,
        executor=SimulatedExecutor(curves, num_workers=workers),
        trial_time_out=1e6 if trial_time_out else None,
        progress=False,
    )
    began_s = time.process_time()
    scheduler.run()
    seconds = time.process_time() - began_s
    history = scheduler.history
    assert len(history.trials) == trials
    return {
        "events": len(history.events),
        "virtual_h": history.events[-1].time_s / 3600,
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_fresh_process(
    trials: int, workers: int, kind: str, *, trial_time_out: bool = False
) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", str(trials)]
    command += ["--workers", str(workers), "--scheduler", kind]
    command += ["--trial-time-out"] if trial_time_out else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scheduler", choices=SCHEDULERS, default="stopping")
    parser.add_argument("--trial-time-out", action="store_true", help="trials have a time limit")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = options.workers, options.scheduler
    limits = {"trial_time_out": options.trial_time_out}
    if options.one is not None:
        print(json.dumps(simulate(options.one, *settings, **limits)))
        return
    if options.profile:
        with cProfile.Profile() as profile:
            simulate(max(options.trials), *settings, **limits)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        return
    epochs = EPOCHS.get(options.scheduler, MAX_T)
    print(f"{options.scheduler}, {options.workers:,} virtual workers, {epochs} epochs")
    print(ROW.format(*HEADER))
    first: tuple[float, float, int] | None = None
    for trials in sorted(options.trials):
        runs = [in_fresh_process(trials, *settings, **limits) for _ in range(options.repeats)]
        best = min(runs, key=lambda figures: figures["seconds"])
        each_us = 1e6 * best["seconds"] / best["events"]
        first = first or (each_us, best["peak_mb"], trials)
        more = trials - first[2]
        growth = f"{1024 * (best['peak_mb'] - first[1]) / more:.1f}" if more else ""
        print(
            ROW.format(
                f"{trials:,}",
                f"{best['events']:,}",
                f"{best['virtual_h']:.2f}",
                f"{best['seconds']:.2f}",
                f"{each_us:.1f}",
                f"{each_us / first[0]:.2f}",
                f"{best['peak_mb']:.0f}",
                growth,
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
