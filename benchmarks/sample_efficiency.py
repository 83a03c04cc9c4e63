"""Simple regret after 20, 40 and 80 evaluations: agcore's searcher beside its peers.

    python benchmarks/sample_efficiency.py [--seeds 20] [--save runs.jsonl]

Medians over seeds with 95% bootstrap intervals. All take part in the same run, in turns, in
child processes with one thread each, two of which compute at a time; each has the defaults of its
library, its initial design included. Whoever's interval overlaps the interval of the smallest
median is called tied with it.

Problems: Branin; Hartmann 6; Ackley in five dimensions with logarithmic scales, the optimum off
the centre; a mixed function of integers, categories and logarithmic scales, whose optimum is 0;
and the recorded configs of a network on the letter data (`agcore.datasets.load_letter_curves`),
one of which is to be found. There agcore is handed the configs as candidates, random search draws
rows, and for the others each proposal stands for the nearest config in the unit cube that it has
not seen; that one and its value they are told.

``--evaluations 300 --approximation none`` goes on to 300 evaluations, and adds a second row for
agcore with that option. With 20 seeds all of it takes hours, most of them skopt's and Optuna's;
``--problems``, ``--peers`` and ``--seeds`` make it shorter, and with ``--save runs.jsonl`` a run
that was cut off goes on: whatever the file holds is not computed again.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from peers import (
    REQUIREMENTS,
    Config,
    Entrant,
    OverTime,
    Parameter,
    Participant,
    ParticipantError,
    Told,
    default_folder,
    environment,
    machine_note,
    parameters_of,
)

from agcore.datasets import load_letter_curves
from agcore.demo.letter_mlp import EPOCHS, search_space
from agcore.encoding import Encoding
from agcore.space import Bool, Categorical, Int, Real, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

CHECKPOINTS = (20, 40, 80)
RESAMPLES = 5000

AGCORE = Entrant("agcore", "agcore", {"searcher": "GPFIFOSearcher"})
RANDOM = Entrant("random", "agcore", {"searcher": "RandomSearcher", "first_is_default": False})
PEERS = (
    Entrant("optuna GP", "optuna", {"sampler": "GPSampler"}),
    Entrant("optuna TPE", "optuna", {"sampler": "TPESampler"}),
    Entrant("skopt GP", "skopt"),
)


# -- problems ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A function to minimise.

    Attributes:
        name: For the table.
        space: Its configs.
        loss: Of a config.
        minimum: The smallest loss there is.
        table: The only configs that can be evaluated, or empty for all.
    """

    name: str
    space: SearchSpace
    loss: Callable[[Config], float]
    minimum: float
    table: Sequence[Config] = field(default=())


