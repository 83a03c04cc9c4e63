"""Tests of what all policies share."""

import math

import pytest

from agcore import policy
from agcore.policy import FIFOPolicy, HyperbandPolicy
from agcore.policy.base import CONTINUE, diverged, resource_error
from agcore.records import Action, Decision, NewTrial, ResumeTrial, TrialState
from agcore.testing.policy import PolicyContract, play


def test_what_is_exported_exists():
    assert all(hasattr(policy, name) for name in policy.__all__)


def test_continue_is_a_plain_continue():
    assert CONTINUE.action is Action.CONTINUE
    assert CONTINUE.standing is None
    assert not CONTINUE.completed


def test_a_diverged_trial_is_stopped_and_told_why():
    decision = diverged(4, 7, "step")
    assert decision.action is Action.STOP
    assert not decision.completed
    assert decision.reason == "trial 4 diverged: its reward at step=7 is not finite"


def error(resource, last):
    return str(resource_error(3, resource, last, time_attr="epoch", milestones=(1, 3, 9)))


def test_a_jump_over_a_rung_is_answered_with_value_rule_and_remedy():
    assert error(4, 2) == (
        "trial 3 reported epoch=4 after epoch=2 and jumped over the rung at 3; "
        "report every rung level: 1, 3, 9"
    )
    assert error(2, 0) == (
        "trial 3 reported epoch=2 as its first report and jumped over the rung at 1; "
        "report every rung level: 1, 3, 9"
    )


def test_a_resource_that_does_not_grow_is_answered_with_value_rule_and_remedy():
    assert error(2, 2).startswith("trial 3 reported epoch=2 after epoch=2; epoch must grow")


@pytest.mark.parametrize("bad", [0, -1, 1.0, math.nan, "1", True, None])
def test_a_resource_that_is_no_count_is_answered_with_value_rule_and_remedy(bad):
    assert error(bad, 0).startswith(f"trial 3 reported epoch={bad!r}; epoch must be a whole number")


# -- the contract finds what is wrong with a policy ------------------------------------------


class NeverEnough(FIFOPolicy):
    def next_job(self, now_s, *, allow_new=True):
        return NewTrial()


class Fickle(FIFOPolicy):
    num_asked = 0

    def next_job(self, now_s, *, allow_new=True):
        self.num_asked += 1
        return NewTrial(bracket=self.num_asked) if allow_new else None


class Lazy(FIFOPolicy):
    def next_job(self, now_s, *, allow_new=True):
        return None


class Credulous(FIFOPolicy):
    def on_report(self, trial_id, resource, reward):
        return CONTINUE


class Harsh(FIFOPolicy):
    def on_report(self, trial_id, resource, reward):
        return Decision(Action.STOP, "no reason is good enough")


class Lenient(HyperbandPolicy):
    def on_report(self, trial_id, resource, reward):
        return super().on_report(trial_id, max(1, int(resource)), reward)


class Forgetful(HyperbandPolicy):
    """Promotes the first trial that paused whenever it is asked."""

    def __init__(self, max_t):
        super().__init__(max_t, type="promotion")
        self.first = None

    def next_job(self, now_s, *, allow_new=True):
        if self.first is not None and not allow_new:
            return ResumeTrial(self.first, 1, 3, 0, "as before")
        return super().next_job(now_s, allow_new=allow_new)

    def on_exit(self, trial_id, state):
        if state is TrialState.PAUSED and self.first is None:
            self.first = trial_id
        super().on_exit(trial_id, state)


CONTRACT = [name for name in dir(PolicyContract) if name.startswith("test_")]


def broken_rules(make):
    suite = PolicyContract()
    suite.make_policy = make
    broken = set()
    for name in CONTRACT:
        try:
            getattr(suite, name)()
        except (AssertionError, ValueError):
            broken.add(name)
    return broken


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (NeverEnough, "test_no_new_trial_is_offered_when_none_is_allowed"),
        (Fickle, "test_next_job_is_repeatable_until_the_job_is_started"),
        (Fickle, "test_asking_for_jobs_changes_nothing"),
        (Lazy, "test_the_same_calls_give_the_same_answers"),
        (Credulous, "test_a_trial_that_diverges_is_stopped"),
        (Harsh, "test_the_best_reward_at_a_resource_is_never_cut_short"),
        (lambda: Lenient(9), "test_resources_that_do_not_count_up_are_refused"),
        (lambda: Forgetful(9), "test_no_trial_is_promoted_twice_from_one_level"),
    ],
)
def test_the_contract_finds_a_broken_rule(make, rule):
    assert rule in broken_rules(make)


def test_a_random_run_can_be_repeated():
    assert play(HyperbandPolicy(9), 3) == play(HyperbandPolicy(9), 3) != play(HyperbandPolicy(9), 4)


def test_a_random_run_meets_everything_that_can_happen():
    calls = play(HyperbandPolicy(9, type="promotion"), 0, num_trials=200, trouble=0.05).calls
    states = {call.arguments[1] for call in calls if call.name == "on_exit"}
    # Nothing is ever "running" at its exit; only the stopping type cuts trials short.
    assert states == set(TrialState) - {TrialState.RUNNING, TrialState.STOPPED}
