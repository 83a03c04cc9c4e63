"""One run of Syne Tune in its own simulator, on the same learning curves as ours.

A child program of the benchmark of multi-fidelity tuners, run with the Python of the environment
``synetune-simulator`` (see peers.py), the repository on its path::

    PYTHONPATH=. OMP_NUM_THREADS=1 PYTHON benchmarks/synetune_simulated.py < request.json

It reads one line of JSON and prints one. The request:

====================  ========================================================================
``problem``           what `multi_fidelity_problems.problem_of` understands
``method``            a key of `METHODS`
``seed``              of the scheduler
``workers``           simulated ones
``max_epochs``        length of a whole curve
``grace_period``      lowest rung; 1 if it is not given
``reduction_factor``  3 if it is not given
``budget_s``          simulated seconds after which the run stops,
``budget_epochs``     or the number of epochs after which it does
``search_options``    for the searcher; none if it is not given
====================  ========================================================================

The reply: ``version``; ``reports``, each ``[virtual seconds, trial, epoch, accuracy]``, in the
order of time; ``configs`` by trial; ``proposals``, their number; ``cpu_s`` of the run, and of it
``decision_cpu_s``, spent in the scheduler's methods; or ``{"error": sentence}``.

All is Syne Tune's but the curves, and two things about time. Decisions take none: its simulator
would let the real seconds between two calls pass. And its tuner, which sleeps for some seconds
between two looks at the workers, is woken by the next event, so that no worker waits. The delays of
the simulator are zero. What cannot be set, 2 ms for each stop and at least 10 ms for an epoch, is
made a millionth: its clock counts microseconds where ours counts seconds.

Spaces are translated as they are: numbers with their scale, categories as ``choice``. Its
documentation would have numbers of a finite list as ordinals; no problem here has such a list.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import logging
import math
import os
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from multi_fidelity_problems import METRIC, problem_of
from peers import parameters_of

from agcore.space import SearchSpace

with redirect_stdout(sys.stderr):  # it prints what it could not import
    from syne_tune import StoppingCriterion, Tuner, config_space
    from syne_tune.backend.simulator_backend.simulator_backend import SimulatorConfig
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository import UserBlackboxBackend
    from syne_tune.blackbox_repository.blackbox import Blackbox
    from syne_tune.constants import ST_TUNER_TIME
    from syne_tune.optimizer.baselines import ASHA, MOBSTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from multi_fidelity_problems import Problem
    from peers import Parameter

    from agcore.jobs import Config

METHODS = {
    "ASHA-stopping": (ASHA, "stopping"),
    "ASHA-promotion": (ASHA, "promotion"),
    "MOBSTER": (MOBSTER, "promotion"),
}
"""Scheduler and its ``type``; all else is as the library has it."""

EPOCH, ELAPSED, LENGTH = "epoch", "elapsed", "max_epochs"
TICKS_PER_S = 1e6
# Less than what is left of the fixed costs makes of a report that is due at the end of the budget.
SLACK_S = 1e-5
_DECIDING = (
    "suggest",
    "on_trial_add",
    "on_trial_result",
    "on_trial_complete",
    "on_trial_remove",
)


# -- the problem ---------------------------------------------------------------------------


def domains(parameters: Iterable[Parameter]) -> Config:
    """A space in the words of Syne Tune."""
    space: Config = {}
    for p in parameters:
        if p.kind in ("categorical", "bool"):
            space[p.name] = config_space.choice(p.choices or [False, True])
            continue
        kind = ("log" if p.log else "") + ("uniform" if p.kind == "real" else "randint")
        space[p.name] = getattr(config_space, kind)(p.lower, p.upper)
    return space


class Playing:
    """Plays a problem's curves as Syne Tune's simulator wants them.

    Args:
        problem: Where the curves come from.

    Attributes:
        space: That of the problem, in the words of Syne Tune.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._parameters = parameters_of(SearchSpace(problem.search_space()))
        self.space = domains(self._parameters)

    def plain(self, config: Mapping[str, Any]) -> Config:
        """The values of the space as JSON has them; a number's rounding keeps its bounds."""
        values: Config = {}
        for p in self._parameters:
            value = config[p.name]
            value = value.item() if hasattr(value, "item") else value
            if p.kind in ("real", "int"):
                value = min(max(value, p.lower), p.upper)
            values[p.name] = value
        return values

    def results(self, config: Mapping[str, Any]) -> list[Config]:
        """What a config reports up to ``config[LENGTH]``, with the ticks since its beginning.

        NaN, of a network that diverged, is reported as 0: rungs are sorted.
        """
        results, ticks = [], 0.0
        steps = self._problem.curve(self.plain(config))
        for metrics, seconds in itertools.islice(steps, config[LENGTH]):
            ticks += seconds * TICKS_PER_S
            value = float(metrics[METRIC])
            value = 0.0 if math.isnan(value) else value
            results.append({EPOCH: metrics[EPOCH], METRIC: value, ELAPSED: ticks})
        return results


# -- the simulator -------------------------------------------------------------------------