def branin(config: Config) -> float:
    """Three minima of equal depth; Dixon & Szegoe (1978)."""
    x, y = config["x"], config["y"]
    valley = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
    return float(valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


_HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann6(config: Config) -> float:
    """Six minima, one of them global; Dixon & Szegoe (1978)."""
    x = np.array([config[f"x{i}"] for i in range(6)])
    distances = (_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(axis=1)
    return float(-_HARTMANN_ALPHA @ np.exp(-distances))


_ACKLEY_OPTIMUM = np.array([-1.9, 0.7, -0.2, -2.3, 1.2])
"""Decimal logarithms."""


def ackley5(config: Config) -> float:
    """A funnel with ripples in the logarithms of five numbers; Ackley (1987)."""
    z = 4.0 * (np.log10([config[f"x{i}"] for i in range(5)]) - _ACKLEY_OPTIMUM)
    funnel = -20 * math.exp(-0.2 * math.sqrt(float(np.mean(z**2))))
    return float(funnel - math.exp(float(np.mean(np.cos(2 * math.pi * z)))) + 20 + math.e)


_PENALTY = {"sgd": 0.15, "adam": 0.0, "rmsprop": 0.05, "adagrad": 0.3}
_BEST_LOG_LR = {"sgd": -1.0, "adam": -3.0, "rmsprop": -3.5, "adagrad": -2.0}
_BEST_DEPTH = {"sgd": 3, "adam": 7, "rmsprop": 5, "adagrad": 2}


def mixed(config: Config) -> float:
    """Squares that depend on a category and a flag; 0 for adam at 7, 64, 1e-3, 0.7 and True."""
    kind, depth = config["optimiser"], config["depth"]
    too_deep = (depth - _BEST_DEPTH[kind]) / 6
    too_fast = (math.log10(config["lr"]) - _BEST_LOG_LR[kind]) / 2
    too_wide = math.log2(config["width"] / 64) / 3
    momentum = config["momentum"] - 0.7
    return float(
        _PENALTY[kind]
        + (0.1 if config["normalise"] == (kind == "sgd") else 0.0)
        + too_deep**2
        + (too_fast + 0.5 * too_deep) ** 2
        + 0.5 * too_wide**2
        + 0.5 * momentum**2
    )


def letter() -> Problem:
    """The recorded configs; the loss is 1 - accuracy after the demo's number of epochs."""
    records = load_letter_curves()
    table = [record["config"] for record in records]
    space = SearchSpace(search_space())
    losses = {space.key(r["config"]): 1.0 - r["val_acc"][EPOCHS - 1] for r in records}
    return Problem(
        f"letter MLP, {len(table)} recorded configs",
        space,
        lambda config: float(losses[space.key(config)]),
        min(losses.values()),
        table,
    )


def problems() -> dict[str, Problem]:
    """All problems by their short names."""
    cube = SearchSpace({f"x{i}": Real(0, 1) for i in range(6)})
    decades = SearchSpace({f"x{i}": Real(1e-3, 1e2, log=True) for i in range(5)})
    network = SearchSpace(
        {
            "optimiser": Categorical(*_PENALTY),
            "depth": Int(1, 12),
            "width": Int(8, 256, log=True),
            "lr": Real(1e-5, 1.0, log=True),
            "momentum": Real(0, 1),
            "normalise": Bool(),
        }
    )
    plane = SearchSpace({"x": Real(-5, 10), "y": Real(0, 15)})
    return {
        "branin": Problem("Branin", plane, branin, 0.39788735772973816),
        "hartmann6": Problem("Hartmann 6", cube, hartmann6, -3.322368011415515),
        "ackley5": Problem("Ackley 5, logarithmic scales", decades, ackley5, 0.0),
        "mixed": Problem("mixed integers and categories", network, mixed, 0.0),
        "letter": letter(),
    }


# -- running -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One participant on one problem with one seed.

    Attributes:
        losses: Of its evaluations, in order.
        cpu_s: For all its proposals.
    """

    losses: list[float]
    cpu_s: float


class Nearest:
    """Stands in for proposals: the nearest config of a table that was not handed out before."""

    def __init__(self, encoding: Encoding, table: Sequence[Config]) -> None:
        self._encoding, self._table = encoding, table
        self._rows = encoding.encode_all(table)
        self._free = np.ones(len(table), dtype=bool)

    def __call__(self, config: Config) -> Config:
        """The config of the table."""
        row = self._encoding.encode(self._encoding.space.complete(config))
        distances = ((self._rows - row) ** 2).sum(axis=1)
        nearest = int(np.where(self._free, distances, np.inf).argmin())
        self._free[nearest] = False
        return self._table[nearest]


def run(
    participant: Participant, problem: Problem, seed: int, evaluations: int, limit_s: float
) -> Run:
    """Let a participant minimise a problem."""
    parameters, more = parameters_of(problem.space), {}
    evaluated: Callable[[Config], Config] = problem.space.complete
    tells_row = problem.table and participant.entrant is RANDOM
    if tells_row:
        parameters = [Parameter("row", "int", 0, len(problem.table) - 1)]
    elif problem.table and participant.entrant.library == "agcore":
        more = {"candidates": list(problem.table)}
    elif problem.table:
        evaluated = Nearest(Encoding(problem.space), problem.table)
    participant.start(parameters, seed, **more)
    told: Told | None = None
    losses, total_s = [], 0.0
    for _ in range(evaluations):
        proposal, cpu_s = participant.propose(told, limit_s)
        config = problem.table[proposal["row"]] if tells_row else evaluated(proposal)
        losses.append(problem.loss(config))
        told = (proposal if tells_row else config, losses[-1], None)
        total_s += cpu_s
    return Run(losses, total_s)


class Saved:
    """Runs that have ended, in a file of JSON lines.

    Args:
        path: The file, which need not exist; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, int], Run] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                key = record["problem"], record["entrant"], record["seed"]
                self._known[key] = Run(record["losses"], record["cpu_s"])

    def find(self, problem: str, entrant: str, seed: int, evaluations: int) -> Run | None:
        """A run of at least so many evaluations, if there is one."""
        found = self._known.get((problem, entrant, seed))
        return found if found is not None and len(found.losses) >= evaluations else None

    def add(self, problem: str, entrant: str, seed: int, result: Run) -> None:
        """Keep a run."""
        if self._path is None:
            return
        record = {"problem": problem, "entrant": entrant, "seed": seed, **asdict(result)}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


