"""The perceptron in MXNet's Gluon, layer by layer and step by step as the tutorial trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.errors import AgcoreError

if TYPE_CHECKING:
    from agcore.demo.letter_mlp import Hyperparameters, SplitData


class MxnetMLP:
    """Two dense layers with dropout, uniform first weights and Adam, on the CPU.

    As in the tutorial, the last batch of an epoch is filled up with rows from its beginning, which
    so count twice: in training, and in both accuracies. MXNet's generator is set anew from the
    seed; the order of rows is drawn from NumPy's global one, which a worker seeds per trial.
    """

    def __init__(self, hyperparameters: Hyperparameters, data: SplitData, seed: int) -> None:
        self._mxnet = mxnet = _import_mxnet()
        mxnet.random.seed(seed)
        self._data = data
        self._batch_size = hyperparameters.batch_size
        self._network = _network(mxnet.gluon.nn, mxnet.initializer, hyperparameters, data.n_classes)
        self._network.initialize(ctx=mxnet.cpu())
        self._trainer = mxnet.gluon.Trainer(
            self._network.collect_params(), "adam", {"learning_rate": hyperparameters.learning_rate}
        )
        self._loss = mxnet.gluon.loss.SoftmaxCrossEntropyLoss()
        self._train_accuracy = float("nan")

    def partial_fit_epoch(self) -> None:
        """Trains once on every row, in a new random order."""
        data = self._data
        right = self._mxnet.metric.Accuracy()
        for features, classes in self._batches(data.train_features, data.train_classes, True):
            with self._mxnet.autograd.record():
                outputs = self._network(features)
                loss = self._loss(outputs, classes)
            loss.backward()
            self._trainer.step(features.shape[0])
            right.update([classes], [outputs])
        self._train_accuracy = float(right.get()[1])

    def accuracy(self) -> tuple[float, float]:
        """Share of rows classified rightly, training and validation; NaN after divergence.

        That of training is of the last epoch while it went on, with dropout.
        """
        data = self._data
        right = self._mxnet.metric.Accuracy()
        for features, classes in self._batches(data.valid_features, data.valid_classes, False):
            outputs = self._network(features)
            if not np.isfinite(outputs.asnumpy()).all():
                return float("nan"), float("nan")
            right.update([classes], [outputs])
        return self._train_accuracy, float(right.get()[1])

    def _batches(self, features: Any, classes: Any, shuffle: bool) -> Any:
        """Pairs of features, shape (batch, columns), and classes, shape (batch,)."""
        batches = self._mxnet.io.NDArrayIter(
            data={"data": features},
            label={"label": classes},
            batch_size=self._batch_size,
            shuffle=shuffle,
        )
        return ((batch.data[0], batch.label[0]) for batch in batches)


def _network(nn: Any, initializer: Any, chosen: Hyperparameters, n_classes: int) -> Any:
    """The layers, their weights not drawn yet; ``nn`` and ``initializer`` are MXNet's modules."""
    network = nn.Sequential()
    for n_units, dropout, scale in (
        (chosen.n_units_1, chosen.dropout_1, chosen.scale_1),
        (chosen.n_units_2, chosen.dropout_2, chosen.scale_2),
    ):
        weights = initializer.Uniform(scale=scale)
        network.add(nn.Dense(n_units, activation="relu", weight_initializer=weights))
        network.add(nn.Dropout(dropout))
    network.add(nn.Dense(n_classes))
    return network


def _import_mxnet() -> Any:
    try:
        import mxnet
    except AttributeError as error:  # a name of NumPy's that newer versions do not have
        raise AgcoreError(
            f"mxnet cannot be imported beside numpy {np.__version__} ({error}); it needs "
            "numpy below 1.24: pip install 'agcore[mxnet]'"
        ) from error
    return mxnet
