"""The packaged learning curves."""

import numpy as np

from agcore.datasets import load_letter_curves
from agcore.demo.letter_mlp import run_mlp_openml


def test_there_are_500_configs_of_the_demos_space_and_27_epochs_of_each():
    rows = load_letter_curves()
    assert [row["id"] for row in rows] == list(range(500))
    assert all(run_mlp_openml.cs.check(row["config"]) for row in rows)
    for name in ("val_acc", "train_loss", "elapsed"):
        assert np.array([row[name] for row in rows]).shape == (500, 27)


def test_time_passes_and_accuracies_are_shares():
    rows = load_letter_curves()
    assert (np.diff([[0.0, *row["elapsed"]] for row in rows]) > 0).all()
    accuracies = np.array([row["val_acc"] for row in rows])
    assert accuracies.min() >= 0
    assert accuracies.max() == 0.93485


def test_each_call_returns_new_rows():
    load_letter_curves()[0].clear()
    assert load_letter_curves()[0]
