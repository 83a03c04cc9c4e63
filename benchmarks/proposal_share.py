"""What share of a Hyperband run's time proposals by ``bayesopt`` take, and what the slots wait.

    python benchmarks/proposal_share.py [--trials 200] [--epoch-s 0.5] [--workers 4]

A trial sleeps for its epochs, nine at most, so the CPUs are free for the searcher, as they are
where trials run on GPUs. ``share`` is the seconds of all proposals over those of the run; the loop
proposes while it does nothing else, so a slot may wait for others' proposals, too: ``idle`` is what
all slots together did not use.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import agcore as ag
from agcore.demo.letter_mlp import search_space
from agcore.records import TrialProposed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--epoch-s", type=float, default=0.5)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()

    @ag.args(**search_space(), epoch_s=options.epoch_s)
    def sleeps(args: Any, reporter: Any) -> None:
        distance = (math.log10(args.learning_rate) + 2.5) ** 2 + args.dropout_1**2
        for epoch in range(1, 10):
            time.sleep(args.epoch_s)
            reporter(epoch=epoch, accuracy=math.exp(-distance) * (1 - 0.5**epoch))

    scheduler = ag.scheduler.HyperbandScheduler(
        sleeps,
        searcher="bayesopt",
        num_trials=options.trials,
        num_workers=options.workers,
        max_t=9,
        grace_period=1,
        reduction_factor=3,
        progress=False,
    )
    began = time.monotonic()
    scheduler.run()
    wall_s = time.monotonic() - began
    proposals = [e for e in scheduler.history.events if isinstance(e, TrialProposed)]
    seconds = sum(event.suggest_s for event in proposals)
    epochs = sum(len(trial.reports) for trial in scheduler.trials.values())
    idle = 1 - epochs * options.epoch_s / (wall_s * options.workers)
    print(
        f"{len(proposals)} proposals, {epochs} epochs of {options.epoch_s:g} s, {options.workers} "
        f"workers: {wall_s:.0f} s, proposals {seconds:.1f} s, share {seconds / wall_s:.1%} "
        f"(asked: below 10%); idle {idle:.1%} of the slots"
    )


if __name__ == "__main__":
    main()
