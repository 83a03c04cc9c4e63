"""One training run: it learns, and can be put down and taken up."""

import logging

import numpy as np
import pytest
import torch

from agcore_contrib.vision import ImageDataset, features as features_module
from agcore_contrib.vision.features import compute_features, frozen_features
from agcore_contrib.vision.feeds import FeatureFeed, ImageFeed
from agcore_contrib.vision.networks.backbone import Head
from agcore_contrib.vision.networks.making import make_backbone, make_classifier
from agcore_contrib.vision.prepared import PreparedImages, read_images
from agcore_contrib.vision.settings import TrainSettings
from agcore_contrib.vision.training import TrainingRun

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path, colours):
    data = ImageDataset.from_folder(colours / "train")
    read_images(data["image"].tolist(), tmp_path, 32)
    rows = np.arange(36, dtype=np.int64)
    labels = data["label"].to_numpy().astype(np.int64)
    valid = rows % 4 == 0
    return PreparedImages(tmp_path, tuple(data["image"]), labels, rows[~valid], rows[valid], 3)


def new_run(images, seed=0, **options):
    settings = TrainSettings(
        **{"model": "small_cnn", "input_size": 32, "epochs": 4, "batch_size": 8, "wd": 0.01}
        | options
    )
    torch.manual_seed(seed)
    model = make_classifier("small_cnn", 3, dropout=settings.dropout)
    feed = ImageFeed(images, 32, settings.augment, CPU)
    return TrainingRun(model, feed, settings, settings.batch_size, CPU, seed)


def test_steps_of_one_image_train_too(images):
    run = new_run(images, batch_size=1)
    before = weights(run)
    run.train_epoch()
    assert not torch.equal(weights(run), before)


def weights(run):
    return torch.cat([value.double().flatten() for value in run.model.state_dict().values()])


def test_a_small_network_learns_colours_from_scratch(images):
    run = new_run(images, epochs=8, lr=3e-3)
    results = [run.train_epoch() for _ in range(8)]
    assert results[-1].loss < results[0].loss
    assert run.validate().accuracy >= 0.8


@pytest.mark.parametrize("optimizer", ["adamw", "nag"])
def test_a_run_that_is_taken_up_ends_with_the_same_weights(tmp_path, images, optimizer):
    options = {"optimizer": optimizer, "augment": "standard", "lr": 0.01, "dropout": 0.5}
    whole = new_run(images, **options)
    for _ in range(4):
        whole.train_epoch()
    first = new_run(images, **options)
    for _ in range(2):
        first.train_epoch()
    first.save(tmp_path / "training.pt", best=0.5)
    state = first.model.state_dict()
    second = new_run(images, seed=9, **options)
    second.model.load_state_dict(state)
    assert second.load(tmp_path / "training.pt") == {"best": 0.5}
    for _ in range(2):
        second.train_epoch()
    assert second.epoch == 4
    assert torch.equal(weights(second), weights(whole))


def test_a_copy_with_another_learning_rate_uses_it(tmp_path, images):
    parent = new_run(images, lr=0.01)
    parent.train_epoch()
    parent.save(tmp_path / "training.pt")
    copy = new_run(images, lr=0.0001)
    copy.model.load_state_dict(parent.model.state_dict())
    copy.load(tmp_path / "training.pt")
    before = weights(copy)
    copy.train_epoch()
    parent.train_epoch()
    assert (weights(copy) - before).abs().max() < (weights(parent) - before).abs().max()


def test_a_loss_that_explodes_gives_no_accuracy(images):
    run = new_run(images, optimizer="sgd", lr=1e25)
    run.train_epoch()
    assert np.isnan(run.validate().accuracy)


def test_features_are_computed_once_for_all_that_ask(images, monkeypatch):
    made = []

    def make():
        made.append("network")
        return make_backbone("small_cnn")

    first = frozen_features(images, "small_cnn", 32, 2, make)
    features_module._loaded.cache_clear()
    again = frozen_features(images, "small_cnn", 32, 2, make)
    assert made == ["network"]
    assert first.shape == (36, 2, 128)
    assert np.array_equal(first, again)
    assert frozen_features(images, "small_cnn", 32, 1, make).shape == (36, 1, 128)
    assert made == ["network"] * 2


def test_the_second_view_is_the_mirror_image(images):
    pixels = images.pixels(32)
    backbone = make_backbone("small_cnn").eval()
    both = compute_features(backbone, pixels, 2)
    mirrored = compute_features(backbone, pixels[:, :, ::-1], 1)
    assert np.allclose(both[:, 1], mirrored[:, 0], atol=1e-5)


def test_a_head_learns_on_features_and_takes_the_mean_over_views(images):
    backbone = make_backbone("efficientnet_lite0")
    features = compute_features(backbone, images.pixels(32), 2)
    feed = FeatureFeed(images, features, CPU)
    assert feed.num_rows == 2 * len(images.train_rows)
    head = Head(features.shape[2], 3)
    head.standardise(feed.train_features)
    run = TrainingRun(head, feed, TrainSettings(epochs=5, batch_size=8), 8, CPU, 0)
    for _ in range(5):
        run.train_epoch()
    found = run.validate()
    assert found.accuracy >= 0.8
    assert found.count == 9


def test_progress_with_many_images_is_logged(images, monkeypatch, caplog):
    monkeypatch.setattr(features_module, "_LOG_EVERY_S", -1.0)
    with caplog.at_level(logging.INFO):
        compute_features(make_backbone("small_cnn"), images.pixels(32), 1)
    assert "features of 32 of 36 images" in caplog.text
