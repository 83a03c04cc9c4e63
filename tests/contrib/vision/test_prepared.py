"""The images of one fit, decoded once."""

import logging
import shutil

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore_contrib.vision import ImageDataset
from agcore_contrib.vision.prepared import PreparedImages, prepared_images, read_images


@pytest.fixture
def paths(colours):
    return ImageDataset.from_folder(colours / "train")["image"].tolist()


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path, paths, caplog):
    (tmp_path / "empty.png").touch()
    given = [str(tmp_path / "empty.png"), *paths[:3], str(tmp_path / "missing.png"), paths[3]]
    with caplog.at_level(logging.WARNING):
        found = read_images(given, tmp_path, 16)
    assert found.rows.tolist() == [1, 2, 3, 5]
    assert sorted(found.failures) == [0, 4]
    assert "2 of 6 images are left out" in caplog.text
    assert np.load(tmp_path / "pixels-16.npy").shape == (4, 16, 16, 3)


def test_if_nothing_can_be_read_it_says_why(tmp_path):
    with pytest.raises(SpecError, match=r"none of the 1 images can be read: .*No such file"):
        read_images([str(tmp_path / "missing.png")], tmp_path, 16)


def test_images_that_do_not_fit_on_the_disk_are_refused_before_they_are_read(
    tmp_path, paths, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=2**20))
    with pytest.raises(SpecError, match="has 1 MB left; pass path="):
        read_images(paths, tmp_path, 1024)
    assert not list(tmp_path.iterdir())


def test_what_was_written_is_read_and_other_sizes_are_decoded_when_needed(tmp_path, paths):
    read_images(paths, tmp_path, 16)
    labels = np.arange(36, dtype=np.int64) % 3
    rows = np.arange(36, dtype=np.int64)
    PreparedImages(tmp_path, tuple(paths), labels, rows[:30], rows[30:], 3).write()
    images = prepared_images(str(tmp_path))
    assert images.labels.tolist() == labels.tolist()
    assert images.valid_rows.tolist() == rows[30:].tolist()
    assert images.pixels(16).shape == (36, 16, 16, 3)
    assert not (tmp_path / "pixels-8.npy").exists()
    assert images.pixels(8).shape == (36, 8, 8, 3)
    assert abs(float(images.pixels(8).mean()) - float(images.pixels(16).mean())) < 2
