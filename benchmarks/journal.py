"""What durability costs: events written and read a second, and the driver's CPU.

    python benchmarks/journal.py [--repeats 5]

The driver's CPU per report and per trial is measured in fresh processes that run the same
trials with and without a run directory, in turns; the ratio of the medians is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agcore.journal import JournalWriter, read_journal
from agcore.records import Reported, RunStarted

DRIVER = """
import json, logging, sys, time
import agcore as ag

logging.getLogger("agcore").setLevel(logging.ERROR)
trials, reports, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None

@ag.args(x=ag.Real(0, 1), epochs=reports)
def train(args, reporter):
    for epoch in range(args.epochs):
        reporter(epoch=epoch + 1, accuracy=0.5, loss=1.25)

scheduler = ag.scheduler.FIFOScheduler(
    train, num_trials=trials, num_workers=2, checkpoint=path, progress=False)
began = time.process_time()
scheduler.run()
print(json.dumps(time.process_time() - began))
"""


def events(count: int) -> list[Reported]:
    """Reports as a small network makes them."""
    return [
        Reported(i % 50, 1.7e9 + i / 7, i // 50 + 1, i / count, {"epoch": 1, "accuracy": i / count})
        for i in range(count)
    ]


def append_rate(path: Path, count: int, batch: int) -> float:
    """Events written a second, committed ``batch`` at a time, fsync once a second."""
    writer = JournalWriter(path)
    writer.append(RunStarted(0.0, 0, {}, {}, {}))
    reports = events(count)
    began = time.perf_counter()
    for number, event in enumerate(reports, start=1):
        writer.append(event)
        if number % batch == 0:
            writer.commit()
    writer.close()
    return count / (time.perf_counter() - began)


def read_seconds(path: Path) -> float:
    """Seconds to read a journal, per million events."""
    began = time.perf_counter()
    count = sum(1 for _ in read_journal(path))
    return (time.perf_counter() - began) * 1e6 / count


def driver_seconds(trials: int, reports: int, path: str) -> float:
    """CPU seconds of a scheduler's process."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(trials), str(reports), path],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def added_share(trials: int, reports: int, repeats: int, folder: Path) -> tuple[float, float]:
    """CPU of the driver without a journal, and what a journal adds as a share of it."""
    without, with_journal = [], []
    for number in range(repeats):
        without.append(driver_seconds(trials, reports, ""))
        path = folder / f"{trials}-{reports}-{number}"
        with_journal.append(driver_seconds(trials, reports, str(path)))
    base = statistics.median(without)
    return base, statistics.median(with_journal) / base - 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for batch in (1, 2, 16):
            rate = append_rate(folder / f"batch{batch}.jsonl", options.events // 5, batch)
            print(f"append, {batch:>2} events a commit   {rate:>10,.0f} events/s")
        append_rate(folder / "million.jsonl", options.events, 16)
        seconds = statistics.median(read_seconds(folder / "million.jsonl") for _ in range(3))
        print(f"read one million events    {seconds:>10.2f} s          asked: under 10")
        for what, trials, reports in (("report", 20, 1000), ("trial", 5000, 0)):
            base, added = added_share(trials, reports, options.repeats, folder)
            each = base / (trials * (reports or 1)) * 1e6
            print(
                f"driver CPU per {what:<6}      {each:>10.1f} us, journal adds {added:.1%}   "
                "asked: under 15%"
            )


if __name__ == "__main__":
    main()
