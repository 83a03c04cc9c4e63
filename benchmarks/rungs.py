"""Microseconds per decision of the two rung systems, beside the plain definitions on lists.

    python benchmarks/rungs.py

Three scripts are fed to each system through its policy:

* arrivals: 100,000 trials reach the first rung, one after the other;
* mixture: 100,000 reports of trials that go on, stop, pause and are promoted, together with the
  calls that start and end them;
* growth: the arrivals again, at 1,000, 10,000 and 100,000 trials.

The plain definitions (numpy.percentile of a list, sorting a list) run on 3,000 arrivals.
"""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np

from agcore.policy import HyperbandPolicy
from agcore.records import Action, NewTrial, TrialState

LIMIT_S = 2.0
NUM_REPORTS = 100_000
NUM_PLAIN = 3_000


def rewards(count: int) -> list[float]:
    """Scripted rewards."""
    return np.random.default_rng(1).random(count).tolist()


def started(kind: str, count: int) -> HyperbandPolicy:
    """A policy with ``count`` running trials."""
    policy = HyperbandPolicy(81, type=kind)
    for trial_id in range(count):
        policy.on_start(trial_id, NewTrial(0, 1))
    return policy


def arrivals_s(kind: str, count: int) -> float:
    """Seconds to decide on ``count`` trials that reach the first rung."""
    policy = started(kind, count)
    script = rewards(count)
    begin = perf_counter()
    for trial_id, reward in enumerate(script):
        policy.on_report(trial_id, 1, reward)
    return perf_counter() - begin


def mixture_s(kind: str) -> tuple[float, int]:
    """Seconds for 100,000 reports and all calls between them; how many trials there were."""
    policy = HyperbandPolicy(81, type=kind)
    script = rewards(NUM_REPORTS)
    num_trials = num_reports = 0
    begin = perf_counter()
    while num_reports < NUM_REPORTS:
        job = policy.next_job(0.0)
        if isinstance(job, NewTrial):
            trial_id, resource = num_trials, 0
            num_trials += 1
        else:
            trial_id, resource = job.trial_id, job.resume_from
        policy.on_start(trial_id, job)
        action = Action.CONTINUE
        while action is Action.CONTINUE and num_reports < NUM_REPORTS:
            resource += 1
            action = policy.on_report(trial_id, resource, script[num_reports]).action
            num_reports += 1
        paused = action is Action.PAUSE
        policy.on_exit(trial_id, TrialState.PAUSED if paused else TrialState.STOPPED)
    return perf_counter() - begin, num_trials


def off_rung_us() -> float:
    """Microseconds per report between two rungs."""
    policy = HyperbandPolicy(3 * NUM_REPORTS, rung_levels=[1, 2 * NUM_REPORTS])
    policy.on_start(0, NewTrial(0, 1))
    policy.on_report(0, 1, 0.5)
    begin = perf_counter()
    for resource in range(2, NUM_REPORTS):
        policy.on_report(0, resource, 0.5)
    return (perf_counter() - begin) / NUM_REPORTS * 1e6


def plain_us(kind: str) -> float:
    """Microseconds per arrival of the definition on a plain list."""
    earlier: list[float] = []
    begin = perf_counter()
    for reward in rewards(NUM_PLAIN):
        if kind == "stopping":
            _ = not earlier or reward >= np.percentile(earlier, 100 * (1 - 1 / 3))
            earlier.append(reward)
        else:
            earlier.append(reward)
            _ = reward in sorted(earlier, reverse=True)[: len(earlier) // 3]
    return (perf_counter() - begin) / NUM_PLAIN * 1e6


def main() -> None:
    """Print the figures."""
    print(f"between two rungs        {off_rung_us():6.2f} us a report")
    for kind in ("stopping", "promotion"):
        arrivals = arrivals_s(kind, NUM_REPORTS)
        mixture, num_trials = mixture_s(kind)
        print(f"{kind}")
        for name, seconds in (("arrivals", arrivals), ("mixture", mixture)):
            verdict = "ok" if seconds < LIMIT_S else "TOO SLOW"
            print(
                f"  {name:9} {NUM_REPORTS:,} reports {seconds:6.2f} s "
                f"(limit {LIMIT_S:.0f} s: {verdict}), {seconds / NUM_REPORTS * 1e6:5.2f} us each"
            )
        print(f"  the mixture had {num_trials:,} trials, their starts and ends are included")
        sizes = [10**3, 10**4, 10**5]
        costs = [min(arrivals_s(kind, n) for _ in range(3)) / n * 1e6 for n in sizes]
        pairs = zip(sizes, costs, strict=True)
        steps = ", ".join(f"{cost:.2f} us at {size:,}" for size, cost in pairs)
        growth = costs[-1] / costs[0]
        print(f"  growth    {steps}: x{growth:.2f}; log n grows x{math.log(1e5, 1e3):.2f}")
        print(f"  plain     {plain_us(kind):.0f} us at {NUM_PLAIN:,}, growing with n")


if __name__ == "__main__":
    main()
