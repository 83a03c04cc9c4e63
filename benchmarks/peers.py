"""Other optimisers, each in a virtual environment of its own, asked and told in turns with ours.

The benchmarks of the model-based searchers import this file. A participant is a child process
that runs this very file, with the Python of its own environment::

    python peers.py optuna

and then answers JSON lines, one for each line it is sent:

=======================================================  =====================================
request                                                  reply
=======================================================  =====================================
``{"start": {"parameters", "seed", "options"}}``         ``{"version"}``; forgets what was told
``{"history": [[config, loss, resource], ...]}``         ``{}``
``{"propose": [config, loss, resource] or null}``        ``{"config", "cpu_s"}``
=======================================================  =====================================

A proposal is to be told one result, if it is not null, and then to be asked for a config; ``cpu_s``
is what both took, for some optimisers refit their model when they are told, others when asked.
Losses are minimised. A child that cannot go on answers ``{"error": sentence}``.

At the top only the standard library is imported: a child's environment has no agcore.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import select
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agcore.space import SearchSpace

Config = dict[str, Any]
Told = tuple[Config, float, "int | None"]
"""A config, its loss, and the resource it was observed at, if there are several."""

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
REPOSITORY = Path(__file__).resolve().parent.parent

REQUIREMENTS = {
    "optuna": ["optuna==5.0.0", "scipy", "torch==2.13.0"],
    "skopt": ["scikit-optimize==0.10.2"],
    "synetune": ["syne-tune[gpsearchers]==0.13.0"],
}
"""What each peer's environment holds. Where PIP_EXTRA_INDEX_URL names PyTorch's index of CPU
wheels, pip prefers those to the far larger ones for GPUs."""
SIMULATORS = {
    # The rest is for what synetune_simulated.py imports of agcore.
    "synetune-simulator": [
        *REQUIREMENTS["synetune"],
        *("cloudpickle>=2.1", "onnxruntime>=1.15", "scikit-learn>=1.2", "sortedcontainers>=2.4"),
    ],
}
"""The same of peers that are not asked and told, but run in a simulator of their own."""


# -- environments --------------------------------------------------------------------------


def default_folder() -> Path:
    """Where environments are kept unless the user says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "agcore" / "benchmark-venvs"


