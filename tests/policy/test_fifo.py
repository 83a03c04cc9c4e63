"""Tests of the policy that lets every trial run to its end."""

import math

import pytest

from agcore.policy import CONTINUE, FIFOPolicy
from agcore.records import Action, NewTrial
from agcore.testing.policy import PolicyContract


class TestFIFOPolicy(PolicyContract):
    def make_policy(self):
        return FIFOPolicy()


def test_it_always_wants_a_new_trial_while_one_is_allowed():
    policy = FIFOPolicy()
    assert policy.next_job(0.0) == policy.next_job(5.0) == NewTrial()
    assert policy.next_job(0.0, allow_new=False) is None


def test_every_finite_report_gets_the_shared_continue():
    policy = FIFOPolicy()
    policy.on_start(0, NewTrial())
    assert all(policy.on_report(0, epoch, -epoch) is CONTINUE for epoch in range(1, 100))


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_a_diverged_trial_is_stopped(reward):
    policy = FIFOPolicy(time_attr="step")
    policy.on_start(0, NewTrial())
    decision = policy.on_report(0, 3, reward)
    assert decision.action is Action.STOP
    assert "step=3" in decision.reason
