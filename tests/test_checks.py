import math

import numpy as np
import pytest

from agcore.checks import finite_number, one_of, truth, whole_number
from agcore.errors import SpecError


def test_numbers_of_numpy_become_pythons():
    assert type(whole_number("n", np.int64(3))) is int
    assert finite_number("x", np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", True, None, math.nan])
def test_what_is_no_whole_number_in_range_names_value_and_rule(value):
    with pytest.raises(SpecError, match=r"n=.* must be a whole number of at least 1"):
        whole_number("n", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, "3", True, None, 10**400, [1]])
def test_what_is_no_finite_number_names_value_and_rule(value):
    with pytest.raises(SpecError, match=r"x=.* must be a finite number"):
        finite_number("x", value)


def test_a_word_is_one_of_those_allowed_or_the_one_meant_is_named():
    one_of("mode", "max", ("max", "min"))
    with pytest.raises(SpecError, match=r"mode='maxx' must be one of 'max', 'min'.*'max'"):
        one_of("mode", "maxx", ("max", "min"))


def test_a_switch_is_true_or_false():
    assert truth("verbose", True) is True
    with pytest.raises(SpecError, match="verbose='no' must be True or False"):
        truth("verbose", "no")
