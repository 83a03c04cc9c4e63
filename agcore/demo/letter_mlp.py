"""A two-layer perceptron on the letter data: eight hyperparameters, nine epochs.

What trains the network is replaceable: a *framework* makes an ``MLP`` of hyperparameters, data
and a seed, and is entered in ``FRAMEWORKS``. So are the data: any classification task of OpenML.
Worker processes import this module by its name, so a worker that runs many trials loads data and
libraries once.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agcore import train_fn
from agcore.datasets import load_and_split_openml_data
from agcore.demo.mxnet_mlp import MxnetMLP
from agcore.demo.torch_mlp import TorchMLP
from agcore.errors import MissingExtraError, SpecError, did_you_mean
from agcore.space import Int, Real

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPENML_TASK_ID = 6
RATIO_TRAIN_VALID = 0.33
EPOCHS = 9


@dataclass(frozen=True, slots=True)
class SplitData:
    """The data of a task, split and standardised; of the letter data, in brackets, the sizes.

    Attributes:
        train_features: Shape (rows, columns), float64 [12060 by 16].
        valid_features: Shape (other rows, columns), float64 [5940 by 16].
        train_classes: Shape (rows,), from 0.
        valid_classes: Shape (other rows,), from 0.
        n_classes: How many there are [26].
    """

    train_features: NDArray[np.float64]
    valid_features: NDArray[np.float64]
    train_classes: NDArray[np.int64]
    valid_classes: NDArray[np.int64]
    n_classes: int


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What is tuned.

    Attributes:
        n_units_1: Units of the first hidden layer.
        n_units_2: Units of the second hidden layer.
        dropout_1: Share of the first layer's outputs left out of a training step.
        dropout_2: The same for the second layer.
        learning_rate: Of Adam.
        batch_size: Rows in a training step.
        scale_1: First weights of the first layer are uniform between -scale_1 and scale_1.
        scale_2: The same for the second layer.
    """

    n_units_1: int
    n_units_2: int
    dropout_1: float
    dropout_2: float
    learning_rate: float
    batch_size: int
    scale_1: float
    scale_2: float


class MLP(Protocol):
    """A network in training."""

    def partial_fit_epoch(self) -> None:
        """Trains once on every row, in a new random order."""

    def accuracy(self) -> tuple[float, float]:
        """Share of rows classified rightly, training and validation; NaN after divergence.

        That of training is measured after the epoch, or step by step while it went on.
        """


