"""What is taken where the user has said nothing."""

import pytest
from PIL import Image

import agcore as ag
from agcore_contrib.vision.defaults import completed
from agcore_contrib.vision.settings import TrainSettings


@pytest.fixture
def images(tmp_path):
    def make(side, count):
        Image.new("RGB", (side, side)).save(tmp_path / f"{side}.png")
        return [str(tmp_path / f"{side}.png")] * count

    return make


def settings(images, time_limit_s=120.0, is_search=False, **given):
    return completed(given, images=images, time_limit_s=time_limit_s, is_search=is_search)


@pytest.mark.parametrize(
    ("side", "count", "size", "augment"),
    [
        (28, 800, 64, "none"),
        (112, 50, 224, "flip"),
        (112, 300, 224, "none"),
        (112, 1000, 128, "none"),
        (4000, 10, 224, "flip"),
        (8, 10, 64, "none"),
        (224, 1_000_000, 64, "none"),
    ],
)
def test_images_are_enlarged_as_far_as_there_is_time(images, side, count, size, augment):
    found = settings(images(side, count))
    assert (found["input_size"], found["augment"]) == (size, augment)


def test_more_time_allows_larger_images(images):
    sizes = [settings(images(112, 1000), seconds)["input_size"] for seconds in (30, 120, 600)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_what_the_user_has_said_stays(images):
    found = settings(images(28, 9), is_search=True, input_size=32, augment="none", lr=0.5)
    assert (found["input_size"], found["augment"], found["lr"]) == (32, "none", 0.5)
    space = ag.Real(0.1, 1)
    assert settings(images(28, 9), is_search=True, dropout=space)["dropout"] is space


def test_a_search_without_a_space_gets_one_and_with_one_does_not(images):
    spaces = [
        v for v in settings(images(28, 9), is_search=True).values() if isinstance(v, ag.Space)
    ]
    assert len(spaces) >= 3
    found = settings(images(28, 9), is_search=True, lr=ag.Real(0.1, 1))
    assert sum(isinstance(value, ag.Space) for value in found.values()) == 1


@pytest.mark.parametrize("given", [{}, {"fine_tune": True}, {"model": "small_cnn"}])
def test_every_default_is_a_setting(images, given):
    found = settings(images(28, 9), is_search=True, **given)
    plain = {k: getattr(v, "default", v) for k, v in found.items() if k != "batch_size"}
    assert TrainSettings(**plain).input_size == 64
