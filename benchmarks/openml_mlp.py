"""A small network on a task of OpenML: its error over time, by scheduler and searcher.

    python benchmarks/openml_mlp.py --out DIR [--task 6] [--framework sklearn] [--time-out 120]
    python benchmarks/openml_mlp.py --out DIR --simulate

The network is the demo's perceptron with its eight hyperparameters. Task 6, the letter data, comes
with the package; others are taken from the cache of ``openml``, or downloaded. Every scheduler is
paired with every searcher, and each pair is run for each seed, ``--repeats`` times: real runs with
the same seed differ, because it matters which trial reports first. A pair that does not go together
(skopt under Hyperband) is left out with a message.

With ``--simulate`` the recorded curves of 500 configs on the letter data are played on a virtual
clock. Only these configs can be proposed, decisions cost no time, and a seed always gives the same,
so that there is one repeat. Such runs take seconds. No run tries a default config first: it says
more about who chose the space than about a method.

The folder gets three files:

* ``runs.jsonl``: each run as it ended. A run that is there is not made again, so the whole may be
  interrupted and go on, or get more seeds. Other options give other runs.
* ``incumbents.csv``: a row for each time that a run found a smaller error.
* ``incumbents.png``: median and quartiles of the error over time, a line for each pair.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openml_mlp_report import draw, print_report, write_table
from peers import ONE_THREAD, machine_note

import agcore as ag
from agcore.curves import CurveTable
from agcore.datasets import load_letter_curves
from agcore.demo.letter_mlp import (
    EPOCHS,
    FRAMEWORKS,
    OPENML_TASK_ID,
    make_train_function,
    task_data,
)
from agcore.errors import AgcoreError
from agcore.executor.simulated import SimulatedExecutor
from agcore.tuning import TuneResult, make_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

METRIC = "objective"
RECORDED = "recorded"
"""What stands for a framework where curves are played."""
TIME_OUT_S = {"real": 120.0, "simulated": 10.0}
SIMULATED_WORKERS = 4


# -- one run -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A run that is to be made.

    Attributes:
        task: Of OpenML, by number.
        framework: What trains the network, or `RECORDED`.
        scheduler: By its short name, as `ag.tune` takes it.
        searcher: By name.
        seed: Of searcher and trials.
        repeat: From 0, where the same is run several times.
        time_out_s: Seconds on the clock, real or virtual.
        workers: Trials at once.
        epochs: Of a trial that is not stopped.
    """

    task: int
    framework: str
    scheduler: str
    searcher: str
    seed: int
    repeat: int
    time_out_s: float
    workers: int
    epochs: int

    @property
    def method(self) -> str:
        """Scheduler and searcher, as tables and the figure name them."""
        return f"{self.scheduler} {self.searcher}"


@dataclass(frozen=True)
class Run:
    """What became of a job.

    Attributes:
        job: What was asked.
        improvements: Each time the error was smaller than before: seconds on the clock, trial,
            epoch and error, the share of validation rows that are classified wrongly.
        trials: Configs it began.
        reports: Of all of them.
        took_s: Real seconds.
        version: Of agcore.
    """

    job: Job
    improvements: list[tuple[float, int, int, float]]
    trials: int
    reports: int
    took_s: float
    version: str


@functools.lru_cache(maxsize=1)
def _recorded_curves(epochs: int) -> CurveTable:
    """The first epochs of each config, as the validation accuracy alone."""
    rows = (
        {
            "config": row["config"],
            "elapsed": row["elapsed"][:epochs],
            METRIC: row["val_acc"][:epochs],
        }
        for row in load_letter_curves()
    )
    return CurveTable.from_rows(rows)


def run(job: Job) -> Run | str:
    """Makes a run, or says why there is none."""
    began_s = time.monotonic()
    options: dict[str, Any] = {"random_seed": job.seed, "first_is_default": False}
    if job.framework == RECORDED:
        curves = _recorded_curves(job.epochs)
        options["candidates"] = curves.configs
        function = make_train_function(epochs=job.epochs)
        where = {"executor": SimulatedExecutor(curves, num_workers=job.workers)}
    else:
        function = make_train_function(job.framework, job.epochs, job.task)
        where = {"num_workers": job.workers}
    try:
        scheduler = make_scheduler(
            function,
            job.scheduler,
            searcher=job.searcher,
            search_options=options,
            reward_attr=METRIC,
            time_out=job.time_out_s,
            progress=False,
            **where,
        )
        scheduler.run()
    except AgcoreError as error:
        return f"{job.method} is left out: {str(error).splitlines()[0]}"
    found = TuneResult(scheduler).incumbents
    return Run(
        job,
        [(i.elapsed_s, i.trial_id, i.resource, 1.0 - i.reward) for i in found],
        len(scheduler.trials),
        sum(len(reports) for reports in scheduler.training_history.values()),
        time.monotonic() - began_s,
        ag.__version__,
    )