def environment(peer: str, folder: Path) -> Path:
    """The Python of a peer's environment, which is made if it is missing or of other versions.

    Raises:
        ParticipantError: pip could not install the peer.
    """
    home = folder / peer
    python = home / "bin" / "python"
    requirements = {**REQUIREMENTS, **SIMULATORS}[peer]
    stamp, wanted = home / "requirements.txt", "\n".join(requirements) + "\n"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making the environment of {peer} in {home} ...", file=sys.stderr, flush=True)
    venv.create(home, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else f"pip's exit code {done.returncode}"
        raise ParticipantError(f"{peer} could not be installed: {reason}")
    stamp.write_text(wanted)
    return python


# -- participants, as the benchmark sees them ----------------------------------------------


class ParticipantError(Exception):
    """A participant cannot take part, or cannot go on; the message is one line."""


class OverTime(Exception):  # noqa: N818 - what happened, not whose fault it is
    """No answer came within the time limit; the child was ended."""


@dataclass(frozen=True)
class Parameter:
    """One key of a config, for optimisers that know nothing of agcore's spaces.

    Attributes:
        name: The key.
        kind: ``real``, ``int``, ``categorical`` or ``bool``.
        lower: Smallest number.
        upper: Largest number.
        log: Whether the scale is logarithmic.
        choices: Of a categorical.
    """

    name: str
    kind: str
    lower: float = 0
    upper: float = 1
    log: bool = False
    choices: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Entrant:
    """Who takes part, and how.

    Attributes:
        title: What the tables call it.
        library: A key of `ADAPTERS`.
        options: For the adapter.
    """

    title: str
    library: str
    options: dict[str, Any] = field(default_factory=dict)


def parameters_of(space: SearchSpace) -> list[Parameter]:
    """The parameters of a flat space.

    Raises:
        ParticipantError: The space has a parameter that not every peer knows.
    """
    from agcore.space import Bool, Categorical, Int, Real

    parameters = []
    for hp in space.get_hyperparameters():
        known = hp.space
        if isinstance(known, (Real, Int)) and known.step is None:
            kind = "real" if isinstance(known, Real) else "int"
            parameter = Parameter(hp.name, kind, known.lower, known.upper, known.log)
        elif isinstance(known, Categorical) and hp.parent is None:
            parameter = Parameter(hp.name, "categorical", choices=list(known.labels))
        elif isinstance(known, Bool):
            parameter = Parameter(hp.name, "bool")
        else:
            raise ParticipantError(f"{hp.name} is {known!r}, which not every peer knows")
        parameters.append(parameter)
    return parameters


class Participant:
    """A child process that is asked and told.

    Args:
        entrant: Who it is.
        folder: Where the environments are.
    """

    def __init__(self, entrant: Entrant, folder: Path) -> None:
        self.entrant = entrant
        library = entrant.library
        python = environment(library, folder) if library in REQUIREMENTS else sys.executable
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as we do
        self._child = subprocess.Popen(
            [python, __file__, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(REPOSITORY)}
            | {"PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"},
        )
        self._unread = b""

    def start(self, parameters: Iterable[Parameter], seed: int, **more: Any) -> str:
        """Begin anew, with ``more`` options than the entrant's own; the library's version."""
        listed, options = [asdict(p) for p in parameters], {**self.entrant.options, **more}
        start = {"parameters": listed, "seed": seed, "options": options}
        return str(self._request({"start": start}, limit_s=300.0)["version"])

    def history(self, told: Sequence[Told]) -> None:
        """Tell many results; nothing is asked and nothing is timed."""
        self._request({"history": list(told)}, limit_s=300.0)

    def propose(self, told: Told | None, limit_s: float) -> tuple[Config, float]:
        """Tell one result, if there is one, and ask: the proposal, and CPU seconds for both.

        Raises:
            OverTime: It took longer than ``limit_s`` by the clock.
        """
        reply = self._request({"propose": told}, limit_s)
        return reply["config"], float(reply["cpu_s"])

    def close(self) -> None:
        """End the child; more than once does no harm."""
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout, self._errors):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _request(self, message: dict[str, Any], limit_s: float) -> dict[str, Any]:
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):  # the missing answer says why
            self._child.stdin.write(json.dumps(message).encode() + b"\n")
            self._child.stdin.flush()
        reply: dict[str, Any] = json.loads(self._line(limit_s))
        if "error" in reply:
            raise ParticipantError(reply["error"])
        return reply

    def _line(self, limit_s: float) -> bytes:
        """The next line of the child."""
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self.close()
                raise OverTime(f"{self.entrant.title}: no answer within {limit_s:.0f} s")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise ParticipantError(f"{self.entrant.title} ended: {self._last_words()}")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().split("\n")
        return next((line for line in reversed(lines) if line.strip()), "without a word")


