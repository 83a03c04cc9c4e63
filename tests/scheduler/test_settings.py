import math

import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError
from agcore.scheduler.settings import Limits, RunSettings


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"num_trials": 0}, "num_trials=0 must be a whole number of at least 1"),
        ({"num_trials": 2.0}, "num_trials"),
        ({"num_trials": True}, "num_trials"),
        ({"time_out": 0}, "time_out=0 must be a positive number"),
        ({"time_out": math.nan}, "time_out"),
        ({"time_out": math.inf}, "time_out"),
        ({"time_out": "1m"}, "time_out"),
        ({}, "would never end"),
    ],
)
def test_limits_that_break_a_rule_are_refused(wrong, rule):
    with pytest.raises(SpecError, match=rule):
        Limits(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "maximize"},
        {"trial_value": "first"},
        {"searcher_data": "rung"},
        {"reward_attr": ""},
        {"time_attr": 3},
        {"max_reward": "0.9"},
        {"max_reward": math.nan},
        {"max_reward": True},
        {"max_failures": 0},
        {"max_failures": "never"},
        {"max_failures": True},
    ],
)
def test_settings_that_break_a_rule_name_the_value(wrong):
    with pytest.raises(SpecError, match=f"{next(iter(wrong))}="):
        RunSettings(**wrong)


def test_the_target_is_met_from_the_right_side():
    assert RunSettings(max_reward=0.0).is_enough(0.0)
    assert not RunSettings(max_reward=0.5).is_enough(0.4)
    loss = RunSettings(mode="min", max_reward=0.5)
    assert loss.is_enough(-0.4)
    assert not loss.is_enough(-0.6)
    assert not RunSettings().is_enough(math.inf)


@given(failures=st.integers(0, 60), successes=st.integers(0, 60))
def test_the_automatic_rule_gives_up_as_documented(failures, successes):
    ended = failures + successes
    expected = (ended >= 5 and successes == 0) or (ended >= 20 and failures >= successes)
    assert RunSettings().gives_up(failures, ended) == expected
    assert RunSettings(max_failures=3).gives_up(failures, ended) == (failures >= 3)
    assert not RunSettings(max_failures=None).gives_up(failures, ended)