class Field:
    """All entrants, each with a child per worker thread.

    Args:
        entrants: Who takes part.
        options: Of the command line.
    """

    def __init__(self, entrants: Sequence[Entrant], options: argparse.Namespace) -> None:
        self.entrants = entrants
        self._saved = Saved(options.save)
        self.errors: dict[str, str] = {}
        self._options = options
        self._children: list[dict[str, Participant]] = [{} for _ in range(options.processes)]

    def runs(self, problem: Problem) -> dict[str, list[Run]]:
        """The runs of each entrant on a problem, in the order in which they ended."""
        jobs: queue.SimpleQueue[tuple[Entrant, int]] = queue.SimpleQueue()
        for seed in range(self._options.seeds):
            for entrant in self.entrants:
                jobs.put((entrant, seed))
        done: dict[str, list[Run]] = {entrant.title: [] for entrant in self.entrants}
        workers = [
            threading.Thread(target=self._work, args=(children, problem, jobs, done))
            for children in self._children
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return done

    def _work(
        self,
        children: dict[str, Participant],
        problem: Problem,
        jobs: queue.SimpleQueue[tuple[Entrant, int]],
        done: dict[str, list[Run]],
    ) -> None:
        options = self._options
        while True:
            try:
                entrant, seed = jobs.get_nowait()
            except queue.Empty:
                return
            if entrant.title in self.errors:
                continue
            saved = self._saved.find(problem.name, entrant.title, seed, options.evaluations)
            if saved is not None:
                done[entrant.title].append(saved)
                continue
            try:
                if entrant.title not in children:
                    children[entrant.title] = Participant(entrant, options.venvs)
                child = children[entrant.title]
                result = run(child, problem, seed, options.evaluations, options.limit_s)
            except (ParticipantError, OverTime) as error:
                self.errors[entrant.title] = str(error)
            else:
                done[entrant.title].append(result)
                self._saved.add(problem.name, entrant.title, seed, result)

    def close(self) -> None:
        """End all children."""
        for children in self._children:
            for child in children.values():
                child.close()


# -- figures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A median and its bootstrap interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2g} [{self.low:.2g}, {self.high:.2g}]"


def figure(values: NDArray[np.float64]) -> Figure:
    """The median of ``values`` with the 95% percentile bootstrap interval."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (RESAMPLES, len(values))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Figure(float(np.median(values)), float(low), float(high))


def tied_best(figures: dict[str, Figure]) -> list[str]:
    """Who has the smallest median, and whose interval overlaps theirs."""
    best = min(figures.values(), key=lambda f: f.median)
    return [name for name, f in figures.items() if f.low <= best.high and best.low <= f.high]


def print_table(problem: Problem, done: dict[str, list[Run]], checkpoints: Sequence[int]) -> None:
    """One problem: a row per entrant, a column per checkpoint, and who is best."""
    done = {title: runs for title, runs in done.items() if runs}
    print(f"\n{problem.name}: simple regret, median [95% interval]; * best or tied with it")
    print(f"{'':<28}" + "".join(f"{n:>30}" for n in checkpoints) + f"{'CPU s/run':>12}{'runs':>6}")
    columns = []
    for checkpoint in checkpoints:
        regrets = {
            title: np.array([min(r.losses[:checkpoint]) - problem.minimum for r in runs])
            for title, runs in done.items()
        }
        columns.append({title: figure(values) for title, values in regrets.items()})
    for title, runs in done.items():
        cells = ""
        for column in columns:
            star = "*" if title in tied_best(column) else " "
            cells += f"{f'{column[title]} {star}':>30}"
        cpu_s = np.median([r.cpu_s for r in runs])
        print(f"{title:<28}{cells}{cpu_s:>12.1f}{len(runs):>6}")
    if done:
        best = tied_best(columns[-1])
        verdict = "best" if len(best) == 1 else "tied best"
        print(f"{verdict} after {checkpoints[-1]}: {', '.join(best)}", flush=True)


def entrants_of(options: argparse.Namespace) -> list[Entrant]:
    """Who takes part by the command line."""
    ours = [AGCORE]
    if options.approximation:
        name = f"agcore, approximation={options.approximation}"
        more = {**AGCORE.options, "approximation": options.approximation}
        ours.append(Entrant(name, "agcore", more))
    peers = [e for e in PEERS if e.library in options.peers.split(",")]
    return [*ours, RANDOM, *peers]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=default_folder(), help="environments")
    parser.add_argument("--peers", default="optuna,skopt", help="of: %(default)s")
    parser.add_argument("--problems", help="names between commas: branin, hartmann6, ...")
    parser.add_argument("--seeds", type=int, default=20, help="runs of each")
    parser.add_argument("--evaluations", type=int, default=CHECKPOINTS[-1])
    parser.add_argument("--approximation", help="a second row for agcore with this option")
    parser.add_argument("--save", type=Path, help="a file that keeps the runs that have ended")
    parser.add_argument("--processes", type=int, default=2, help="that compute at a time")
    parser.add_argument("--limit-s", type=float, default=120.0, help="per proposal")
    options = parser.parse_args()

    known = problems()
    chosen = options.problems.split(",") if options.problems else list(known)
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown problems {sorted(unknown)}; there are {sorted(known)}")
    checkpoints = sorted(
        {n for n in CHECKPOINTS if n < options.evaluations} | {options.evaluations}
    )
    entrants = entrants_of(options)
    for library in {e.library for e in entrants} & set(REQUIREMENTS):
        environment(library, options.venvs)
    print(f"{machine_note()}; one thread each, {options.processes} at a time")
    everyone = Field(entrants, options)
    for name in chosen:
        print_table(known[name], everyone.runs(known[name]), checkpoints)
    everyone.close()
    for title, error in everyone.errors.items():
        print(f"{title}: {error}")


if __name__ == "__main__":
    main()
