"""Multi-fidelity tuners on learning curves: regret over simulated time, agcore beside Syne Tune.

    python benchmarks/multi_fidelity.py --yahpo lcbench --cache runs.jsonl [--figure regret.png]

Each run has four simulated workers and ends when the time of 40 full-length evaluations is used
up, 20 on the recorded curves; what it had found at a quarter and a half of that counts too. No
method pays for its decisions. The problems are those of ``multi_fidelity_problems.py``. LCBench's
are left out, with a message, unless ``--yahpo`` names the folder ``lcbench`` of the repository
slds-lmu/yahpo_data; they need the extra ``yahpo``.

All methods have rungs at 1, 3, 9, 27 ... epochs and their library's defaults otherwise. Both
libraries begin with the default config, which is the middle of the space here, unless only recorded
configs may be proposed. A method is a searcher with a scheduler:

* ``random``: full-length evaluations of random configs;
* ``ASHA stopping``, ``ASHA promotion``, ``PASHA``: random configs and early stopping;
* ``BOHB``: kernel density estimates, with promotion, as all that follow;
* ``bayesopt KERNEL``: a Gaussian process over config and resource, called MOBSTER elsewhere;
  ``matern52`` is the default here, ``exp-decay-sum`` in Syne Tune;
* ``Hyper-Tune``: one Gaussian process for each rung, weighted, with up to four brackets drawn by
  these weights and delayed promotion (D-ASHA);
* ``Syne Tune ASHA`` and ``Syne Tune MOBSTER``: those of syne-tune 0.13.0 with its own simulator, in
  an environment of its own (``--venvs``; ``--peers ''`` leaves them out). The latter takes minutes
  for what takes others seconds: on LCBench it has a quarter of the budget.

Syne Tune's MOBSTER and the kernels that are no default have ten seeds, all else thirty; ``--seeds``
and ``--few-seeds`` change that. Where two methods are compared, it is over the seeds of both.

Regret is the distance, in percentage points, from the best accuracy that a method has seen to the
best that any run of the problem has seen, and to the best of the table where there is one.

With ``--cache`` each run is kept as it ends, and a run that is there is not made again, so that the
whole may be interrupted and go on, or get more seeds. Delete the file's lines of a method to have
it run anew. A file whose name ends in ``.gz`` is compressed.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multi_fidelity_problems import LCBENCH_TASKS, METRIC, Problem, problem_of
from multi_fidelity_report import Results, draw, print_report
from peers import ONE_THREAD, REPOSITORY, default_folder, environment, machine_note

import agcore as ag
from agcore.errors import MissingExtraError
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import Reported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

WORKERS = 4
GRACE_PERIOD = 1
REDUCTION_FACTOR = 3
PEER = "synetune-simulator"


# -- methods -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Method:
    """A searcher with a scheduler.

    Attributes:
        title: Its name in tables.
        scheduler: Name of the scheduler's class in agcore; of the method in the peer's script.
        searcher: By name.
        settings: More of the scheduler's arguments.
        search_options: Of the searcher.
        is_peer: Whether it is Syne Tune's.
        has_few_seeds: Whether it has fewer than others have.
        is_slow: Whether it has a quarter of the budget on LCBench: the runs of a seed with the
            whole would take hours.
    """

    title: str
    scheduler: str
    searcher: str = "random"
    settings: dict[str, Any] = field(default_factory=dict)
    search_options: dict[str, Any] = field(default_factory=dict)
    is_peer: bool = False
    has_few_seeds: bool = False
    is_slow: bool = False

    def budget(self, problem: Problem) -> int:
        """Of a run, in full-length evaluations."""
        return problem.budgets[0 if self.is_slow and problem.spec["kind"] == "lcbench" else -1]


HYPERTUNE = {"type": "promotion", "brackets": 4, "delay_promotion": True}
"""All that Hyper-Tune is: weighted models, weighted brackets, delayed promotion."""


def _promotion(title: str, searcher: str, **search_options: Any) -> Method:
    kind = {"type": "promotion"}
    return Method(title, "HyperbandScheduler", searcher, kind, search_options)


def _bayesopt(kernel: str) -> Method:
    method = _promotion(f"bayesopt {kernel}", "bayesopt", gp_resource_kernel=kernel)
    return replace(method, has_few_seeds=kernel != DEFAULT_KERNEL)


DEFAULT_KERNEL = "matern52"
KERNELS = (
    DEFAULT_KERNEL,
    "matern52-res-warp",
    "exp-decay-sum",
    "exp-decay-combined",
    "exp-decay-delta1",
)
METHODS = (
    Method("random", "FIFOScheduler"),
    Method("ASHA stopping", "HyperbandScheduler", settings={"type": "stopping"}),
    _promotion("ASHA promotion", "random"),
    Method("PASHA", "PASHAScheduler"),
    _promotion("BOHB", "bohb"),
    *map(_bayesopt, KERNELS),
    Method("Hyper-Tune", "HyperbandScheduler", "hypertune", settings=HYPERTUNE),
    Method("Syne Tune ASHA", "ASHA-promotion", is_peer=True),
    Method("Syne Tune MOBSTER", "MOBSTER", is_peer=True, has_few_seeds=True, is_slow=True),
)


# -- one run -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What a method did on a problem with a seed.

    Attributes:
        method: Its title.
        problem: The problem's name.
        seed: Of the method.
        budget_s: Seconds on the clock that it had.
        full_length_s: Seconds of a full-length evaluation, in the mean.
        workers: Simulated ones.
        improvements: Pairs of the time on the clock and the best accuracy by then, each better
            than the one before.
        trials: Configs it began.
        epochs: Reports of all of them.
        cpu_s: Processor seconds that it took, curves included.
        version: Of the library.
    """

    method: str
    problem: str
    seed: int
    budget_s: float
    full_length_s: float
    workers: int
    improvements: list[tuple[float, float]]
    trials: int
    epochs: int
    cpu_s: float
    version: str


