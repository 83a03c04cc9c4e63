"""The perceptron in PyTorch, with the layers, first weights and optimizer of the MXNet one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore.demo.letter_mlp import Hyperparameters, SplitData

_OUTPUT_SCALE = 0.07
"""First weights of the output layer are uniform between minus and plus this: MXNet's default."""


class TorchMLP:
    """Two dense layers with dropout, uniform first weights and Adam, on the CPU.

    First biases are 0. PyTorch's global generator is set anew from the seed.
    """

    def __init__(self, hyperparameters: Hyperparameters, data: SplitData, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        self._torch: Any = torch
        self._batch_size = hyperparameters.batch_size
        n_features = data.train_features.shape[1]
        self._network = _network(torch, hyperparameters, n_features, data.n_classes)
        self._optimizer: Any = torch.optim.Adam(
            self._network.parameters(), lr=hyperparameters.learning_rate
        )
        self._train = _tensors(torch, data.train_features, data.train_classes)
        self._valid = _tensors(torch, data.valid_features, data.valid_classes)
        self._train_accuracy = float("nan")

    def partial_fit_epoch(self) -> None:
        """Trains once on every row, in a new random order."""
        features, classes = self._train
        cross_entropy = self._torch.nn.functional.cross_entropy
        self._network.train()
        n_right = 0
        for rows in self._torch.randperm(len(classes)).split(self._batch_size):
            outputs = self._network(features[rows])
            self._optimizer.zero_grad()
            cross_entropy(outputs, classes[rows]).backward()
            self._optimizer.step()
            n_right += int((outputs.argmax(dim=1) == classes[rows]).sum())
        self._train_accuracy = n_right / len(classes)

    def accuracy(self) -> tuple[float, float]:
        """Share of rows classified rightly, training and validation; NaN after divergence.

        That of training is of the last epoch while it went on, with dropout.
        """
        features, classes = self._valid
        self._network.eval()
        with self._torch.no_grad():
            outputs = self._network(features)
        if not bool(outputs.isfinite().all()):
            return float("nan"), float("nan")
        right = outputs.argmax(dim=1) == classes
        return self._train_accuracy, float(right.double().mean())


def _network(torch: Any, chosen: Hyperparameters, n_features: int, n_classes: int) -> Any:
    """The layers, their first weights drawn."""
    nn = torch.nn

    def dense(n_inputs: int, n_units: int, scale: float) -> Any:
        layer = nn.Linear(n_inputs, n_units)
        nn.init.uniform_(layer.weight, -scale, scale)
        nn.init.zeros_(layer.bias)
        return layer

    return nn.Sequential(
        dense(n_features, chosen.n_units_1, chosen.scale_1),
        nn.ReLU(),
        nn.Dropout(chosen.dropout_1),
        dense(chosen.n_units_1, chosen.n_units_2, chosen.scale_2),
        nn.ReLU(),
        nn.Dropout(chosen.dropout_2),
        dense(chosen.n_units_2, n_classes, _OUTPUT_SCALE),
    )


def _tensors(torch: Any, features: Any, classes: Any) -> tuple[Any, Any]:
    """Features, float32, and classes, int64, as tensors."""
    return torch.tensor(features, dtype=torch.float32), torch.tensor(classes, dtype=torch.int64)
