"""The perceptron in PyTorch, really trained; only where PyTorch is installed."""

import numpy as np
import pytest

from agcore.demo.torch_mlp import TorchMLP
from tests.demo.networks import DECENT, NetworkContract, two_moons

torch = pytest.importorskip("torch")


class TestTorchMLP(NetworkContract):
    def framework(self, hyperparameters, data, seed):
        return TorchMLP(hyperparameters, data, seed)

    def layers_of(self, network):
        layers = [layer for layer in network._network if isinstance(layer, torch.nn.Linear)]
        return [(x.weight.detach().numpy(), x.bias.detach().numpy()) for x in layers]


def test_an_epoch_takes_every_row_once_in_a_new_order():
    data = two_moons(n_train=45)
    network = TorchMLP(DECENT, data, 0)
    seen = []
    network._network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy()))
    network.partial_fit_epoch()
    network.partial_fit_epoch()
    assert [len(batch) for batch in seen] == [20, 20, 5] * 2
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert (first != second).any()
    for epoch in (first, second):
        np.testing.assert_array_equal(
            np.sort(epoch, axis=0), np.sort(data.train_features.astype(np.float32), axis=0)
        )