@dataclass(frozen=True)
class Job:
    """A run that is to be made; in plain values, for another process.

    Attributes:
        method: What runs.
        spec: Makes the problem.
        seed: Of the method.
        python: Of the peer's environment; None for agcore.
        limit_s: Seconds after which a peer is given up.
    """

    method: Method
    spec: dict[str, Any]
    seed: int
    python: str | None
    limit_s: float


@functools.lru_cache(maxsize=2)
def _problem(spec: str) -> Problem:
    return problem_of(json.loads(spec))


def run(job: Job) -> Run:
    """Makes a run.

    Raises:
        RuntimeError: A peer ended with an error, or took too long.
    """
    problem = _problem(json.dumps(job.spec))
    budget_s = problem.budget_s(job.method.budget(problem), WORKERS)
    began_s = time.process_time()
    if job.method.is_peer:
        reply = _by_syne_tune(job, problem, budget_s)
        reports = [(at_s, accuracy) for at_s, _, _, accuracy in reply["reports"]]
        trials, cpu_s, version = len(reply["configs"]), reply["cpu_s"], reply["version"]
    else:
        history = _by_agcore(job, problem, budget_s)
        events = (event for event in history.events if isinstance(event, Reported))
        reports = [(event.time_s, event.metrics[METRIC]) for event in events]
        trials, version = len(history.trials), ag.__version__
        cpu_s = time.process_time() - began_s
    return Run(
        job.method.title,
        problem.name,
        job.seed,
        budget_s,
        problem.full_length_s,
        WORKERS,
        list(_improvements(reports)),
        trials,
        len(reports),
        cpu_s,
        version,
    )


def _improvements(reports: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    best = -1.0
    for at_s, accuracy in reports:
        if accuracy > best:
            best = accuracy
            yield at_s, best


def _by_agcore(job: Job, problem: Problem, budget_s: float) -> Any:
    method = job.method

    @ag.args(**problem.search_space(), epochs=problem.max_epochs)
    def train(args: Any, reporter: Any) -> None:
        """Never called: its curves are played."""

    options = {
        "random_seed": job.seed,
        "candidates": problem.candidates,
        **method.search_options,
    }
    settings = dict(method.settings)
    if method.scheduler != "FIFOScheduler":
        settings |= {"grace_period": GRACE_PERIOD, "reduction_factor": REDUCTION_FACTOR}
    scheduler = getattr(ag.scheduler, method.scheduler)(
        train,
        searcher=method.searcher,
        search_options=options,
        reward_attr=METRIC,
        executor=SimulatedExecutor(problem, num_workers=WORKERS),
        time_out=budget_s,
        progress=False,
        **settings,
    )
    scheduler.run()
    return scheduler.history


def _by_syne_tune(job: Job, problem: Problem, budget_s: float) -> dict[str, Any]:
    request = {
        "problem": job.spec,
        "method": job.method.scheduler,
        "seed": job.seed,
        "workers": WORKERS,
        "max_epochs": problem.max_epochs,
        "grace_period": GRACE_PERIOD,
        "reduction_factor": REDUCTION_FACTOR,
        "budget_s": budget_s,
    }
    script = Path(__file__).with_name("synetune_simulated.py")
    done = subprocess.run(
        [str(job.python), str(script)],
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=job.limit_s,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(REPOSITORY)},
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"exit code {done.returncode}: {last}")
    reply: dict[str, Any] = json.loads(done.stdout)
    if "error" in reply:
        raise RuntimeError(reply["error"])
    return reply


# -- all runs ------------------------------------------------------------------------------


