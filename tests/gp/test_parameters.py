from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore.gp import LogNormal, Normal, Parameter, ParameterSet
from tests.gp.differences import assert_gradient

SCALE = Parameter("scale", 1.0, 1e-3, 1e3, prior=LogNormal(0.0, 1.0))
WEIGHTS = Parameter("weight", 0.5, 1e-4, 100.0, size=3)
LEVEL = Parameter("level", 0.0, -math.inf, math.inf, is_log=False, prior=Normal(0.0, 1.0))


def test_elements_of_a_vector_are_numbered_and_a_scalar_is_not():
    assert ParameterSet([SCALE, WEIGHTS]).names == ("scale", "weight0", "weight1", "weight2")


def test_a_shared_parameter_is_held_once():
    both = ParameterSet([SCALE, LEVEL, SCALE])
    assert both.names == ("scale", "level")
    np.testing.assert_array_equal(both.positions([LEVEL, SCALE]), [1, 0])


def test_two_parameters_of_one_name_are_refused():
    with pytest.raises(SpecError, match="two parameters are called 'scale'"):
        ParameterSet([SCALE, SCALE.starting_at(2.0)])


def test_an_initial_value_outside_its_box_is_refused():
    with pytest.raises(SpecError, match=r"initial=2\.0 must lie"):
        Parameter("p", 2.0, 0.0, 1.0, is_log=False)


def test_a_logarithm_needs_a_positive_box():
    with pytest.raises(SpecError, match="must be positive"):
        Parameter("p", 0.5, 0.0, 1.0)


def test_starting_elsewhere_stays_in_the_box():
    assert SCALE.starting_at(1e9).initial == 1e3


@given(st.lists(st.floats(-50, 50), min_size=5, max_size=5))
@settings(derandomize=True, deadline=None)
def test_values_of_any_internal_coordinates_lie_in_the_box(internal):
    parameters = ParameterSet([SCALE, WEIGHTS, LEVEL])
    values = parameters.values(parameters.clipped(np.array(internal)))
    parameters.from_dict(parameters.to_dict(values))  # raises outside the box


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=5))
@settings(derandomize=True, deadline=None)
def test_values_survive_the_journal_to_the_last_bit(internal):
    parameters = ParameterSet([SCALE, WEIGHTS, LEVEL])
    values = parameters.values(parameters.clipped(np.array(internal)))
    read_back = json.loads(json.dumps(parameters.to_dict(values)))
    np.testing.assert_array_equal(parameters.from_dict(read_back), values)


def test_names_of_another_model_are_refused():
    with pytest.raises(SpecError, match=r"missing \['level'\], unknown \['slope'\]"):
        ParameterSet([LEVEL]).from_dict({"slope": 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e4])
def test_a_value_outside_its_box_is_refused(value):
    with pytest.raises(SpecError, match="must lie in its box"):
        ParameterSet([SCALE]).from_dict({"scale": value})


def test_the_prior_gradient_by_internal_coordinates_is_that_of_finite_differences():
    parameters = ParameterSet([SCALE, WEIGHTS, LEVEL])
    internal = np.array([0.3, -1.0, 0.5, 0.1, 1.7])

    def prior(t):
        return parameters.negative_log_prior(parameters.values(t), np.zeros(5))

    values, gradient = parameters.values(internal), np.zeros(5)
    parameters.negative_log_prior(values, gradient)
    assert_gradient(parameters.internal_gradient(values, gradient), prior, internal)
