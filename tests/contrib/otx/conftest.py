"""What the tests of OTX's search share."""

import pytest

from agcore_contrib.otx.settings import HyperBandSettings

DEFAULTS = {
    "mode": "max",
    "metric": "mAP",
    "num_trials": None,
    "num_workers": 1,
    "num_full_iterations": 20,
    "full_dataset_size": 0,
    "expected_time_ratio": None,
    "acceptable_additional_time_ratio": 1.0,
    "maximum_resource": None,
    "minimum_resource": None,
    "reduction_factor": 3,
    "asynchronous_sha": True,
    "asynchronous_bracket": False,
    "non_pure_train_ratio": 0.2,
    "subset_ratio": None,
    "min_subset_size": 500,
    "batch_size_name": None,
    "random_seed": 0,
}


@pytest.fixture
def settings_of():
    """Makes settings; 20 epochs of training and no budget unless said otherwise."""
    return lambda **options: HyperBandSettings(**{**DEFAULTS, **options})
