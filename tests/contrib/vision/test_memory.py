"""How many images a step may have."""

import torch

from agcore_contrib.vision import memory


def test_a_batch_that_does_not_fit_is_made_smaller(monkeypatch, caplog):
    monkeypatch.setattr(memory, "_free_bytes", lambda device: 1_000_000)
    cpu = torch.device("cpu")
    assert memory.fitting_batch_size(64, 10, 1000, cpu) == 5
    assert "batch_size=64 needs too much memory; 5 is used" in caplog.text
    assert memory.fitting_batch_size(64, 100_000, 1000, cpu) == 1
    assert memory.fitting_batch_size(4, 10, 1000, cpu) == 4