class CurveBackend(UserBlackboxBackend):
    """Syne Tune's backend for simulations, playing curves while decisions take no time.

    Args:
        playing: The curves.
        max_epochs: Their length.
    """

    def __init__(self, playing: Playing, max_epochs: int) -> None:
        no_delays = SimulatorConfig(**dict.fromkeys(SimulatorConfig.__dataclass_fields__, 0.0))
        epochs = {EPOCH: config_space.randint(1, max_epochs)}
        super().__init__(
            Blackbox(playing.space, epochs, [METRIC, ELAPSED]),
            elapsed_time_attr=ELAPSED,
            max_resource_attr=LENGTH,
            simulator_config=no_delays,
        )
        self._playing = playing

    @property
    def next_event_time(self) -> float:
        """When something happens, in ticks."""
        return float(self._simulator_state.event_heap[0][0])

    def _advance_by_outside_time(self) -> None:
        """What happens outside of the simulator takes no time."""

    def config_objectives(self, config: Config, seed: int | None) -> list[Config]:
        """What a trial of this config reports from its first epoch on; the seed is None."""
        return self._playing.results(config)


class Record(SimulatorCallback):
    """Lets the clock jump to the next event, and keeps what is to be replied.

    Args:
        playing: Knows plain configs.

    Attributes:
        reports: Of all trials so far.
        configs: By trial.
    """

    def __init__(self, playing: Playing) -> None:
        super().__init__()
        self._playing = playing
        self._backend: CurveBackend | None = None
        self.reports: list[tuple[float, int, int, float]] = []
        self.configs: dict[int, Config] = {}

    def on_tuning_start(self, tuner: Tuner) -> None:
        """Start the clock."""
        super().on_tuning_start(tuner)
        self._backend = tuner.trial_backend

    def on_tuning_sleep(self, sleep_time: float) -> None:
        """All workers are busy: go on to the next event."""
        assert self._backend is not None
        self._time_keeper.advance_to(self._backend.next_event_time)

    def on_start_trial(self, trial: Any) -> None:
        """Keep a config."""
        self.configs[trial.trial_id] = self._playing.plain(trial.config)

    def on_trial_result(self, trial: Any, status: str, result: Config, decision: str) -> None:
        """Keep a report; the files that the library would write of it are not needed."""
        at_s = round(result[ST_TUNER_TIME] / TICKS_PER_S, 5)
        self.reports.append((at_s, trial.trial_id, result[EPOCH], result[METRIC]))


@dataclass
class Stopwatch:
    """Processor time of some methods.

    Attributes:
        cpu_s: So far.
    """

    cpu_s: float = field(default=0.0)

    def watch(self, owner: Any, names: Iterable[str]) -> None:
        """Measure methods of an object from now on, which do not call one another."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began_s = time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.cpu_s += time.process_time() - began_s

        return timed


# -- a run ---------------------------------------------------------------------------------


def scheduler_of(request: Config, problem: Problem, space: Config) -> Any:
    """The scheduler that a request asks for.

    Raises:
        ValueError: There is no such method.
    """
    if request["method"] not in METHODS:
        raise ValueError(f"method={request['method']!r} must be one of {', '.join(METHODS)}")
    baseline, variant = METHODS[request["method"]]
    options = {"debug_log": False, **request.get("search_options", {})}
    if problem.candidates is not None:
        options["restrict_configurations"] = list(problem.candidates)
    return baseline(
        {**space, LENGTH: request["max_epochs"]},
        metric=METRIC,
        mode="max",
        resource_attr=EPOCH,
        max_resource_attr=LENGTH,
        type=variant,
        grace_period=request.get("grace_period", 1),
        reduction_factor=request.get("reduction_factor", 3),
        random_seed=request["seed"],
        search_options=options,
    )


def budget_of(request: Config) -> tuple[float, float]:
    """Simulated seconds and epochs that a run may take; one of them is infinite.

    Raises:
        ValueError: Not just one of them is given, or it is not above 0.
    """
    names = ("budget_s", "budget_epochs")
    given = {name: request[name] for name in names if request.get(name) is not None}
    if len(given) != 1 or min(given.values()) <= 0:
        raise ValueError(f"budget={given} must be one of {' and '.join(names)}, above 0")
    return given.get("budget_s", math.inf), given.get("budget_epochs", math.inf)


def run(request: Config) -> Config:
    """The reply to a request.

    Raises:
        ValueError: The request asks for something that there is not.
    """
    began_s = time.process_time()
    seconds, epochs = budget_of(request)
    problem = problem_of(request["problem"])
    playing, stopwatch = Playing(problem), Stopwatch()
    record = Record(playing)
    scheduler = scheduler_of(request, problem, playing.space)
    stopwatch.watch(scheduler, _DECIDING)
    limit: Config = {"max_num_evaluations": epochs}
    if epochs == math.inf:
        limit = {"max_wallclock_time": (seconds + SLACK_S) * TICKS_PER_S}
    Tuner(
        CurveBackend(playing, request["max_epochs"]),
        scheduler,
        stop_criterion=StoppingCriterion(**limit),
        n_workers=request["workers"],
        sleep_time=0,
        callbacks=[record],
        save_tuner=False,
    ).run()
    reports = sorted(report for report in record.reports if report[0] <= seconds)
    return {
        "version": importlib.metadata.version("syne-tune"),
        "reports": reports if epochs == math.inf else reports[:epochs],
        "configs": record.configs,
        "decision_cpu_s": stopwatch.cpu_s,
        "cpu_s": time.process_time() - began_s,
        "proposals": len(record.configs),
    }


def main() -> None:
    """Answer one request."""
    # The library prints; what it prints must not get into the reply.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.ERROR)
    try:
        request = json.loads(sys.stdin.readline())
        with tempfile.TemporaryDirectory() as folder:
            os.environ["SYNETUNE_FOLDER"] = folder
            reply = run(request)
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the answer
        text = str(error).strip().split("\n")[0]
        reply = {"error": f"syne-tune: {type(error).__name__}: {text}"}
    print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