class Cache:
    """Runs that were made, in a file of JSON lines.

    Args:
        path: The file, compressed if its name ends in ``.gz``; None keeps them in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.runs: dict[tuple[str, str, int], Run] = {}
        if path is not None and path.exists():
            with self._opened("rt") as file:
                for line in file:
                    self._remember(Run(**json.loads(line)))

    def _opened(self, mode: str) -> Any:
        assert self._path is not None
        if self._path.suffix == ".gz":
            return gzip.open(self._path, mode, encoding="utf-8")
        return self._path.open(mode, encoding="utf-8")

    def _remember(self, made: Run) -> None:
        self.runs[made.method, made.problem, made.seed] = made

    def add(self, made: Run) -> None:
        """Keep a run."""
        self._remember(made)
        if self._path is not None:
            with self._opened("at") as file:
                file.write(json.dumps(asdict(made)) + "\n")


def jobs_of(
    methods: Sequence[Method],
    problems: Sequence[Problem],
    options: argparse.Namespace,
    python: str | None,
) -> list[Job]:
    """All runs that are wanted: seed by seed, so that what is cut short is a fair half."""
    seeds = range(max(options.seeds, options.few_seeds))
    return [
        Job(method, dict(problem.spec), seed, python, options.limit_s)
        for seed in seeds
        for problem in problems
        for method in methods
        if seed < (options.few_seeds if method.has_few_seeds else options.seeds)
    ]


def make_runs(jobs: Sequence[Job], cache: Cache, processes: int) -> None:
    """Makes the runs, several processes at a time, and says what failed."""
    os.environ.update(ONE_THREAD)  # before the children import NumPy
    began_s = time.monotonic()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run, job): job for job in jobs}
        try:
            for number, made in enumerate(as_completed(waiting), start=1):
                job = waiting[made]
                try:
                    cache.add(made.result())
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    name = f"{job.method.title}, {job.spec}, seed {job.seed}"
                    print(f"\n{name}: {error}", file=sys.stderr)
                if not sys.stderr.isatty():
                    continue
                elapsed_s = time.monotonic() - began_s
                left_s = elapsed_s / number * (len(jobs) - number)
                print(
                    f"\r{number} of {len(jobs)} runs, {elapsed_s / 60:.0f} min, about "
                    f"{left_s / 60:.0f} min left ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    print(file=sys.stderr)


# -- the command ---------------------------------------------------------------------------


def specs_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Problems by the command line."""
    specs: list[dict[str, Any]] = []
    if options.yahpo is None:
        print("LCBench is left out: pass --yahpo with the folder of its surrogate", file=sys.stderr)
    else:
        directory = str(options.yahpo.resolve())
        specs += [
            {"kind": "lcbench", "directory": directory, "task": task} for task in LCBENCH_TASKS
        ]
    specs += [{"kind": "letter"}, {"kind": "letter-mlp"}]
    return specs


def chosen(named: str | None, things: Sequence[Any], name: Callable[[Any], str]) -> list[Any]:
    """Those whose names are in a text with commas; all without one.

    Raises:
        SystemExit: There is none of a name.
    """
    if named is None:
        return list(things)
    by_name = {name(thing): thing for thing in things}
    wanted = [part.strip() for part in named.split(",")]
    if unknown := [part for part in wanted if part not in by_name]:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(by_name)}")
    return [by_name[part] for part in wanted]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yahpo", type=Path, metavar="DIR", help="LCBench's surrogate")
    parser.add_argument("--cache", type=Path, help="a file that keeps the runs that have ended")
    parser.add_argument("--figure", type=Path, help="draw regret over time to this file")
    parser.add_argument("--methods", help="titles between commas; all by default")
    parser.add_argument("--problems", help="names between commas; all by default")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument(
        "--few-seeds", type=int, default=10, help="of Syne Tune's MOBSTER and most kernels"
    )
    parser.add_argument("--peers", default="syne-tune", help="'' leaves Syne Tune out")
    parser.add_argument("--venvs", type=Path, default=default_folder(), help="environments")
    parser.add_argument("--processes", type=int, default=2, help="that compute at a time")
    parser.add_argument("--limit-s", type=float, default=1800.0, help="for a run of Syne Tune")
    parser.add_argument("--report-only", action="store_true", help="make no runs")
    options = parser.parse_args()

    methods = chosen(options.methods, METHODS, lambda method: method.title)
    if not options.peers:
        methods = [method for method in methods if not method.is_peer]
    try:
        problems = [problem_of(spec) for spec in specs_of(options)]
    except MissingExtraError as error:
        raise SystemExit(str(error)) from error
    problems = chosen(options.problems, problems, lambda problem: problem.name)
    cache = Cache(options.cache)
    if not options.report_only:
        has_peer = any(method.is_peer for method in methods)
        python = str(environment(PEER, options.venvs)) if has_peer else None
        names = {json.dumps(dict(problem.spec)): problem.name for problem in problems}
        jobs = [
            job
            for job in jobs_of(methods, problems, options, python)
            if (job.method.title, names[json.dumps(job.spec)], job.seed) not in cache.runs
        ]
        make_runs(jobs, cache, options.processes)

    titles = [method.title for method in methods]
    results = Results(list(cache.runs.values()), titles, problems)
    print(f"{machine_note()}; {WORKERS} simulated workers")
    print_report(results)
    if options.figure is not None:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
