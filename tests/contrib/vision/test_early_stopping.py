"""When a run has nothing more to gain."""

import math

import pytest

from agcore_contrib.vision.early_stopping import EarlyStopping


def epochs_until_over(accuracies, **options):
    stopping = EarlyStopping(**{"patience": 2, "min_delta": 0.01, **options})
    for epoch, accuracy in enumerate(accuracies, start=1):
        if stopping.is_over(accuracy):
            return epoch
    return None


@pytest.mark.parametrize(
    ("accuracies", "options", "expected"),
    [
        ([0.1, 0.2, 0.2, 0.2, 0.9], {}, 4),
        ([0.1, 0.105, 0.109], {}, 3),  # gains that are too small
        ([0.1, 0.2, 0.2, 0.3, 0.3], {}, None),
        ([0.1] * 50, {"patience": 0}, None),
        ([0.3, 0.4, 0.5], {"baseline": 0.6}, 2),
        ([0.3, 0.7, 0.8], {"baseline": 0.6}, None),
        ([0.3, 0.95, 0.99], {"max_value": 0.9}, 2),
        ([math.nan, math.nan, 0.5], {}, 2),
    ],
)
def test_a_run_ends_when_it_gains_nothing(accuracies, options, expected):
    assert epochs_until_over(accuracies, **options) == expected
