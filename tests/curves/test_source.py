import functools

import pytest

from agcore.curves import CurveTable, RecordedCurve
from agcore.curves.source import as_curve_source
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
