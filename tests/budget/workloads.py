"""Learning curves of many kinds, played on a simulated clock."""

import math

import numpy as np

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import TrialEnded

KINDS = {
    "fifo": (ag.scheduler.FIFOScheduler, {}),
    "stopping": (ag.scheduler.HyperbandScheduler, {"type": "stopping"}),
    "promotion": (ag.scheduler.HyperbandScheduler, {"type": "promotion"}),
}
EPOCHS = 27


def curve_of(seed, *, spread=0.8, noise=0.2, early=0.0, startup_s=0.0):
    """A curve with a pace that depends on the config, and epochs that differ.

    Args:
        seed: Of all of it.
        spread: Standard deviation of the log of the pace over configs.
        noise: That of the log of an epoch's seconds.
        early: Share of configs that return before their last epoch.
        startup_s: What the first epoch takes on top.
    """

    def curve(config):
        rng = np.random.default_rng([seed, int(config["x"] * 1e9)])
        pace_s = math.exp(spread * rng.normal())
        count = EPOCHS if rng.random() >= early else int(rng.integers(1, EPOCHS))
        for epoch in range(1, count + 1):
            seconds = pace_s * math.exp(noise * rng.normal()) + startup_s * (epoch == 1)
            yield {"epoch": epoch, "accuracy": config["x"] * (1 - math.exp(-epoch / 9))}, seconds

    return curve


@ag.args(x=ag.Real(0, 1), y=ag.Real(0, 1), epochs=EPOCHS)
def train(args, reporter):
    """Never called: its curves are played."""


def make(kind, budget, *, workers=4, seed=0, curve=None, **arguments):
    """A scheduler with a time budget that plays curves."""
    scheduler, extra = KINDS[kind]
    curves = curve_of(seed) if curve is None else curve
    return scheduler(
        arguments.pop("train_fn", train),
        time_budget=budget,
        executor=SimulatedExecutor(curves, num_workers=workers),
        search_options={"random_seed": seed},
        progress=False,
        **extra,
        **arguments,
    )


def overshoot_and_unused(scheduler, budget_s):
    """By how much of the budget the last trial ended too late, and what of it no worker used."""
    history = scheduler.history
    last_s = max(event.time_s for event in history.events if isinstance(event, TrialEnded))
    worker_s = sum(trial.busy_s for trial in scheduler.trials.values())
    last_s -= history.start_s
    return last_s / budget_s - 1, 1 - worker_s / (budget_s * scheduler.slots)
