"""The train function of a trial, called in this process."""

import numpy as np
import pytest
import torch

from agcore import args
from agcore_contrib.vision import ImageDataset
from agcore_contrib.vision.prepared import PreparedImages, read_images
from agcore_contrib.vision.settings import NETWORK_FILE
from agcore_contrib.vision.trained import Predictions, TrainedNetwork
from agcore_contrib.vision.trial import train_images


@pytest.fixture
def data(tmp_path, colours):
    table = ImageDataset.from_folder(colours / "train")
    read_images(table["image"].tolist(), tmp_path, 32)
    rows = np.arange(36, dtype=np.int64)
    labels = table["label"].to_numpy().astype(np.int64)
    images = PreparedImages(tmp_path, tuple(table["image"]), labels, rows, rows[::4], 3)
    images.write()
    return images


class Recorder:
    """Keeps reports and the checkpoints that come with them."""

    def __init__(self, folder, latest_checkpoint=None):
        self.folder = folder
        self.latest_checkpoint = latest_checkpoint
        self.reports = []

    @property
    def checkpoint_dir(self):
        path = self.folder / str(len(self.reports) + 1)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def __call__(self, **metrics):
        self.reports.append(metrics)


def train(data, folder, latest_checkpoint=None, **settings):
    function = args(data=str(data.folder), input_size=32, batch_size=8, **settings)(train_images)
    recorder = Recorder(folder, latest_checkpoint)
    torch.manual_seed(5)
    function(function.args, {}, reporter=recorder)
    return recorder


def linear_net(num_classes):
    """A custom network, for 32 x 32 pixels."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, num_classes))


@pytest.mark.parametrize(
    "settings",
    [
        {"augment": "flip"},
        {"fine_tune": True, "wd": 0.01},
        {"model": "small_cnn", "augment": "standard", "wd": 0.01},
        {"net": linear_net, "optimizer": "sgd", "wd": 0.0, "lr": 0.01},
    ],
    ids=["frozen", "fine-tuned", "from scratch", "custom"],
)
def test_a_checkpoint_holds_the_network_that_was_validated(tmp_path, data, settings):
    recorder = train(data, tmp_path / "run", epochs=2, **settings)
    assert [report["epoch"] for report in recorder.reports] == [1, 2]
    trained = TrainedNetwork.load(tmp_path / "run" / "2" / NETWORK_FILE)
    rows = data.valid_rows
    found = Predictions(trained).probabilities(np.asarray(data.pixels(32))[rows])
    assert np.allclose(found.sum(axis=1), 1)
    accuracy = (found.argmax(axis=1) == data.labels[rows]).mean()
    assert accuracy == pytest.approx(recorder.reports[-1]["valid_acc"])
    features = Predictions(trained).features(np.asarray(data.pixels(32))[:2])
    assert features.shape[0] == 2
    assert np.isfinite(features).all()


def test_a_promoted_trial_goes_on_and_ends_as_one_that_was_never_paused(tmp_path, data):
    whole = train(data, tmp_path / "whole", epochs=4)
    part = train(data, tmp_path / "part", latest_checkpoint=tmp_path / "whole" / "2", epochs=4)
    assert [report["epoch"] for report in part.reports] == [3, 4]
    assert part.reports[-1]["valid_loss"] == whole.reports[-1]["valid_loss"]


def test_early_stopping_ends_a_trial(tmp_path, data):
    recorder = train(data, tmp_path / "run", epochs=30, early_stop_max_value=0.3)
    assert len(recorder.reports) < 30


def test_the_head_of_a_frozen_network_makes_a_small_checkpoint(tmp_path, data):
    train(data, tmp_path / "run", epochs=1)
    assert (tmp_path / "run" / "1" / NETWORK_FILE).stat().st_size < 100_000
