"""Searches in small."""

import pytest

from agcore_contrib import hpopt
from tests.contrib.hpopt.trainings import make_space


@pytest.fixture
def create(tmp_path):
    """`hpopt.create` in a folder of its own; 6 trials of 4 epochs unless said otherwise."""

    def make(**options):
        arguments = {
            "full_dataset_size": 1000,
            "num_full_iterations": 10,
            "search_space": make_space(),
            "save_path": tmp_path / "hpo",
            "num_trials": 6,
            "max_iterations": 4,
            "subset_ratio": 0.5,
        }
        return hpopt.create(**{**arguments, **options})

    return make


@pytest.fixture
def auto(create):
    """`hpopt.create` with Auto Config."""
    left_open = {"num_trials": None, "max_iterations": None, "subset_ratio": None}
    return lambda **options: create(**{**left_open, **options})
