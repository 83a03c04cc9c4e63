import pytest

import agcore as ag
from agcore.executor.resources import cpu_count
from agcore.scheduler import (
    FIFOScheduler,
    HyperbandScheduler,
    LocalSequentialScheduler,
    scheduler_factory,
)


@pytest.mark.parametrize("preset", ["auto", "random", "bayesopt"])
def test_presets_run_in_this_process(preset):
    kind, parameters = scheduler_factory(preset, num_trials=3)
    assert kind is LocalSequentialScheduler
    assert parameters["searcher"] == preset
    assert parameters["num_trials"] == 3


@pytest.mark.parametrize("preset", ["auto", "random"])
def test_what_the_factory_returns_can_be_run(preset):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(epoch=1, validation_performance=args.x)

    kind, parameters = scheduler_factory(preset, num_trials=3)
    scheduler = kind(train, **parameters, progress=False)
    scheduler.run()
    assert scheduler.num_finished_tasks == 3


def test_defaults_are_those_of_the_ancestor():
    _, parameters = scheduler_factory({"scheduler": "fifo", "searcher": "random"}, time_out=9)
    assert parameters == {
        "resource": {"num_cpus": cpu_count(), "num_gpus": 0},
        "num_trials": None,
        "time_out": 9,
        "reward_attr": "validation_performance",
        "time_attr": "epoch",
        "search_options": {},
        "searcher": "random",
    }


def test_the_dict_wins_over_the_arguments():
    options = {"scheduler": "fifo", "searcher": "grid", "num_trials": 7, "mode": "min"}
    kind, parameters = scheduler_factory(options, num_trials=3, nthreads_per_trial=1)
    assert kind is FIFOScheduler
    assert (parameters["num_trials"], parameters["mode"]) == (7, "min")
    assert parameters["resource"]["num_cpus"] == 1


def test_hyperband_names_carry_the_type():
    kind, parameters = scheduler_factory({"scheduler": "hyperband_promotion", "searcher": "random"})
    assert kind is HyperbandScheduler
    assert parameters["type"] == "promotion"


def test_a_scheduler_may_be_a_class():
    kind, _ = scheduler_factory({"scheduler": FIFOScheduler, "searcher": "random"})
    assert kind is FIFOScheduler


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("autom", "did you mean 'auto'"),
        ({"searcher": "random"}, "no 'scheduler'"),
        ({"scheduler": "fifo"}, "no 'searcher'"),
        ({"scheduler": "fifi", "searcher": "random"}, "did you mean 'fifo'"),
    ],
)
def test_what_is_missing_or_unknown_is_a_value_error(options, message):
    with pytest.raises(ValueError, match=message):
        scheduler_factory(options)
