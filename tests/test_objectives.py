import json
import math

import pytest

from agcore.errors import SpecError
from agcore.objectives import Objectives

BOTH = Objectives(("accuracy", "latency"), ("max", "min"))


@pytest.mark.parametrize(
    "mode", [["max", "min"], ("max", "min"), {"latency": "min", "accuracy": "max"}]
)
def test_modes_are_given_as_a_list_or_by_name(mode):
    assert Objectives.of(["accuracy", "latency"], mode) == BOTH


def test_one_word_is_the_mode_of_all():
    assert Objectives.of(("a", "b", "c"), "min").modes == ("min", "min", "min")


def test_a_single_name_is_no_list_of_objectives():
    assert Objectives.of("accuracy", "max") is None
    assert Objectives.of(3, "max") is None  # refused elsewhere


def test_the_words_of_autogluon_are_understood():
    assert Objectives.parse({"accuracy": "MAX", "latency": "MIN"}) == BOTH


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Objectives.of(["a", "b"], ["max"]), "must have a word for each"),
        (lambda: Objectives.of(["a", "b"], None), "mode=None must have a word for each"),
        (lambda: Objectives.of(["a", "b"], {"a": "max"}), "must name each of"),
        (lambda: Objectives.of(["a", "b"], ["max", "mni"]), "mode of 'b'='mni'.*'min'"),
        (lambda: Objectives.of(["a"], "max"), "at least two"),
        (lambda: Objectives.of(["a", "a"], "max"), "names one twice"),
        (lambda: Objectives.of(["a", ""], "max"), "objective ''"),
        (lambda: Objectives.of(["a", "_SCALARIZATION"], "max"), "is computed"),
        (lambda: Objectives.parse(["a", "b"]), "must be a dict"),
        (lambda: Objectives.parse({"a": "MAX", "b": "UP"}), "mode of 'b'='up'"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(SpecError, match=message):
        make()


def test_settings_bring_the_objectives_back_in_their_order():
    settings = {"objectives": json.loads(json.dumps(BOTH.described()))}
    assert Objectives.of_settings(settings) == BOTH
    assert Objectives.of_settings({}) is None


def test_vectors_are_maximised_and_values_are_the_users():
    report = {"accuracy": 0.5, "latency": 12, "epoch": 3}
    assert BOTH.vector(report) == (0.5, -12.0)
    assert BOTH.values(report) == {"accuracy": 0.5, "latency": 12.0}
    assert BOTH.said(report) == "accuracy 0.5, latency 12"
    assert math.isnan(BOTH.vector({**report, "latency": math.nan})[1])
