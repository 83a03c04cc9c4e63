import inspect

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.executor.inline import InlineExecutor
from agcore.executor.local import LocalExecutor
from agcore.executor.simulated import SimulatedExecutor
from agcore.scheduler.options import RunOptions

TRAIN = ag.args(x=ag.Real(0, 1))(lambda args, reporter: None)


@ag.args(x=ag.Real(0, 1))
def yielding(args):
    yield {"accuracy": args.x}, 1.0


def test_executors_are_made_by_name_or_taken_as_they_are():
    assert isinstance(RunOptions(executor="inline").make_executor(TRAIN), InlineExecutor)
    local = RunOptions(executor="local", num_workers=3).make_executor(TRAIN)
    assert isinstance(local, LocalExecutor)
    assert local.slots == 3
    assert RunOptions(executor=local).make_executor(TRAIN) is local


def test_simulated_workers_are_no_number_of_this_machine():
    executor = RunOptions(executor="simulated").make_executor(yielding)
    assert isinstance(executor, SimulatedExecutor)
    assert executor.slots == 4
    assert RunOptions(executor="simulated", num_workers=99).make_executor(yielding).slots == 99


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_a_function_that_yields_is_not_run(executor):
    with pytest.raises(SpecError, match=r"yielding yields, .* pass executor='simulated'"):
        RunOptions(executor=executor).make_executor(yielding)


def test_an_executor_that_there_is_not_is_answered_with_those_there_are():
    with pytest.raises(SpecError, match=r"'local' .* 'inline' .* 'simulated' .*Executor"):
        RunOptions(executor="loca").make_executor(TRAIN)


def test_the_seed_of_the_experiment_is_the_searchers():
    assert RunOptions().random_seed == 31415927
    assert RunOptions(search_options={"random_seed": None}).random_seed == 31415927
    assert RunOptions(search_options={"random_seed": 0}).random_seed == 0


def test_debug_log_is_a_search_option():
    assert RunOptions(search_options={"debug_log": True}).debug_log
    assert not RunOptions().debug_log


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(SpecError, match="num_workers="):
        RunOptions(num_workers=workers)


def test_resources_are_checked_when_they_are_read():
    with pytest.raises(SpecError, match="num_cpus=0"):
        _ = RunOptions(resource={"num_cpus": 0}).resources
    assert RunOptions(resource={"num_gpus": 0.5}).resources.num_gpus == 0.5
    assert RunOptions(resource={"num_cpus": None}).resources.num_cpus == 1


def arguments_of(scheduler):
    parameters = inspect.signature(scheduler).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


@pytest.mark.parametrize(
    "name",
    [
        "HyperbandScheduler",
        "MedianStoppingScheduler",
        "PASHAScheduler",
        "PopulationBasedTrainingScheduler",
        "SynchronousHyperbandScheduler",
    ],
)
def test_every_scheduler_takes_the_arguments_of_fifo_and_has_its_defaults(name):
    shared = arguments_of(ag.scheduler.FIFOScheduler)
    own = arguments_of(getattr(ag.scheduler, name))
    if name != "HyperbandScheduler":  # the others cannot plan yet, and ag.tune says so
        del shared["time_budget"]
    assert {argument: own.get(argument, "missing") for argument in shared} == shared
