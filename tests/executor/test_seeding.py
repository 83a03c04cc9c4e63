from __future__ import annotations

import importlib
import random
import sys
import types

import numpy as np
import pytest

from agcore.executor import seeding
from agcore.executor.seeding import TrialSeeder, generators_put_back, seed_generators


@pytest.fixture(autouse=True)
def _unchanged_generators():
    with generators_put_back():
        yield


def draws():
    return random.random(), float(np.random.random())  # noqa: NPY002  the seeded generator


def test_the_same_seed_gives_the_same_numbers():
    seed_generators(7)
    first = draws()
    seed_generators(8)
    second = draws()
    seed_generators(7)
    assert draws() == first
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_generators_are_put_back_also_after_an_exception():
    before = draws()
    seed_generators(1)
    expected = draws()
    seed_generators(1)
    with pytest.raises(ValueError, match="the trial's"), generators_put_back():
        seed_generators(99)
        draws()
        raise ValueError("the trial's")
    assert draws() == expected != before


def test_torch_is_seeded_and_put_back():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    expected = float(torch.rand(1))
    torch.manual_seed(3)
    with generators_put_back():
        seed_generators(5)
        first = float(torch.rand(1))
        seed_generators(5)
        assert float(torch.rand(1)) == first
    assert float(torch.rand(1)) == expected


def test_a_fake_torch_is_treated_like_the_real_one(monkeypatch):
    states = {"cpu": 1, "gpus": [2]}
    torch = types.SimpleNamespace(
        manual_seed=lambda seed: states.update(cpu=seed, gpus=[seed]),
        get_rng_state=lambda: states["cpu"],
        set_rng_state=lambda state: states.update(cpu=state),
        cuda=types.SimpleNamespace(
            is_initialized=lambda: True,
            get_rng_state_all=lambda: states["gpus"],
            set_rng_state_all=lambda all_states: states.update(gpus=all_states),
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    with generators_put_back():
        seed_generators(9)
        assert states == {"cpu": 9, "gpus": [9]}
    assert states == {"cpu": 1, "gpus": [2]}


FAKE = "agcore_test_torch"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library, known by a name that no real one has, that notes how it was seeded."""
    monkeypatch.setitem(seeding._SEEDERS, FAKE, seeding._SEEDERS["torch"])
    source = "seeds = []\nmanual_seed = seeds.append\n"
    (tmp_path / FAKE).mkdir()
    (tmp_path / FAKE / "__init__.py").write_text(source)
    (tmp_path / FAKE / "inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / FAKE
    for name in (FAKE, f"{FAKE}.inner"):
        sys.modules.pop(name, None)


@pytest.fixture
def seeder():
    seeder = TrialSeeder()
    seeder.install()
    yield seeder
    seeder.uninstall()
    seeder.uninstall()
    assert seeder not in sys.meta_path


def test_a_library_is_seeded_at_the_end_of_its_first_import(library, seeder):
    seeder.seed(5)
    torch = importlib.import_module(FAKE)
    importlib.import_module(f"{FAKE}.inner")
    assert torch.seeds == [5]
    seeder.seed(6)
    assert torch.seeds == [5, 6]
    importlib.reload(torch)
    assert torch.seeds == []


def test_a_folder_of_the_users_own_by_that_name_is_left_alone(library, seeder):
    (library / "__init__.py").unlink()
    seeder.seed(5)
    assert importlib.import_module(FAKE).__file__ is None
    seeder.seed(6)


def test_a_library_that_is_not_there_is_still_not_there(seeder, monkeypatch):
    monkeypatch.setitem(seeding._SEEDERS, "no_such_library", lambda module, seed: None)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        importlib.import_module("no_such_library")


# -- in workers ----------------------------------------------------------------------------


def test_each_trial_has_its_own_numbers_whichever_worker_runs_it(drive):
    def draws_numbers(args, reporter):
        reporter(accuracy=random.random(), numpy=float(np.random.random()))  # noqa: NPY002

    driver = drive(draws_numbers)
    for trial_id, seed in enumerate((3, 4, 5, 6, 3)):
        driver.run(trial_id, seed)
    warm = [driver.reports[trial_id] for trial_id in range(5)]
    assert warm[0] == warm[4]
    assert len({repr(report) for report in warm}) == 4
    cold = drive(draws_numbers)
    cold.run(0, 5)
    assert cold.reports[0] == warm[2]


def test_numpy_imported_in_the_trial_for_the_first_time_is_seeded_too(drive):
    # Nothing here refers to numpy, so that the worker has not imported it before.
    def imports_late(args, reporter):
        import sys

        before = "numpy" in sys.modules
        import numpy

        reporter(accuracy=float(numpy.random.random()), before=before)  # noqa: NPY002

    driver = drive(imports_late)
    for trial_id in range(5):
        driver.run(trial_id, seed=trial_id % 4)
    reports = [driver.reports[trial_id][0] for trial_id in range(5)]
    assert [report["before"] for report in reports] == [False, True, True, True, True]
    assert reports[0]["accuracy"] == reports[4]["accuracy"]
    assert len({report["accuracy"] for report in reports}) == 4


def test_torch_imported_in_the_trial_for_the_first_time_is_seeded_too(drive):
    pytest.importorskip("torch")

    def imports_late(args, reporter):
        import torch

        reporter(accuracy=float(torch.rand(1)))

    driver = drive(imports_late)
    for trial_id in range(3):
        driver.run(trial_id, seed=trial_id % 2)
    assert driver.reports[0] == driver.reports[2] != driver.reports[1]