def machine_note() -> str:
    """One line about where the figures were taken."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0].partition(":")[2].strip() if names else model
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{model}, {os.cpu_count()} CPUs{load}; {platform.system()}, "
        f"Python {platform.python_version()}"
    )


# -- optimisers, as the child runs them ----------------------------------------------------


class Optimiser(Protocol):
    """What a child makes of its library: an object asked for configs and told losses."""

    def tell_all(self, history: Sequence[Told]) -> None:
        """Learn many results, without work that a later `tell` does anyway."""

    def tell(self, told: Told) -> None:
        """Learn a result, of the last proposal or of another config."""

    def ask(self) -> Config:
        """The next config to evaluate."""


class _Agcore:
    """A searcher of agcore by its classic methods.

    Options: ``searcher``, the name of its class, and keywords for it.
    """

    distribution = "agcore"

    def __init__(self, parameters: Sequence[Parameter], seed: int, options: Config) -> None:
        ag = importlib.import_module("agcore")
        options = dict(options)
        name = options.pop("searcher")
        if not hasattr(ag.searcher, name):
            raise ParticipantError(f"ag.searcher.{name} does not exist in this agcore")
        spaces = {p.name: self._space(ag, p) for p in parameters}
        space = importlib.import_module("agcore.space").SearchSpace(spaces)
        self._searcher = getattr(ag.searcher, name)(space, random_seed=seed, **options)
        self._resource = options.get("resource_attribute")

    @staticmethod
    def _space(ag: Any, parameter: Parameter) -> Any:
        if parameter.kind == "categorical":
            return ag.space.Categorical(*parameter.choices)
        if parameter.kind == "bool":
            return ag.space.Bool()
        kind = ag.space.Real if parameter.kind == "real" else ag.space.Int
        return kind(parameter.lower, parameter.upper, log=parameter.log)

    def tell_all(self, history: Sequence[Told]) -> None:
        for told in history:
            self.tell(told)

    def tell(self, told: Told) -> None:
        config, loss, resource = told
        result = {"accuracy": -loss}
        if resource is not None:
            result[self._resource or "epoch"] = resource
        self._searcher.update(config, **result)

    def ask(self) -> Config:
        config: Config = self._searcher.get_config()
        return config


class _Optuna:
    """Optuna's ask-and-tell interface, study in memory.

    Option: ``sampler``, ``GPSampler`` or ``TPESampler``, with its defaults.
    """

    distribution = "optuna"

    def __init__(self, parameters: Sequence[Parameter], seed: int, options: Config) -> None:
        self._optuna = optuna = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = getattr(optuna.samplers, options["sampler"])(seed=seed)
        self._study = optuna.create_study(sampler=sampler)
        self._distributions = {p.name: self._distribution(p) for p in parameters}
        self._trial: Any = None

    def _distribution(self, parameter: Parameter) -> Any:
        kinds = self._optuna.distributions
        if parameter.kind == "categorical":
            return kinds.CategoricalDistribution(parameter.choices)
        if parameter.kind == "bool":
            return kinds.CategoricalDistribution([False, True])
        number = "Float" if parameter.kind == "real" else "Int"
        kind = getattr(kinds, f"{number}Distribution")
        return kind(parameter.lower, parameter.upper, log=parameter.log)

    def tell_all(self, history: Sequence[Told]) -> None:
        self._study.add_trials([self._finished(config, loss) for config, loss, _ in history])

    def _finished(self, config: Config, loss: float) -> Any:
        return self._optuna.trial.create_trial(
            params=config, distributions=self._distributions, value=loss
        )

    def tell(self, told: Told) -> None:
        config, loss, _ = told
        trial, self._trial = self._trial, None
        if trial is not None and trial.params == config:
            self._study.tell(trial, loss)
            return
        if trial is not None:  # another config was evaluated in its place
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        self._study.add_trial(self._finished(config, loss))

    def ask(self) -> Config:
        self._trial = self._study.ask(self._distributions)
        params: Config = self._trial.params
        return params


class _Skopt:
    """scikit-optimize's Optimizer with a Gaussian process and its defaults otherwise."""

    distribution = "scikit-optimize"

    def __init__(self, parameters: Sequence[Parameter], seed: int, options: Config) -> None:
        skopt = importlib.import_module("skopt")
        self._names = [p.name for p in parameters]
        dimensions = [self._dimension(skopt.space, p) for p in parameters]
        self._optimizer = skopt.Optimizer(dimensions, "GP", random_state=seed)

    @staticmethod
    def _dimension(space: Any, parameter: Parameter) -> Any:
        if parameter.kind in ("categorical", "bool"):
            return space.Categorical(parameter.choices or [False, True])
        kind = space.Real if parameter.kind == "real" else space.Integer
        prior = "log-uniform" if parameter.log else "uniform"
        return kind(parameter.lower, parameter.upper, prior=prior)

    def _point(self, config: Config) -> list[Any]:
        return [config[name] for name in self._names]

    def tell_all(self, history: Sequence[Told]) -> None:
        points = [self._point(config) for config, _, _ in history]
        self._optimizer.tell(points, [loss for _, loss, _ in history], fit=False)

    def tell(self, told: Told) -> None:
        self._optimizer.tell(self._point(told[0]), told[1])

    def ask(self) -> Config:
        values = (v.item() if hasattr(v, "item") else v for v in self._optimizer.ask())
        return dict(zip(self._names, values))  # noqa: B905 - the child's Python may be old


