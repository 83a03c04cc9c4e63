"""Learning curves of LCBench, as YAHPO Gym's surrogate predicts them.

A surrogate, not a record: a neural network fitted to the runs of LCBench, in which Auto-PyTorch
trained perceptrons of 2,000 configs on each of 34 OpenML tasks for 52 epochs. What it predicts is
smooth, and has no noise. The files are those of the folder ``lcbench`` of the repository
slds-lmu/yahpo_data (Apache License 2.0); agcore does not come with them.

Sources: Pfisterer et al., "YAHPO Gym" (2022), https://arxiv.org/abs/2109.03670; Zimmer et al.,
"Auto-PyTorch Tabular" (2021), https://arxiv.org/abs/2006.13799.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.checks import one_of, whole_number
from agcore.errors import MissingExtraError, SpecError, did_you_mean
from agcore.space import Int, Real, SearchSpace

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from agcore.curves.source import Step
    from agcore.jobs import Config

METRICS = (
    "val_accuracy",
    "val_cross_entropy",
    "val_balanced_accuracy",
    "test_cross_entropy",
    "test_balanced_accuracy",
)
"""What the surrogate predicts, by column; column 0 is time. Accuracies are percentages, balanced
ones shares from 0 to 1."""
MAX_EPOCH = 52
_TASK, _EPOCH = "OpenML_task_id", "epoch"
# The order in which the model takes its inputs; config_space.json has another, and an input in
# the wrong place is answered with plausible nonsense.
_INPUTS = (
    _EPOCH,
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "num_layers",
    "max_units",
    "max_dropout",
)
_SMALLEST_STEP_S = 1e-3
_FILES = ("config_space.json", "encoding.json", "model.onnx")


class YahpoCurves:
    """A source of learning curves for a `agcore.executor.simulated.SimulatedExecutor`.

    ::

        curves = YahpoCurves("yahpo_data/lcbench", task=3945)


        @ag.args(**curves.search_space(), epochs=52)
        def train(args, reporter): ...


        ag.tune(train, reward_attr="val_accuracy", executor=SimulatedExecutor(curves), ...)

    Args:
        directory: Holds config_space.json, encoding.json and model.onnx.
        task: Id of the OpenML task: one of `tasks`.
        metric: What is reported beside ``epoch``, one of `METRICS`. Cross entropies are losses:
            tune them with ``mode='min'``.
        cache_size: Number of curves kept; a prediction takes about a millisecond.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        SpecError: The directory lacks a file, or there is no such task or metric.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        task: int | str,
        metric: str = "val_accuracy",
        *,
        cache_size: int = 1024,
    ) -> None:
        one_of("metric", metric, METRICS)
        self.metric = metric
        self.task = str(task)
        self._directory = Path(directory)
        self._cache_size = whole_number("cache_size", cache_size, least=0)
        self._cache: OrderedDict[str, tuple[Step, ...]] = OrderedDict()
        self._parameters = _parameters_in(self._directory)
        self._code = _code_of(self.task, self._directory)
        self._space = SearchSpace(self.search_space())
        self._session = _session(self._directory / "model.onnx")

    @staticmethod
    def tasks(directory: str | os.PathLike[str]) -> list[str]:
        """Ids of the OpenML tasks there are curves of, as text.

        Raises:
            SpecError: The directory lacks a file.
        """
        for given in _read(Path(directory), "config_space.json").get("hyperparameters", []):
            if given["name"] == _TASK:
                return [str(task) for task in given["choices"]]
        return []

    def search_space(self) -> dict[str, Int | Real]:
        """The seven hyperparameters, for ``@ag.args(**curves.search_space(), epochs=52)``."""
        return {name: _space_of(given) for name, given in self._parameters.items()}

    @property
    def description(self) -> str:
        """Whose curves these are."""
        return f"LCBench task {self.task}, {self.metric}, from the surrogate of YAHPO Gym"

    def curve(self, config: Config, seed: int = 0) -> Iterator[Step]:
        """The metric after each of 52 epochs, and the seconds each of them took.

        Args:
            config: The seven hyperparameters; others are not looked at.
            seed: Has no effect: a surrogate has no noise.

        Raises:
            SpecError: A hyperparameter is missing or out of its range.
        """
        own = {name: config[name] for name in self._parameters if name in config}
        missing = [name for name in self._parameters if name not in own]
        if missing:
            raise SpecError(
                f"config={config!r} lacks {', '.join(missing)}; tune a function with "
                "@ag.args(**curves.search_space(), epochs=52)"
            )
        complete = self._space.complete(own)
        key = self._space.key(complete)
        steps = self._cache.pop(key, None)
        if steps is None:
            steps = self._predict(complete)
        if self._cache_size:
            self._cache[key] = steps
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        yield from ((dict(metrics), seconds) for metrics, seconds in steps)

    def _predict(self, config: Config) -> tuple[Step, ...]:
        """All epochs of a config, in one call of the model."""
        epochs = np.arange(1, MAX_EPOCH + 1)
        columns = [
            epochs if name == _EPOCH else np.full(MAX_EPOCH, config[name]) for name in _INPUTS
        ]
        codes = np.full((MAX_EPOCH, 1), self._code, dtype=np.int32)
        inputs = {"x_cat": codes, "x_cont": np.column_stack(columns).astype(np.float32)}
        (predicted,) = self._session.run(None, inputs)
        table = np.asarray(predicted, dtype=np.float64)
        # The predicted time is the sum so far, and not quite monotone: an epoch takes some time.
        seconds = np.maximum(np.diff(table[:, 0], prepend=0.0), _SMALLEST_STEP_S)
        values = table[:, 1 + METRICS.index(self.metric)]
        return tuple(
            ({_EPOCH: int(epoch), self.metric: float(value)}, float(cost))
            for epoch, value, cost in zip(epochs, values, seconds, strict=True)
        )

    def __repr__(self) -> str:
        return f"YahpoCurves({str(self._directory)!r}, task={self.task}, metric={self.metric!r})"


