from __future__ import annotations

import functools
import threading

import pytest

from agcore.errors import SpecError
from agcore.executor.base import TrialTask
from agcore.executor.shipping import pack
from agcore.testing.executor import task_of
from agcore.train_fn import ArgsBuilder

LOCK = threading.Lock()


class Holder:
    def __init__(self, content):
        self.content = content


def message_for(task):
    with pytest.raises(SpecError) as caught:
        pack(task)
    assert "create it inside the function" in str(caught.value)
    return (
        str(caught.value)
        .removeprefix("the train function cannot be sent to worker processes: ")
        .partition(" cannot be pickled")[0]
    )


def by_value(function):
    """As if it stood in the main script."""
    function.__module__ = "__main__"
    return function


def test_the_message_names_a_global():
    def train(args, reporter):
        with LOCK:
            return 1

    assert message_for(task_of(by_value(train))) == "the global 'LOCK', which train uses,"


def test_the_message_names_what_a_helper_uses():
    def train(args, reporter):
        return helper()

    def helper():
        return [LOCK for _ in range(3)]

    by_value(helper)
    assert message_for(task_of(by_value(train))) == (
        "'helper', which train uses from the enclosing function, -> "
        "the global 'LOCK', which helper uses,"
    )


def test_the_message_names_a_closure_variable_and_what_is_in_it():
    lock = threading.Lock()
    holder = Holder({"a": [1, lock]})

    def train(args, reporter):
        return holder, not_yet

    message = message_for(task_of(train))
    not_yet = 1
    assert message == (
        "'holder', which train uses from the enclosing function, -> its attribute 'content' -> "
        "its item 'a' -> its item 1"
    )


def test_the_message_names_an_argument():
    def train(args, reporter):
        return 1

    task = task_of(train)
    builder = ArgsBuilder({"fine": 1, "data": (i for i in range(3))}, task.train_fn.cs)
    assert message_for(TrialTask(task.train_fn, builder, task.rules)) == "args.data"


def test_the_message_names_a_default_an_attribute_and_the_object_of_a_method():
    def with_default(args, reporter, lock=LOCK):
        return 1

    assert message_for(task_of(with_default)) == "the default of with_default's parameter 'lock'"

    def with_attribute(args, reporter):
        return 1

    with_attribute.lock = LOCK
    assert message_for(task_of(with_attribute)) == "the attribute 'lock' of with_attribute"

    class Model:
        def __init__(self):
            self.lock = LOCK

        def fit(self, args, reporter):
            return 1

    assert message_for(task_of(Model().fit)) == "its object -> its attribute 'lock'"
    partial = functools.partial(with_default, lock=LOCK)
    assert message_for(task_of(partial)) == "its argument 'lock'"


def test_objects_that_refuse_in_their_own_way_are_named():
    class Stubborn:
        def __reduce__(self):
            raise KeyError("not today")

    def train(args, reporter):
        return 1

    task = task_of(train)
    builder = ArgsBuilder({"thing": Stubborn()}, task.train_fn.cs)
    with pytest.raises(SpecError, match=r"args\.thing cannot be pickled \(KeyError: 'not today'\)"):
        pack(TrialTask(task.train_fn, builder, task.rules))
