"""What agcore itself costs: trials and reports a second, imports, first report, memory.

    python benchmarks/overhead.py [--repeats 3] [--peer-python PYTHON]

Each figure is the median of several fresh processes. With ``--peer-python`` (a Python that
has Optuna installed) Optuna's rate is measured in turns with ours and printed beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

TRIALS = """
import json, resource, time
import agcore as ag

@ag.args(x=ag.Real(0, 1))
def no_op(args, reporter):
    return None

scheduler = ag.scheduler.FIFOScheduler(
    no_op, num_trials={n}, num_workers=2, searcher="random", progress=False)
import logging
logging.getLogger("agcore").setLevel(logging.ERROR)  # "ended without a report", n times
began = time.perf_counter()
scheduler.run()
seconds = time.perf_counter() - began
print(json.dumps({{"rate": {n} / seconds}}))
"""

REPORTS = """
import json, resource, time
import agcore as ag

@ag.args(x=ag.Real(0, 1), epochs={n} // 10)
def reports(args, reporter):
    for epoch in range(args.epochs):
        reporter(epoch=epoch + 1, accuracy=0.5, loss=1.25)

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

scheduler = ag.scheduler.FIFOScheduler(
    reports, num_trials=10, num_workers=2, searcher="random", progress=False)
began = time.perf_counter()
scheduler.run()
seconds = time.perf_counter() - began
count = sum(map(len, scheduler.training_history.values()))
assert count == {n}, count
print(json.dumps({{"rate": count / seconds, "memory_mb": peak_mb()}}))
"""

FIRST_REPORT = """
import json, time
import agcore as ag

@ag.args(x=ag.Real(0, 1))
def one(args, reporter):
    reporter(epoch=1, accuracy=args.x)

scheduler = ag.scheduler.FIFOScheduler(one, num_trials=1, progress=False)
began = time.time()
scheduler.run()
print(json.dumps({"seconds": scheduler.trials[0].reports[0].time_s - began}))
"""

IMPORT = """
import json, time
began = time.perf_counter()
import {module}
print(json.dumps({{"seconds": time.perf_counter() - began}}))
"""

OPTUNA = """
import json, time
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler())
began = time.perf_counter()
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials={n}, n_jobs=2)
print(json.dumps({{"rate": {n} / (time.perf_counter() - began)}}))
"""


def measure(code: str, python: str = sys.executable) -> dict[str, Any]:
    """What a fresh process prints as its last line."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a measurement failed:\n{done.stderr}")
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values


def median(code: str, key: str, repeats: int, python: str = sys.executable) -> float:
    """Median of one value over several fresh processes."""
    return statistics.median(measure(code, python)[key] for _ in range(repeats))


def report(name: str, value: float, unit: str, asked: str) -> None:
    """One line of the table."""
    print(f"{name:<34}{value:>10,.2f} {unit:<12}{asked}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--reports", type=int, default=50_000)
    parser.add_argument("--peer-python", type=Path, help="a Python with Optuna installed")
    options = parser.parse_args()
    repeats = options.repeats

    trials, peers = [], []
    for _ in range(repeats):
        trials.append(measure(TRIALS.format(n=options.trials))["rate"])
        if options.peer_python:
            code = OPTUNA.format(n=options.trials // 10)
            peers.append(measure(code, str(options.peer_python))["rate"])
    report("no-op trials", statistics.median(trials), "trials/s", "asked: 4,000 or more")
    if peers:
        ratio = statistics.median(trials) / statistics.median(peers)
        report("  Optuna, 2 threads", statistics.median(peers), "trials/s", f"ratio {ratio:.1f}")

    reports = [measure(REPORTS.format(n=options.reports)) for _ in range(repeats)]
    report(
        "reports",
        statistics.median(r["rate"] for r in reports),
        "reports/s",
        "asked: 15,000 or more",
    )
    report(
        f"driver memory, {options.reports:,} reports",
        statistics.median(r["memory_mb"] for r in reports),
        "MB",
        "asked: below 100",
    )
    first = median(FIRST_REPORT, "seconds", repeats)
    report("first report after run()", first, "s", "asked: within 1")
    ours = median(IMPORT.format(module="agcore"), "seconds", 2 * repeats + 1)
    numpy = median(IMPORT.format(module="numpy"), "seconds", 2 * repeats + 1)
    report("import agcore / import numpy", ours / numpy, "", "asked: at most 2")


if __name__ == "__main__":
    main()
