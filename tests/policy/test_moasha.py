"""Tests of MO-ASHA: Hyperband with rungs that rank by fronts."""

import math

import pytest

from agcore.policy import HyperbandPolicy, RanksObjectives
from agcore.policy.moasha import MOASHAPolicy
from agcore.records import Action, NewTrial
from agcore.testing.policy import PolicyContract, play


class Told(MOASHAPolicy):
    """Is told two objectives that agree with the reward, so that one trial can be the best."""

    def on_report(self, trial_id, resource, reward):
        self.on_objectives(trial_id, (reward, 10 * reward))
        return super().on_report(trial_id, resource, reward)


class Opposed(MOASHAPolicy):
    """Is told two objectives that disagree."""

    def on_report(self, trial_id, resource, reward):
        self.on_objectives(trial_id, (reward, (trial_id * 31) % 7 - reward))
        return super().on_report(trial_id, resource, reward)


class TestStopping(PolicyContract):
    def make_policy(self):
        return Told(27)


class TestPromotion(PolicyContract):
    def make_policy(self):
        return Told(27, type="promotion")


class TestStoppingInBrackets(PolicyContract):
    def make_policy(self):
        return Told(20, reduction_factor=2, brackets=3)


class TestPromotionInSharedBrackets(PolicyContract):
    def make_policy(self):
        return Told(9, type="promotion", brackets=2, rung_system_per_bracket=False)


class TestOpposedPromotion(PolicyContract):
    def make_policy(self):
        return Opposed(27, type="promotion")

    def test_the_best_reward_at_a_resource_is_never_cut_short(self):
        """Of two objectives that disagree none is the best."""


def test_it_says_that_it_ranks_objectives():
    assert isinstance(MOASHAPolicy(9), RanksObjectives)
    assert not isinstance(HyperbandPolicy(9), RanksObjectives)


def test_the_plan_is_that_of_hyperband():
    arguments = {"grace_period": 2, "reduction_factor": 2, "brackets": 3, "type": "promotion"}
    plain, several = HyperbandPolicy(20, **arguments), MOASHAPolicy(20, **arguments)
    assert several.milestones == plain.milestones
    assert several.explain_plan() == plain.explain_plan()


@pytest.mark.parametrize("type_", ["stopping", "promotion"])
def test_trials_of_one_front_are_not_all_cut_short(type_):
    policy = Opposed(27, type=type_)
    reports = list(play(policy, 3, num_trials=60, trouble=0.0).reports())
    assert max(resource for _, resource, _, _ in reports) == 27
    fronts = [d.standing.front for *_, d in reports if d.standing and d.standing.front]
    assert set(fronts) > {1}


def test_a_trial_that_neither_beats_nor_is_beaten_may_be_stopped_by_the_order_of_the_net():
    policy = MOASHAPolicy(9)
    decisions = []
    for trial_id, x in enumerate([0.0, 1.0, 0.5, 0.51]):
        policy.on_start(trial_id, NewTrial(0, 1))
        policy.on_objectives(trial_id, (x, -x))
        decisions.append(policy.on_report(trial_id, 1, 0.5))
    assert [d.standing.front for d in decisions] == [1, 1, 1, 1]
    # The middle is taken already: 0.51 is nearer to it than anybody else to anybody.
    assert decisions[1].action is Action.CONTINUE
    assert decisions[3].action is Action.STOP


def test_a_trial_with_an_infinite_objective_is_stopped():
    policy = MOASHAPolicy(9)
    policy.on_start(0, NewTrial(0, 1))
    policy.on_objectives(0, (math.inf, 1.0))
    decision = policy.on_report(0, 1, math.nan)
    assert decision.action is Action.STOP
    assert "diverged" in decision.reason


@pytest.mark.parametrize("delays", [False, True])
def test_objectives_that_agree_are_promoted_as_one_reward_is(delays):
    arguments = {"type": "promotion", "reduction_factor": 2, "delay_promotion": delays}
    plain, several = HyperbandPolicy(8, **arguments), Told(8, **arguments)
    decided = [
        [(trial, resource, d.action) for trial, resource, _, d in play(p, 5).reports()]
        for p in (plain, several)
    ]
    assert decided[0] == decided[1]
    assert 8 in {resource for _, resource, _ in decided[0]}


class TestDelayedPromotion(PolicyContract):
    def make_policy(self):
        return Told(27, type="promotion", delay_promotion=True)
