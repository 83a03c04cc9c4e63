"""Learning curves that multi-fidelity tuners are compared on.

``multi_fidelity.py`` plays them to agcore, ``synetune_simulated.py`` to Syne Tune in an environment
of its own; both make them by `problem_of`, so the curves are the same. agcore's lower layers are
all that is imported here.

* ``lcbench``: a task of LCBench as YAHPO's surrogate predicts it, 52 epochs, over the whole space
  of seven hyperparameters; seconds as predicted.
* ``letter``: recorded curves of a network on the letter data, 500 configs of 27 epochs. Only the
  recorded configs may be proposed, which all tuners are told.
* ``letter-mlp``: scikit-learn's perceptron trained for real on part of the letter data, up to nine
  epochs; each counts as one second of the clock, however long it takes. Four of its eight
  hyperparameters (dropout and the scales of first weights) have no effect.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agcore.curves import CurveTable
from agcore.curves.yahpo import MAX_EPOCH, YahpoCurves
from agcore.datasets import load_letter_curves
from agcore.demo.letter_mlp import (
    EPOCHS,
    Hyperparameters,
    SklearnMLP,
    SplitData,
    letter_data,
    search_space,
)
from agcore.space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

METRIC = "val_accuracy"
LCBENCH_TASKS = {
    "189354": "airlines",
    "189866": "albert",
    "168908": "christine",
    "7593": "covertype",
    "189908": "Fashion-MNIST",
    "168329": "helena",
}
"""By OpenML task, the name. The first five are those on which Syne Tune's authors compare."""
LETTER_EPOCHS = 27
NUM_ROWS = 1500
"""Rows that ``letter-mlp`` trains on, and half as many that it validates on."""

Step = tuple["Mapping[str, Any]", float]


class Curves(Protocol):
    """The learning curve of every config."""

    def curve(self, config: dict[str, Any], seed: int) -> Iterable[Step]:
        """Reports in order, each with the seconds it cost."""


@dataclass(frozen=True)
class Problem:
    """What is tuned.

    Attributes:
        name: For tables and pictures.
        spec: What `problem_of` makes it of.
        source: Its learning curves; reports hold ``epoch`` and ``val_accuracy``.
        space: Hyperparameters by name.
        max_epochs: Of a full-length evaluation.
        points: Percentage points in a unit of the metric.
        budgets: In full-length evaluations.
        candidates: The only configs there are; None for the whole space.
    """

    name: str
    spec: Mapping[str, Any]
    source: Curves
    space: Mapping[str, Any]
    max_epochs: int
    points: float = 100.0
    budgets: tuple[int, ...] = (10, 20, 40)
    candidates: tuple[dict[str, Any], ...] | None = None

    def curve(self, config: dict[str, Any], seed: int = 0) -> Iterable[Step]:
        """Reports of a config, at most ``max_epochs``; the seed has no effect."""
        return self.source.curve(config, seed)

    def search_space(self) -> dict[str, Any]:
        """Hyperparameters by name."""
        return dict(self.space)

    def sample(self, count: int) -> list[dict[str, Any]]:
        """Random configs, the same at each call; all candidates if these are fewer."""
        rng = np.random.default_rng(0)
        if self.candidates is None:
            space = SearchSpace(self.space)
            return [space.sample_configuration(rng) for _ in range(count)]
        order = rng.permutation(len(self.candidates))[:count]
        return [self.candidates[row] for row in order]

    @functools.cached_property
    def full_length_s(self) -> float:
        """Seconds on the clock of a full-length evaluation, in the mean over 200 configs."""
        if isinstance(self.source, TrainedCurves):
            return float(self.max_epochs)
        costs = [sum(seconds for _, seconds in self.curve(c)) for c in self.sample(200)]
        return float(np.mean(costs))

    def budget_s(self, evaluations: float, workers: int) -> float:
        """Seconds on the clock in which so many full-length evaluations are paid for."""
        return evaluations * self.full_length_s / workers


def problem_of(spec: Mapping[str, Any]) -> Problem:
    """The problem that a dict of plain values describes.

    Args:
        spec: ``{"kind": "lcbench", "directory": PATH, "task": ID}``, ``{"kind": "letter"}`` or
            ``{"kind": "letter-mlp"}``.
    """
    if spec["kind"] == "lcbench":
        curves = YahpoCurves(spec["directory"], spec["task"], cache_size=4096)
        name = f"LCBench {LCBENCH_TASKS.get(spec['task'], spec['task'])}"
        return Problem(name, spec, curves, curves.search_space(), MAX_EPOCH, points=1.0)
    if spec["kind"] == "letter":
        rows = [{**row, METRIC: row.pop("val_acc")} for row in load_letter_curves()]
        return Problem(
            "letter recorded",
            spec,
            CurveTable.from_rows(rows, metrics=[METRIC]),
            search_space(),
            LETTER_EPOCHS,
            budgets=(5, 10, 20),
            candidates=tuple(row["config"] for row in rows),
        )
    if spec["kind"] == "letter-mlp":
        return Problem("letter trained", spec, TrainedCurves(), search_space(), EPOCHS)
    raise ValueError(f"no problem is of the kind {spec['kind']!r}")


class TrainedCurves:
    """A network is trained when its curve is played, epoch by epoch, and each once only.

    A trial that was paused and goes on plays its curve from the beginning again, so what is known
    of it is kept, the half-trained network too. One process at a time uses it.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[Step]] = {}
        self._rest: dict[str, Iterator[Step]] = {}
        self._space = SearchSpace(search_space())

    def curve(self, config: dict[str, Any], seed: int = 0) -> Iterator[Step]:
        """Validation accuracy after each epoch; the seed has no effect."""
        key = self._space.key(config)
        known = self._known.setdefault(key, [])
        rest = self._rest.setdefault(key, _train(config))
        for epoch in range(EPOCHS):
            if epoch == len(known):
                known.append(next(rest))
            yield known[epoch]


def _train(config: dict[str, Any]) -> Iterator[Step]:
    network = SklearnMLP(Hyperparameters(**config), _some_letters(), seed=0)
    for epoch in range(1, EPOCHS + 1):
        network.partial_fit_epoch()
        accuracy = network.accuracy()[1]
        # Not every tuner knows what to do with NaN, and this is no comparison of that.
        yield {"epoch": epoch, METRIC: 0.0 if math.isnan(accuracy) else accuracy}, 1.0


@functools.lru_cache(maxsize=1)
def _some_letters() -> SplitData:
    data, valid = letter_data(), NUM_ROWS // 2
    return SplitData(
        data.train_features[:NUM_ROWS],
        data.valid_features[:valid],
        data.train_classes[:NUM_ROWS],
        data.valid_classes[:valid],
        data.n_classes,
    )
