import inspect

import pytest

import agcore as ag
from agcore.records import TrialState
from agcore.scheduler.options import RunOptions

SCHEDULERS = [ag.scheduler.FIFOScheduler, ag.scheduler.HyperbandScheduler]


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_every_option_is_an_explicit_argument_with_the_same_default(kind):
    parameters = inspect.signature(kind).parameters
    options = {name: f.default for name, f in RunOptions.__dataclass_fields__.items()}
    for name in ("predict_duration", "objectives", "scalarization"):  # follow from others
        options.pop(name)
    assert {name: parameters[name].default for name in options} == options
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_every_argument_is_documented(kind):
    documented = (ag.scheduler.FIFOScheduler.__doc__ or "") + (kind.__doc__ or "")
    for name in inspect.signature(kind).parameters:
        assert f"{name}:" in documented, name


def test_trials_run_to_their_end_in_the_order_of_proposals(train_fn, scripted, one_second_epochs):
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=scripted(one_second_epochs), num_trials=3, progress=False
    )
    scheduler.run()
    assert {t.state for t in scheduler.trials.values()} == {TrialState.COMPLETED}
    assert [len(rows) for rows in scheduler.training_history.values()] == [9, 9, 9]


def test_a_report_without_a_resource_is_counted(train_fn, scripted):
    executor = scripted(lambda job: [(1.0, {"accuracy": 0.1}), (1.0, {"accuracy": 0.2})])
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=1, progress=False
    )
    scheduler.run()
    assert [report.resource for report in scheduler.trials[0].reports] == [1, 2]


def test_a_returned_number_is_the_report_of_a_function_that_reported_nothing():
    def square(args):
        return args.x**2

    result = ag.tune(
        square, {"x": ag.Real(-1, 1)}, num_trials=4, mode="min", progress=False, num_workers=2
    )
    assert result.best_reward == 0.0
    assert result.scheduler.training_history["0"] == [{"accuracy": 0.0}]


def test_a_returned_dict_is_a_report_under_hyperband_at_full_resource():
    def train(args):
        return {"score": args.x, "note": "whole"}

    result = ag.tune(
        train,
        {"x": ag.Real(0, 1), "epochs": 9},
        scheduler="hbs",
        num_trials=3,
        reward_attr="score",
        progress=False,
    )
    rows = result.scheduler.training_history["0"]
    assert rows[0]["epoch"] == 9
    assert rows[0]["note"] == "whole"
