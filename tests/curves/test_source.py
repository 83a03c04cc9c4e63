import functools

import pytest

import agcore as ag
from agcore.curves import CurveTable, RecordedCurve
from agcore.curves.source import as_curve_source, description_of
from agcore.errors import SpecError

STEP = ({"accuracy": 0.5}, 1.0)


def of_config(config):
    yield STEP


def of_config_and_seed(config, seed):
    yield {"accuracy": seed}, config["x"]


def with_a_default(config, epochs=9):
    yield {"accuracy": epochs}, 1.0


@pytest.mark.parametrize(
    ("function", "step"),
    [
        (of_config, STEP),
        (of_config_and_seed, ({"accuracy": 7}, 2)),
        (with_a_default, ({"accuracy": 9}, 1.0)),  # what is no seed is left alone
        (functools.partial(with_a_default, epochs=3), ({"accuracy": 3}, 1.0)),
        (lambda config: [STEP], STEP),
    ],
)
def test_a_function_is_a_source(function, step):
    assert list(as_curve_source(function).curve({"x": 2}, 7)) == [step]


def test_a_source_stays_what_it_is():
    table = CurveTable([RecordedCurve({}, ({"epoch": 1},), (1.0,))])
    assert as_curve_source(table) is table


def test_a_function_cannot_change_the_config():
    config = {"x": 2}
    assert list(as_curve_source(lambda given: given.pop("x") and [STEP]).curve(config, 0))
    assert config == {"x": 2}


@pytest.mark.parametrize("curves", [None, 3, "table.jsonl", lambda: None, lambda config, other: []])
def test_anything_else_is_refused(curves):
    with pytest.raises(SpecError, match="must be a function of a config"):
        as_curve_source(curves)


def test_a_function_that_returns_a_number_is_told_to_yield():
    with pytest.raises(SpecError, match=r"the curve of {'x': 2} is 0.5; .* write yield"):
        as_curve_source(lambda config: 0.5).curve({"x": 2}, 0)


def test_the_repr_is_the_name_of_the_function():
    assert repr(as_curve_source(of_config)) == "of_config"


# -- a train function that yields its curve ------------------------------------------------


@ag.args(x=ag.Real(0, 9), net=ag.Dict(units=ag.Int(1, 8)), factor=2)
def of_args(args):
    yield {"accuracy": args.x * args.factor, "units": args.net["units"]}, 1.0


@ag.args(x=ag.Real(0, 9))
def of_args_and_seed(args, seed):
    yield {"accuracy": seed, "task_id": args.task_id, "from": args.scheduler["resume_from"]}, args.x


class Callable:
    def __call__(self, args):
        yield {"accuracy": args.x}, 1.0


def test_a_train_function_gets_its_arguments_and_the_seed_if_it_wants_it():
    config = {"x": 3.0, "net.units": 4}
    assert list(as_curve_source(of_args).curve(config, 7)) == [({"accuracy": 6.0, "units": 4}, 1.0)]
    [(metrics, seconds)] = as_curve_source(of_args_and_seed).curve({"x": 2.0}, 7)
    assert (metrics, seconds) == ({"accuracy": 7, "task_id": None, "from": 0}, 2.0)
    of_object = as_curve_source(ag.args(x=ag.Real(0, 1))(Callable()))
    assert list(of_object.curve({"x": 0.5}, 0)) == [({"accuracy": 0.5}, 1.0)]


def of_reporter(args, reporter):
    yield STEP


def of_two(args, other):
    yield STEP


@pytest.mark.parametrize("function", [of_reporter, of_two])
def test_a_train_function_that_wants_more_is_refused(function):
    with pytest.raises(SpecError, match=rf"{function.__name__}\(args, \w+\) cannot be played"):
        as_curve_source(ag.args(x=ag.Real(0, 1))(function))


def test_a_train_function_that_yields_nothing_is_refused():
    with pytest.raises(SpecError, match="of_reporters_own is no generator function"):
        as_curve_source(ag.args(x=ag.Real(0, 1))(of_reporters_own))


def of_reporters_own(args, reporter):
    reporter(accuracy=args.x)


def test_whose_curves_they_are_is_said_alike_in_every_process():
    class Own:
        def curve(self, config, seed):
            yield STEP

    class Described(Own):
        description = "a network's guesses"

    assert description_of(as_curve_source(of_config)) == "of_config"
    assert description_of(as_curve_source(functools.partial(with_a_default, epochs=3))) == "partial"
    assert description_of(as_curve_source(of_args)) == repr(as_curve_source(of_args)) == "of_args"
    assert description_of(Own()).endswith("Own")
    assert description_of(Described()) == "a network's guesses"