class SklearnMLP:
    """scikit-learn's ``MLPClassifier``, Adam, one ``partial_fit`` an epoch.

    It knows neither dropout nor the scale of the first weights (they follow Glorot's rule), so
    ``dropout_1``, ``dropout_2``, ``scale_1`` and ``scale_2`` are accepted and have no effect.
    """

    def __init__(self, hyperparameters: Hyperparameters, data: SplitData, seed: int) -> None:
        from sklearn.neural_network import MLPClassifier

        self._model = MLPClassifier(
            hidden_layer_sizes=(hyperparameters.n_units_1, hyperparameters.n_units_2),
            solver="adam",
            learning_rate_init=hyperparameters.learning_rate,
            batch_size=hyperparameters.batch_size,
            # With a number, each partial_fit would start anew and repeat the same row order.
            random_state=np.random.RandomState(seed),
        )
        self._classes = np.arange(data.n_classes)
        self._train = data.train_features.astype(np.float32), data.train_classes
        self._valid = data.valid_features.astype(np.float32), data.valid_classes
        self._diverged = False

    def partial_fit_epoch(self) -> None:
        """Trains once on every row, in a new random order."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a large learning rate may
                self._model.partial_fit(*self._train, classes=self._classes)
        except ValueError:
            if all(np.isfinite(weights).all() for weights in getattr(self._model, "coefs_", ())):
                raise
            self._diverged = True

    def accuracy(self) -> tuple[float, float]:
        """Share of rows classified rightly, training and validation; NaN after divergence."""
        if self._diverged:
            return float("nan"), float("nan")
        return float(self._model.score(*self._train)), float(self._model.score(*self._valid))


Framework = Callable[[Hyperparameters, SplitData, int], MLP]

FRAMEWORKS: dict[str, Framework] = {"mxnet": MxnetMLP, "sklearn": SklearnMLP, "torch": TorchMLP}
"""By name, what makes a network of hyperparameters, data and a seed."""

_NEEDS_EXTRA = {"mxnet": "framework='mxnet' (up to Python 3.11)", "torch": "framework='torch'"}
"""For each framework whose library is an extra, both of its name: what needs it."""


@functools.lru_cache(maxsize=1)
def task_data(openml_task_id: int) -> SplitData:
    """The data of a task, loaded at the first call in a process and at each change of the task.

    Raises:
        AgcoreError: As `load_and_split_openml_data`.
    """
    return SplitData(
        *load_and_split_openml_data(
            openml_task_id,
            RATIO_TRAIN_VALID,
            download_from_openml=openml_task_id != OPENML_TASK_ID,
        )
    )


def letter_data() -> SplitData:
    """The letter data, loaded at the first call in a process."""
    return task_data(OPENML_TASK_ID)


def train_letter_mlp(
    args: Any, reporter: Any, framework: str = "sklearn", openml_task_id: int = OPENML_TASK_ID
) -> None:
    """Trains ``args.epochs`` epochs and reports after each; undecorated.

    A report holds ``epoch`` (from 1), ``objective`` (validation accuracy), ``train_accuracy``,
    and in seconds ``eval_time`` (of this epoch), ``time_step`` (since 1970) and
    ``elapsed_time`` (since the trial began).

    Everything random follows from NumPy's global generator, which a worker seeds per trial.
    """
    started = time.time()
    names = Hyperparameters.__dataclass_fields__
    hyperparameters = Hyperparameters(**{name: getattr(args, name) for name in names})
    seed = int(np.random.randint(2**31 - 1))  # noqa: NPY002 - the trial's seed is in the global one
    network = _framework(framework)(hyperparameters, task_data(openml_task_id), seed)

    for epoch in range(1, args.epochs + 1):
        epoch_started = time.time()
        network.partial_fit_epoch()
        train_accuracy, valid_accuracy = network.accuracy()
        now = time.time()
        reporter(
            epoch=epoch,
            objective=valid_accuracy,
            train_accuracy=train_accuracy,
            eval_time=now - epoch_started,
            time_step=now,
            elapsed_time=now - started,
        )


def _framework(name: str) -> Framework:
    if name not in FRAMEWORKS:
        raise SpecError(
            f"framework={name!r} must be one of {sorted(FRAMEWORKS)}"
            f"{did_you_mean(name, FRAMEWORKS)}"
        )
    return FRAMEWORKS[name]


def search_space() -> dict[str, Any]:
    """The eight hyperparameters by name, as spaces."""
    return {
        "n_units_1": Int(lower=16, upper=128),
        "n_units_2": Int(lower=16, upper=128),
        "dropout_1": Real(lower=0.0, upper=0.75),
        "dropout_2": Real(lower=0.0, upper=0.75),
        "learning_rate": Real(lower=1e-6, upper=1.0, log=True),
        "batch_size": Int(lower=8, upper=128),
        "scale_1": Real(lower=0.001, upper=10.0, log=True),
        "scale_2": Real(lower=0.001, upper=10.0, log=True),
    }


def make_train_function(
    framework: str = "sklearn", epochs: int = EPOCHS, openml_task_id: int = OPENML_TASK_ID
) -> train_fn.TrainFunction:
    """A train function as ``run_mlp_openml``, with another framework, number of epochs or task.

    Raises:
        SpecError: The framework is unknown.
        MissingExtraError: Its library is not installed.
    """
    _framework(framework)
    if framework in _NEEDS_EXTRA and importlib.util.find_spec(framework) is None:
        raise MissingExtraError(_NEEDS_EXTRA[framework], framework)

    @train_fn.args(**search_space(), epochs=epochs)
    def run_mlp(args: Any, reporter: Any) -> None:
        train_letter_mlp(args, reporter, framework, openml_task_id)

    return run_mlp


@train_fn.args(**search_space(), epochs=EPOCHS)
def run_mlp_openml(args: Any, reporter: Any) -> None:
    """Trains the network with scikit-learn; see ``train_letter_mlp``."""
    train_letter_mlp(args, reporter)