def _parameters_in(directory: Path) -> dict[str, Mapping[str, Any]]:
    """The hyperparameters by name, in the order of the model's inputs.

    Raises:
        SpecError: The description of the space is not that of LCBench.
    """
    listed = _read(directory, "config_space.json").get("hyperparameters", [])
    known = {given["name"]: given for given in listed}
    wanted = {_TASK, *_INPUTS}
    if set(known) != wanted:
        raise SpecError(
            f"{directory / 'config_space.json'} describes {', '.join(sorted(known)) or 'nothing'}; "
            f"that of LCBench has {', '.join(sorted(wanted))}: pass the folder lcbench"
        )
    return {name: known[name] for name in _INPUTS if name != _EPOCH}


def _space_of(given: Mapping[str, Any]) -> Int | Real:
    """The space of a hyperparameter, as config_space.json describes it."""
    if given["type"] == "uniform_int":
        return Int(given["lower"], given["upper"], log=given["log"])
    # The file's bounds have rounding errors: 0.00010000000000000009 is to be 1e-4.
    lower, upper = (float(f"{given[bound]:.12g}") for bound in ("lower", "upper"))
    return Real(lower, upper, log=given["log"])


def _code_of(task: str, directory: Path) -> int:
    """What stands for a task in the model's input.

    Raises:
        SpecError: There is no such task.
    """
    tasks = YahpoCurves.tasks(directory)
    if task not in tasks:
        raise SpecError(
            f"task={task} is not one of {', '.join(tasks)}{did_you_mean(task, tasks)}; pass the id "
            "of an OpenML task"
        )
    return int(_read(directory, "encoding.json")[_TASK][task])


def _read(directory: Path, name: str) -> dict[str, Any]:
    """A file of JSON.

    Raises:
        SpecError: It is missing or damaged.
    """
    try:
        content: dict[str, Any] = json.loads((directory / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(
            f"directory={str(directory)!r}: {name} cannot be read ({error}); pass the folder "
            f"lcbench of the YAHPO data, which holds {', '.join(_FILES)}"
        ) from error
    return content


def _session(path: Path) -> Any:
    """The model, to be run on one thread: curves are small.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        SpecError: There is no model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("YahpoCurves", "yahpo") from error
    if not path.is_file():
        raise SpecError(
            f"directory={str(path.parent)!r} has no {path.name}; pass the folder lcbench of the "
            f"YAHPO data, which holds {', '.join(_FILES)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
