import dataclasses

import pytest

import agcore as ag


def test_a_task_holds_function_arguments_and_resources():
    def train(args):
        """Never run."""

    task = ag.Task(train, {"lr": 0.1}, {"num_cpus": 1})
    assert (task.fn, task.args, task.resources) == (train, {"lr": 0.1}, {"num_cpus": 1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.args = {}


def test_tasks_of_one_process_share_no_counter():
    assert not hasattr(ag.Task, "TASK_ID")