class _SyneTune:
    """Syne Tune's ``bayesopt``, of a FIFO scheduler or, with ``max_t``, of asynchronous Hyperband.

    Options: ``max_t``, and ``points_to_evaluate``: the first proposals.
    """

    distribution = "syne_tune"

    def __init__(self, parameters: Sequence[Parameter], seed: int, options: Config) -> None:
        importlib.import_module("logging").disable(30)
        self._kinds = importlib.import_module("syne_tune.config_space")
        schedulers = importlib.import_module("syne_tune.optimizer.schedulers")
        common = {
            "searcher": "bayesopt",
            "metric": "loss",
            "mode": "min",
            "random_seed": seed,
            "search_options": {"debug_log": False},
        }
        if "points_to_evaluate" in options:
            common["points_to_evaluate"] = options["points_to_evaluate"]
        space = {p.name: self._domain(p) for p in parameters}
        max_t = options.get("max_t")
        if max_t is None:
            self._scheduler = schedulers.FIFOScheduler(space, **common)
        else:
            self._scheduler = schedulers.HyperbandScheduler(
                space, max_t=max_t, grace_period=1, reduction_factor=3, resource_attr="epoch",
                **common,
            )  # fmt: skip
        # The scheduler itself does it as late as with its first suggestion.
        self._scheduler.searcher.configure_scheduler(self._scheduler)
        self._trial_ids: dict[str, str] = {}
        self._next_id = 0

    def _domain(self, parameter: Parameter) -> Any:
        if parameter.kind in ("categorical", "bool"):
            return self._kinds.choice(parameter.choices or [False, True])
        kind = ("log" if parameter.log else "") + (
            "uniform" if parameter.kind == "real" else "randint"
        )
        return getattr(self._kinds, kind)(parameter.lower, parameter.upper)

    def _new_id(self, config: Config) -> str:
        trial_id = str(self._next_id)
        self._next_id += 1
        self._trial_ids[json.dumps(config)] = trial_id
        return trial_id

    def tell_all(self, history: Sequence[Told]) -> None:
        for told in history:
            self.tell(told)

    def tell(self, told: Told) -> None:
        config, loss, resource = told
        trial_id = self._trial_ids.get(json.dumps(config)) or self._new_id(config)
        result = {"loss": loss, "epoch": resource or 1}
        # Of the searcher, not of the scheduler: what to stop is decided elsewhere.
        self._scheduler.searcher.on_trial_result(trial_id, config, result=result, update=True)

    def ask(self) -> Config:
        config: Config = self._scheduler.suggest(self._next_id).config
        self._new_id(config)
        return config


ADAPTERS: dict[str, Any] = {
    "agcore": _Agcore,
    "optuna": _Optuna,
    "skopt": _Skopt,
    "synetune": _SyneTune,
}


def serve(library: str, requests: TextIO, replies: TextIO) -> None:
    """Answer requests until there are no more; see the top of this file."""
    optimiser: Optimiser | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if "start" in request:
                start = request["start"]
                parameters = [Parameter(**p) for p in start["parameters"]]
                adapter = ADAPTERS[library]
                optimiser = adapter(parameters, start["seed"], start["options"])
                reply: dict[str, Any] = {"version": _version(adapter.distribution)}
            else:
                assert optimiser is not None
                reply = _answer(optimiser, request)
        except ParticipantError as error:
            reply = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever a library raises is its answer
            text = str(error).strip().split("\n")[0]
            reply = {"error": f"{library}: {type(error).__name__}: {text}"}
        print(json.dumps(reply), file=replies, flush=True)


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of this repository"


def _answer(optimiser: Optimiser, request: dict[str, Any]) -> dict[str, Any]:
    """The reply to anything but a start."""
    if "history" in request:
        optimiser.tell_all(request["history"])
        return {}
    began = time.process_time()
    if request["propose"] is not None:
        optimiser.tell(request["propose"])
    return {"config": optimiser.ask(), "cpu_s": time.process_time() - began}


def main() -> None:
    """Be the child of a benchmark."""
    # Libraries print; what they print must not get among the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin, replies)


if __name__ == "__main__":
    main()
