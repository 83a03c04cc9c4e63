from __future__ import annotations

import logging
import os

import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.errors import SpecError
from agcore.executor import resources
from agcore.executor.local import LocalExecutor
from agcore.executor.resources import GpuPool, TrialResources, cpu_count, gpu_ids

# -- what the user asks for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cpus", "gpus"),
    [
        (None, 1, 0),
        ({}, 1, 0),
        ({"num_cpus": 3}, 3, 0),
        ({"num_cpus": None, "num_gpus": None}, 1, 0),
        ({"num_gpus": 2.0}, 1, 2),
        ({"num_gpus": 0.5}, 1, 0.5),
    ],
)
def test_resources_are_read(given, cpus, gpus):
    assert TrialResources.parse(given) == TrialResources(cpus, gpus)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_cpu": 1}, "unknown key 'num_cpu'.*did you mean 'num_cpus'"),
        ({"num_cpus": 0}, "num_cpus=0 must be an integer of at least 1"),
        ({"num_cpus": 1.5}, "num_cpus=1.5 must be an integer"),
        ({"num_cpus": True}, "num_cpus=True must be an integer"),
        ({"num_gpus": -1}, "num_gpus=-1 must be a number of at least 0"),
        ({"num_gpus": float("nan")}, "num_gpus=nan must be a number"),
        ({"num_gpus": float("inf")}, "num_gpus=inf must be a number"),
        ({"num_gpus": "1"}, "num_gpus='1' must be a number"),
        ({"num_gpus": 1.5}, "num_gpus=1.5 is above 1 and not whole"),
    ],
)
def test_a_wrong_resource_is_named(given, message):
    with pytest.raises(SpecError, match=message):
        TrialResources.parse(given)


@pytest.mark.parametrize(
    ("wanted", "num_workers", "slots"),
    [
        (TrialResources(), None, 8),
        (TrialResources(3), None, 2),
        (TrialResources(8), None, 1),
        (TrialResources(), 20, 20),
        (TrialResources(1, 1), None, 2),
        (TrialResources(1, 2), None, 1),
        (TrialResources(1, 0.5), None, 4),
        (TrialResources(1, 0.3), None, 6),
        (TrialResources(1, 1 / 93), 200, 186),
        (TrialResources(4, 0.5), None, 2),
        (TrialResources(1, 1), 1, 1),
    ],
)
def test_slots_follow_from_cpus_and_gpus(wanted, num_workers, slots):
    assert wanted.slots(8, ("0", "1"), num_workers) == slots


def test_more_cpus_than_there_are_give_one_warning_and_one_slot(caplog):
    with caplog.at_level(logging.WARNING):
        executor = LocalExecutor(TrialResources(num_cpus=10_000))
    assert executor.slots == 1
    (record,) = caplog.records
    assert f"num_cpus=10000 for each trial, but there are {cpu_count()}" in record.getMessage()


@pytest.mark.parametrize(("wanted", "count"), [(1, 0), (0.5, 0), (3, 2)])
def test_gpus_that_are_not_there_are_an_error_that_says_how_many_are(wanted, count):
    with pytest.raises(SpecError, match=f"this process can use {count} GPUs"):
        LocalExecutor(TrialResources(1, wanted), gpus=("0", "1")[:count])


def test_gpus_are_missed_when_the_scheduler_is_made(monkeypatch):
    monkeypatch.setattr(resources, "_driver_gpu_count", lambda: 0)
    train = ag.args(x=ag.Real(0, 1))(lambda args, reporter: None)
    with pytest.raises(SpecError, match=r"num_gpus=1 for each trial.* can use 0 GPUs"):
        ag.scheduler.FIFOScheduler(train, num_trials=1, resource={"num_gpus": 1})


@pytest.mark.parametrize("num_workers", [0, -1])
def test_an_executor_has_workers(num_workers):
    with pytest.raises(SpecError, match="num_workers"):
        LocalExecutor(num_workers=num_workers)


def test_isolation_is_one_of_two_words():
    with pytest.raises(SpecError, match="isolation='proces' must be 'auto' or 'process'"):
        LocalExecutor(isolation="proces")