# -- all runs ------------------------------------------------------------------------------


class RunFile:
    """Runs in a file of JSON lines, the last of which may be torn.

    Args:
        path: The file; made with the first run.

    Attributes:
        runs: By what was asked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.runs: dict[Job, Run] = {}
        if not path.exists():
            return
        text = path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # a run was interrupted while it was written down
            path.write_text(whole)
        for line in whole.splitlines():
            fields = json.loads(line)
            job = Job(**fields.pop("job"))
            self.runs[job] = Run(job, **fields)

    def add(self, made: Run) -> None:
        """Keep a run."""
        self.runs[made.job] = made
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(made)) + "\n")


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """All runs that are wanted: seed by seed, so that what is cut short is a fair half."""
    simulated = options.simulate
    return [
        Job(
            options.task,
            RECORDED if simulated else options.framework,
            scheduler,
            searcher,
            seed,
            repeat,
            options.time_out or TIME_OUT_S["simulated" if simulated else "real"],
            options.workers or (SIMULATED_WORKERS if simulated else os.cpu_count() or 1),
            options.epochs,
        )
        for repeat in range(1 if simulated else options.repeats)
        for seed in range(options.seeds)
        for scheduler in options.schedulers
        for searcher in options.searchers
    ]


def make_runs(jobs: Sequence[Job], kept: RunFile, processes: int) -> None:
    """Makes the runs, writes each down as it ends, and says what was left out."""
    complaints: set[str] = set()
    for number, made in enumerate(_results(jobs, processes), start=1):
        if isinstance(made, Run):
            kept.add(made)
        elif made not in complaints:
            complaints.add(made)
            print(f"\n{made}", file=sys.stderr)
        if sys.stderr.isatty():
            print(f"\r{number} of {len(jobs)} runs", end="", file=sys.stderr, flush=True)
    if jobs and sys.stderr.isatty():
        print(file=sys.stderr)


def _results(jobs: Sequence[Job], processes: int) -> Iterator[Run | str]:
    """Simulated runs several at a time, real ones one after another: they need the machine."""
    if not jobs or jobs[0].framework != RECORDED:
        yield from map(run, jobs)
        return
    os.environ.update(ONE_THREAD)  # before the children import NumPy
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(run, jobs)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# -- the command ---------------------------------------------------------------------------


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def parse() -> argparse.Namespace:
    """The command line, checked.

    Raises:
        SystemExit: Options do not go together, or the task cannot be had.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--task", type=int, default=OPENML_TASK_ID, help="number at OpenML")
    parser.add_argument("--framework", choices=sorted(FRAMEWORKS), default="sklearn")
    parser.add_argument("--simulate", action="store_true", help="play recorded curves")
    parser.add_argument("--schedulers", type=_names, default=["fifo", "hbs", "hbp"])
    parser.add_argument("--searchers", type=_names, default=["random", "bayesopt"])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--repeats", type=int, default=1, help="of real runs, for each seed")
    parser.add_argument("--time-out", type=float, help="seconds of a run; 120, simulated 10")
    parser.add_argument("--workers", type=int, help="trials at once; all CPUs, simulated 4")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of a full-length trial")
    parser.add_argument("--processes", type=int, default=2, help="that simulate at a time")
    options = parser.parse_args()
    if options.simulate:
        if options.task != OPENML_TASK_ID:
            parser.error(f"curves are recorded of task {OPENML_TASK_ID} only")
        last_epoch = _recorded_curves(options.epochs).max_resource
        if options.epochs > last_epoch:
            parser.error(f"the recorded curves end after {last_epoch} epochs")
        return options
    try:
        make_train_function(options.framework)
        task_data(options.task)  # what is missing is downloaded here, not in each worker
    except AgcoreError as error:
        parser.error(str(error))
    return options


def main() -> None:
    """Run, print, write the table and draw."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = RunFile(options.out / "runs.jsonl")
    jobs = jobs_of(options)
    make_runs([job for job in jobs if job not in kept.runs], kept, options.processes)

    runs = [kept.runs[job] for job in jobs if job in kept.runs]
    if not runs:
        raise SystemExit("no run was made")
    clock = "virtual" if options.simulate else "real"
    print(f"{machine_note()}; {jobs[0].workers} {clock} workers, {jobs[0].time_out_s:g} s a run")
    print_report(runs)
    write_table(runs, options.out / "incumbents.csv")
    draw(runs, options.out / "incumbents.png")


if __name__ == "__main__":
    main()
