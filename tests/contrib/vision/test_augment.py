"""Random changes of images."""

import pytest
import torch

from agcore_contrib.vision.augment import augmented


@pytest.fixture
def images():
    return torch.randint(0, 256, (16, 3, 12, 12), dtype=torch.uint8)


def changed(images, kind, seed=0):
    return augmented(images, kind, torch.Generator().manual_seed(seed))


def test_nothing_is_changed_unless_asked_for(images):
    assert changed(images, "none") is images


def test_a_flipped_image_is_itself_or_its_mirror_image(images):
    found = changed(images, "flip")
    same = [torch.equal(a, b) for a, b in zip(found, images, strict=True)]
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(found, images, strict=True)]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < 16


def test_the_standard_changes_keep_shape_and_range_and_follow_the_seed(images):
    found = changed(images, "standard")
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 255
    assert torch.equal(found, changed(images, "standard"))
    assert not torch.equal(found, changed(images, "standard", seed=1))


def test_an_image_of_one_grey_stays_of_one_grey():
    grey = torch.full((3, 3, 8, 8), 100, dtype=torch.uint8)
    found = changed(grey, "standard")
    assert torch.allclose(found, found[:, :, :1, :1].expand_as(found), atol=1e-3)
