import math

import pytest

from agcore.objectives import SCALARIZATION, Objectives
from agcore.policy import FIFOPolicy
from agcore.policy.moasha import MOASHAPolicy
from agcore.records import NewTrial, Reported
from agcore.scheduler.rewards import OneReward, SeveralObjectives, decision_on, reader_for
from agcore.scheduler.scalarization import Scalarization
from agcore.scheduler.settings import RunSettings

BOTH = Objectives(("accuracy", "latency"), ("max", "min"))


def report(accuracy, latency):
    return {"accuracy": accuracy, "latency": latency}


def several():
    return SeveralObjectives(BOTH, Scalarization(), 0)


def take(reader, *reports):
    rewards = []
    for metrics in reports:
        reading = reader.read(metrics)
        reader.accept(reading)
        rewards.append(reading.reward)
    return rewards


def test_one_reward_is_turned_round_and_nan_unless_finite():
    reader = OneReward("loss", -1)
    assert reader.read({"loss": 0.25}).reward == -0.25
    assert math.isnan(reader.read({"loss": math.inf}).reward)
    assert reader.read({"loss": 0.25}).computed is None


def test_settings_say_which_reader():
    assert isinstance(reader_for(RunSettings()), OneReward)
    assert isinstance(reader_for(RunSettings(objectives=BOTH)), SeveralObjectives)


def test_objectives_are_scaled_to_the_range_seen_so_far():
    rewards = take(several(), report(0.5, 10), report(0.7, 10), report(0.9, 30), report(0.6, 20))
    # 0.5; accuracy at its best, latency unknown; best and worst; (0.25 + 0.5) / 2
    assert rewards == pytest.approx([0.5, 0.75, 0.5, 0.375])


def test_reading_alone_widens_nothing():
    reader = several()
    take(reader, report(0.0, 0), report(1.0, 10))
    assert reader.read(report(2.0, 0)).reward == 1.0
    assert reader.read(report(0.5, 5)).reward == pytest.approx(0.5)


def test_the_computed_reward_goes_into_the_report():
    reading = several().read(report(0.5, 10))
    assert reading.computed == {SCALARIZATION: 0.5}
    assert reading.objectives == (0.5, -10.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_not_finite_is_a_divergence_and_widens_nothing(bad):
    reader = several()
    take(reader, report(0.0, 0), report(1.0, 10))
    assert math.isnan(take(reader, report(0.5, bad))[0])
    assert reader.read(report(0.5, 5)).reward == pytest.approx(0.5)


def test_recalled_reports_widen_the_range_as_new_ones_do():
    reports = [report(0.5, 10), report(0.7, 10), report(0.9, 30), report(math.nan, 1)]
    first, second = several(), several()
    for metrics in reports:
        reading = first.read(metrics)
        first.accept(reading)
        event = Reported(0, 0.0, 1, reading.reward, metrics)
        recalled = second.recall(event)
        assert recalled.reward == reading.reward or math.isnan(reading.reward)
        second.accept(recalled)
    last = report(0.6, 22)
    assert first.read(last) == second.read(last)


def test_a_repeated_report_is_compared_objective_by_objective():
    reader = several()
    event = Reported(0, 0.0, 1, 0.5, report(0.5, math.nan))
    assert reader.difference(event, report(0.5, math.nan)) is None
    assert reader.difference(event, report(0.5, 3))[0] == "latency"
    loss = OneReward("loss", -1)
    event = Reported(0, 0.0, 1, -0.5, {"loss": 0.5})
    assert loss.difference(event, {"loss": 0.5}) is None
    assert loss.difference(event, {"loss": 0.75}) == ("loss", 0.5, 0.75)


def test_a_policy_that_ranks_objectives_is_told_them_and_others_are_not():
    reading = several().read(report(0.5, 10))
    policy = MOASHAPolicy(9)
    policy.on_start(0, NewTrial(0, 1))
    assert decision_on(policy, 0, 1, reading).standing.front == 1
    assert decision_on(FIFOPolicy(), 0, 1, reading).standing is None
