"""CPU seconds of one proposal after n results: agcore's searchers beside its peers'.

    python benchmarks/suggest_latency.py [--peers optuna,skopt,synetune] [--sizes 30,100,200]

One proposal is a result told and a config asked for: refit and acquisition, on one thread. The
space is that of the letter demo, eight hyperparameters; the history is random configs of a smooth
function with noise, the same for all. All participants run in child processes and take turns,
proposal by proposal; each is told the value of its own proposal, so that n grows by one. Peers
have their defaults, in environments of their own, which are made where they are missing.

With several fidelities a history has results at 1, 3 and 9 epochs, the best third of each rung at
the next; only Syne Tune takes part. ``>60`` means that a proposal took longer than the limit; the
larger sizes are not tried then.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path

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
    machine_note,
    parameters_of,
)

from agcore.demo.letter_mlp import search_space
from agcore.encoding import Encoding
from agcore.space import SearchSpace

SIZES = (30, 100, 200, 500, 1000, 2000)
RUNG_SIZES = (300, 1000)
RUNGS = (1, 3, 9)
NOISE = 0.02

FIFO = (
    Entrant("agcore", "agcore", {"searcher": "GPFIFOSearcher", "first_is_default": False}),
    Entrant("optuna", "optuna", {"sampler": "GPSampler"}),
    Entrant("skopt", "skopt"),
    Entrant("synetune", "synetune", {"points_to_evaluate": []}),
)
MULTI_FIDELITY = (
    Entrant(
        "agcore",
        "agcore",
        {
            "searcher": "GPMultiFidelitySearcher",
            "first_is_default": False,
            "resource_attribute": "epoch",
            "max_epochs": RUNGS[-1],
        },
    ),
    Entrant("synetune", "synetune", {"points_to_evaluate": [], "max_t": RUNGS[-1]}),
)


@dataclass(frozen=True)
class Results:
    """A smooth function of the letter demo's space, observed with noise.

    Attributes:
        encoding: Of the space.
        rng: Where noise and histories come from.
    """

    encoding: Encoding
    rng: np.random.Generator

    def loss(self, config: Config, epoch: int) -> float:
        """The observed loss of a config after some epochs; about 0.1 at best, 1 at worst."""
        u = self.encoding.encode(config)
        centre = np.linspace(0.3, 0.7, len(u))
        final = 0.1 + 0.9 * np.mean((u - centre) ** 2) / 0.25 + 0.05 * np.sin(5 * u[0] + 3 * u[1])
        slowness = 1.0 + 2.0 * u[4]
        return float(final + 0.5 * np.exp(-epoch / slowness) + NOISE * self.rng.standard_normal())

    def history(self, count: int, rungs: tuple[int, ...]) -> list[Told]:
        """``count`` results of random configs; with several rungs, of trials that went up them."""
        shares = [1 / 3**k for k in range(len(rungs))]
        survivors = self.encoding.decode_all(
            self.encoding.random(self.rng, round(count / sum(shares)))
        )
        told: list[Told] = []
        for rung in rungs:
            scored = [(c, self.loss(c, rung)) for c in survivors]
            resource = rung if len(rungs) > 1 else None
            told += [(c, loss, resource) for c, loss in scored]
            scored.sort(key=lambda pair: pair[1])
            survivors = [c for c, _ in scored[: len(scored) // 3]]
        return told[:count]


class Runner:
    """A participant over all sizes: seconds per proposal, or why there are none.

    Args:
        entrant: Who it is.
        venvs: Where the environments are.
        limit_s: For all proposals at one size.
    """

    def __init__(self, entrant: Entrant, venvs: Path, limit_s: float) -> None:
        self.title = entrant.title
        self.version = ""
        self.seconds: list[float] = []
        self.is_slow = False
        self.error: str | None = None
        self.limit_s = limit_s
        self._participant: Participant | None = None
        try:
            self._participant = Participant(entrant, venvs)
        except ParticipantError as error:
            self.error = str(error)

    def begin(self, parameters: list[Parameter], history: list[Told]) -> None:
        """Forget everything; learn a history but for its last result."""
        self.seconds, self._left_s = [], self.limit_s
        self._last: Told | None = history[-1]
        if self._is_out():
            return
        assert self._participant is not None
        try:
            self.version = self._participant.start(parameters, seed=1)
            self._participant.history(history[:-1])
        except (ParticipantError, OverTime) as error:
            self.error = str(error)

    def turn(self, results: Results, rung: int | None) -> None:
        """One proposal, timed; its value is told with the next."""
        if self._is_out() or self._left_s <= 0:
            return
        assert self._participant is not None
        try:
            config, cpu_s = self._participant.propose(self._last, self.limit_s)
        except ParticipantError as error:
            self.error = str(error)
        except OverTime:
            self.is_slow = True
        else:
            self.seconds.append(cpu_s)
            self._left_s -= cpu_s
            self._last = (config, results.loss(config, rung or RUNGS[-1]), rung)

    def _is_out(self) -> bool:
        return self.is_slow or self.error is not None

    def figure(self) -> str:
        """The median, for the table."""
        if self.seconds:
            return f"{statistics.median(self.seconds):.3f}"
        return f">{self.limit_s:.0f}" if self.is_slow else "-"

    def close(self) -> None:
        """End the child."""
        if self._participant is not None:
            self._participant.close()


def ratio(runner: Runner, ours: Runner) -> str:
    """How many times as long as ours a participant took, at least."""
    if not ours.seconds or not (runner.seconds or runner.is_slow):
        return "-"
    theirs = statistics.median(runner.seconds) if runner.seconds else runner.limit_s
    sign = "x" if runner.seconds else ">x"
    return f"{sign}{theirs / statistics.median(ours.seconds):.1f}"


def compare(
    title: str,
    entrants: list[Entrant],
    rungs: tuple[int, ...],
    sizes: list[int],
    options: argparse.Namespace,
) -> None:
    """Measure and print one table."""
    space = SearchSpace(search_space())
    parameters, encoding = parameters_of(space), Encoding(space)
    first_rung = rungs[0] if len(rungs) > 1 else None
    runners = [Runner(entrant, options.venvs, options.limit_s) for entrant in entrants]
    warm_up = Results(encoding, np.random.default_rng(0))
    for runner in runners:  # the libraries' own imports and caches are nobody's proposal
        runner.begin(parameters, warm_up.history(20, rungs))
        runner.turn(warm_up, first_rung)
    versions = [f"{r.title} {r.version}" for r in runners if r.version]
    print(f"\n{title}: CPU seconds per proposal, median ({', '.join(versions)})")
    print(f"{'n':>6}" + "".join(f"{r.title:>12}{'':>10}" for r in runners))
    for size in sizes:
        results = Results(encoding, np.random.default_rng(size))
        history = results.history(size, rungs)
        for runner in runners:
            runner.begin(parameters, history)
        for _ in range(options.repeats):
            for runner in runners:
                runner.turn(results, first_rung)
        ours = runners[0]
        cells = (f"{r.figure():>12}{ratio(r, ours) if r is not ours else '':>10}" for r in runners)
        print(f"{size:>6}{''.join(cells)}", flush=True)
    for runner in runners:
        if runner.error:
            print(f"{runner.title}: {runner.error}")
        runner.close()


def numbers(text: str) -> list[int]:
    """Whole numbers between commas."""
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=default_folder(), help="environments")
    parser.add_argument("--peers", default=",".join(REQUIREMENTS), help="of: %(default)s")
    parser.add_argument("--sizes", type=numbers, default=list(SIZES))
    parser.add_argument("--rung-sizes", type=numbers, default=list(RUNG_SIZES))
    parser.add_argument("--repeats", type=int, default=7, help="proposals per size")
    parser.add_argument("--limit-s", type=float, default=60.0, help="per participant and size")
    options = parser.parse_args()
    names = {"agcore", *filter(None, options.peers.split(","))}
    if unknown := names - {"agcore", *REQUIREMENTS}:
        parser.error(f"unknown peers {sorted(unknown)}; there are {sorted(REQUIREMENTS)}")

    print(f"{machine_note()}; one thread each, {options.repeats} proposals per size, in turns")
    for title, entrants, rungs, sizes in (
        ("full fidelity", FIFO, RUNGS[-1:], options.sizes),
        ("results on rungs 1, 3, 9", MULTI_FIDELITY, RUNGS, options.rung_sizes),
    ):
        if sizes:
            compare(title, [e for e in entrants if e.title in names], rungs, sizes, options)


if __name__ == "__main__":
    main()
