"""The perceptron in MXNet, really trained where MXNet is installed; what is said elsewhere."""

import sys

import numpy as np
import pytest

from agcore.demo.mxnet_mlp import MxnetMLP
from agcore.errors import AgcoreError
from tests.demo.networks import DECENT, NetworkContract, accuracies, two_moons


class TestMxnetMLP(NetworkContract):
    @pytest.fixture(autouse=True)
    def _needs_mxnet(self):
        pytest.importorskip("mxnet")

    def framework(self, hyperparameters, data, seed):
        return MxnetMLP(hyperparameters, data, seed)

    def layers_of(self, network):
        layers = [layer for layer in network._network if hasattr(layer, "weight")]
        return [(x.weight.data().asnumpy(), x.bias.data().asnumpy()) for x in layers]

    def test_rows_that_fill_up_the_last_batch_count_twice_as_in_the_tutorial(self):
        whole, one_more = (two_moons(n_valid=n) for n in (20, 21))
        still = {"learning_rate": 1e-12, "epochs": 1}
        share = accuracies(self.framework, data=whole, **still)[0][1]
        filled = accuracies(self.framework, data=one_more, **still)[0][1]
        assert round(share * 20, 6) == int(round(share * 20, 6))
        assert round(filled * 40, 6) == int(round(filled * 40, 6))  # two batches of 20, not 21 rows


def test_numpy_that_mxnet_cannot_be_imported_beside_is_named(tmp_path, monkeypatch):
    (tmp_path / "mxnet.py").write_text("import numpy\nnumpy.a_name_that_is_gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    with pytest.raises(AgcoreError, match=rf"numpy {np.__version__} .*a_name_that_is_gone.*1\.24"):
        MxnetMLP(DECENT, two_moons(), 0)
