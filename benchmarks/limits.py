"""How soon ``time_out`` ends a run whose trials never report and ignore SIGTERM.

    python benchmarks/limits.py [--repeats 5] [--workers 4]

Prints the seconds between the deadline and the return of ``run()``: median and worst.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import agcore as ag

TIME_OUT_S = 2.0


@ag.args(x=ag.Real(0, 1))
def deaf(args: Any, reporter: Any) -> None:
    """Never reports, and ignores a polite request to end."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def seconds_late(workers: int) -> float:
    """How long after its deadline a run returns."""
    scheduler = ag.scheduler.FIFOScheduler(
        deaf, time_out=TIME_OUT_S, num_workers=workers, progress=False
    )
    began = time.monotonic()
    scheduler.run()
    return time.monotonic() - began - TIME_OUT_S


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    late = [seconds_late(options.workers) for _ in range(options.repeats)]
    print(
        f"time_out, {options.workers} deaf trials   {statistics.median(late):.2f} s late, at worst "
        f"{max(late):.2f} s   asked: within 1 s"
    )


if __name__ == "__main__":
    main()
