import logging

import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import (
    CPUResourceManager,
    GPUResourceManager,
    get_resource_manager,
    resources,
)


def test_cpus_are_reserved_until_all_are_taken(caplog):
    manager = CPUResourceManager(2)
    assert (manager.reserve_resource(0), manager.reserve_resource(1)) == ({}, {})
    assert not manager.have_available_resource()
    assert manager.reserve_resource(2) is None
    with pytest.raises(RuntimeError, match="trial 0 has a place already"):
        manager.reserve_resource(0)
    manager.release_resource(0)
    assert manager.reserve_resource(2) == {}
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        manager.release_resource(9)
    assert caplog.messages == ["trial 9 has no place to be released"]


def test_one_trial_at_a_time_is_the_default_on_cpus():
    assert get_resource_manager("cpu").num_parallel_trials == 1
    assert get_resource_manager("cpu", num_parallel_trial=3).num_parallel_trials == 3


def test_gpus_are_reserved_until_too_few_are_left(caplog):
    manager = GPUResourceManager(2, "0,1,2,3,4")
    assert manager.num_parallel_trials == 2
    taken = [manager.reserve_resource(i)["CUDA_VISIBLE_DEVICES"].split(",") for i in range(2)]
    assert [len(ids) for ids in taken] == [2, 2]
    assert len({*taken[0], *taken[1]}) == 4
    assert manager.reserve_resource(2) is None
    with pytest.raises(RuntimeError, match="trial 1 has GPUs already"):
        manager.reserve_resource(1)
    manager.release_resource(1)
    assert manager.have_available_resource()
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        manager.release_resource(1)
    assert "no GPUs to be released" in caplog.text


def test_gpus_are_those_that_the_process_can_see(monkeypatch):
    monkeypatch.setattr(resources, "gpu_ids", lambda: ("2", "5"))
    assert GPUResourceManager().gpus == ("2", "5")
    manager = get_resource_manager("gpu", num_parallel_trial=9, num_gpu_for_single_trial=2)
    assert manager.num_parallel_trials == 1


@pytest.mark.parametrize("ids", ["", "0,a", "0,,1", "-1", "0,0", "0;1", 3])
def test_bad_ids_are_refused(ids):
    with pytest.raises(SpecError, match="must be different ids of GPUs"):
        get_resource_manager("gpu", available_gpu=ids)


@pytest.mark.parametrize("count", [0, -1, 1.5, "1", True])
def test_bad_counts_are_refused(count):
    with pytest.raises(SpecError, match="must be a whole number of at least 1"):
        CPUResourceManager(count)
    with pytest.raises(SpecError, match="must be a whole number of at least 1"):
        GPUResourceManager(count, "0")


def test_a_trial_cannot_have_more_gpus_than_there_are():
    with pytest.raises(SpecError, match="num_gpu_for_single_trial=3 exceeds the 2 GPUs"):
        get_resource_manager("gpu", num_gpu_for_single_trial=3, available_gpu="0,1")


def test_without_gpus_cpus_are_taken_with_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(resources, "gpu_ids", tuple)
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        manager = get_resource_manager("gpu", num_parallel_trial=2)
    assert manager.num_parallel_trials == 2
    assert manager.gpus == ()
    assert "trials run on CPUs" in caplog.text


@pytest.mark.parametrize("kind", ["tpu", "gpus", None, 3])
def test_other_types_are_refused(kind):
    with pytest.raises(SpecError, match=r"resource_type=.* must be one of 'gpu', 'cpu'"):
        get_resource_manager(kind)
