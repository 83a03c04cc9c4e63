"""What a training run can be told."""

import pytest

from agcore.errors import SpecError
from agcore_contrib.vision.settings import SETTINGS, TrainSettings


def test_settings_are_picked_from_what_is_given():
    found = TrainSettings.of({"lr": 0.5, "data": "folder", "task_id": 3})
    assert found == TrainSettings(lr=0.5)
    assert "lr" in SETTINGS


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"dropout": 1.0}, "dropout=1.0 must be a share"),
        ({"label_smoothing": -0.1}, "label_smoothing=-0.1"),
        ({"wd": -1}, "wd=-1 must be at least 0"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"input_size": 4}, "input_size=4"),
        ({"fine_tune": "yes"}, "fine_tune='yes' must be True or False"),
        ({"augment": "flips"}, "did you mean 'flip'"),
        ({"net": "resnet"}, "net='resnet' must be a function"),
        ({"loss": "hinge"}, "loss='hinge' must be a function"),
        ({"early_stop_baseline": "high"}, "early_stop_baseline='high'"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(given, why):
    with pytest.raises(SpecError, match=why):
        TrainSettings(**given)