# -- what there is -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "present", "ids"),
    [
        (None, 3, ("0", "1", "2")),
        (None, 0, ()),
        ("", 3, ()),
        ("2, 0", 3, ("2", "0")),
        ("0,-1,1", 3, ("0",)),
        ("0,3,1", 3, ("0",)),
        ("0,0,1", 3, ("0",)),
        ("GPU-5f3e,MIG-77/1/0", 3, ("GPU-5f3e", "MIG-77/1/0")),
        ("NoDevFiles", 3, ()),
        ("0,1", 0, ()),
    ],
)
def test_an_existing_mask_is_kept_to(monkeypatch, mask, present, ids):
    monkeypatch.setattr(resources, "_driver_gpu_count", lambda: present)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if mask is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert gpu_ids() == ids


def test_without_a_driver_there_are_no_gpus(monkeypatch):
    def no_library(name):
        raise OSError(name)

    monkeypatch.setattr(resources.ctypes, "CDLL", no_library)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_ids() == ()


def test_cpus_are_those_this_process_may_use(monkeypatch):
    assert cpu_count() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cpu_count() == os.cpu_count()


# -- who holds which GPU -------------------------------------------------------------------


@given(
    count=st.integers(1, 5),
    share=st.sampled_from([1, 2, 3, 0.5, 0.25, 0.3, 1 / 3, 1 / 93, 0.7]),
    moves=st.lists(st.booleans(), max_size=60),
)
def test_no_gpu_is_ever_overcommitted_and_all_slots_can_be_filled(count, share, moves):
    gpus = [f"gpu{i}" for i in range(count)]
    if share > count:
        return
    pool = GpuPool(gpus)
    slots = TrialResources(1, share).slots(1000, gpus, 1000)
    held = []
    for takes in moves:
        if takes and len(held) < slots:
            held.append(pool.take(share))
        elif not takes and held:
            pool.put_back(held.pop(0), share)
        load = {gpu: sum(min(share, 1) for taken in held if gpu in taken) for gpu in gpus}
        assert max(load.values()) <= 1 + 1e-6
        assert all(len(set(taken)) == max(1, int(share)) for taken in held)
    while held:
        pool.put_back(held.pop(), share)
    for _ in range(slots):
        pool.take(share)
    with pytest.raises(RuntimeError, match="in use"):
        pool.take(share)


def test_a_share_goes_to_the_fullest_gpu_with_room():
    pool = GpuPool(("a", "b"))
    assert [pool.take(0.5) for _ in range(4)] == [("a",), ("a",), ("b",), ("b",)]
    assert GpuPool(("a", "b")).take(0) == ()


# -- in workers ----------------------------------------------------------------------------


def sees_gpus(args, reporter):
    import os

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    reporter(accuracy=1, visible=visible, pid=os.getpid())


@pytest.mark.parametrize(
    ("wanted", "gpus", "expected"),
    [
        (1, ("0", "1"), ["0", "1"]),
        (2, ("3", "GPU-5f"), ["3,GPU-5f"]),
        (0.5, ("7",), ["7", "7"]),
    ],
)
def test_trials_see_the_gpus_that_they_hold(drive, wanted, gpus, expected):
    sees = _by_value(sees_gpus)
    driver = drive(sees, resources=TrialResources(1, wanted), gpus=gpus, num_workers=9)
    assert driver.executor.slots == len(expected)
    for trial_id in range(len(expected)):
        driver.start(trial_id)
    assert [driver.first_report_of(i)["visible"] for i in range(len(expected))] == expected


def test_trials_without_gpus_see_the_mask_unchanged(drive, monkeypatch):
    for mask in ("5,6", None):
        if mask is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
        driver = drive(_by_value(sees_gpus), gpus=("5", "6"))
        driver.run(0)
        assert driver.reports[0][0]["visible"] == mask
        driver.executor.close()


def test_gpu_trials_have_a_process_each_and_give_their_gpu_back(drive):
    driver = drive(_by_value(sees_gpus), resources=TrialResources(1, 1), gpus=("4",))
    for trial_id in range(3):
        driver.run(trial_id)
    reports = [driver.reports[trial_id][0] for trial_id in range(3)]
    assert [report["visible"] for report in reports] == ["4"] * 3
    assert len({report["pid"] for report in reports}) == 3


def _by_value(function):
    """The function as if it stood in the main script: no worker imports this file."""
    function.__module__ = "__main__"
    return function
