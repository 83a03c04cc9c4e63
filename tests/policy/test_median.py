"""Tests of the median stopping rule."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.errors import ReportError, SpecError
from agcore.policy import CONTINUE, MedianStoppingPolicy
from agcore.records import Action, NewTrial, TrialState
from agcore.testing.policy import PolicyContract, play


class TestMedianStopping(PolicyContract):
    def make_policy(self):
        return MedianStoppingPolicy(min_samples=3)


class TestMedianStoppingWithGrace(PolicyContract):
    def make_policy(self):
        return MedianStoppingPolicy(grace_period=4, min_samples=2)


def run_trial(policy, trial_id, rewards):
    """Report ``rewards``, a dict by resource or a list from 1 on, until told to stop."""
    policy.on_start(trial_id, NewTrial())
    by_resource = rewards if isinstance(rewards, dict) else dict(enumerate(rewards, start=1))
    for resource, reward in by_resource.items():
        decision = policy.on_report(trial_id, resource, reward)
        if decision.action is Action.STOP:
            return decision
    return decision


def test_the_best_reward_so_far_is_compared_with_the_median_of_running_means():
    policy = MedianStoppingPolicy(min_samples=3)
    for trial_id, curve in enumerate([[0.2, 0.4], [0.6, 1.0], [0.9, 0.9]]):
        run_trial(policy, trial_id, curve)  # means up to 2: 0.3, 0.8, 0.9
    policy.on_start(3, NewTrial())
    assert policy.on_report(3, 1, 0.7).action is Action.CONTINUE  # the median is 0.6
    decision = policy.on_report(3, 2, 0.1)
    assert decision.action is Action.STOP
    assert decision.reason == (
        "best reward 0.7 is below the median 0.8 of 3 other trials up to epoch=2"
    )
    assert not decision.completed


def test_a_reward_equal_to_the_median_goes_on():
    policy = MedianStoppingPolicy(min_samples=2, time_attr="step")
    for trial_id in range(4):
        decision = run_trial(policy, trial_id, [0.1] * 20)
        assert decision.action is Action.CONTINUE
    assert decision.reason == (
        "best reward 0.1 reaches the median 0.1 of 3 other trials up to step=20"
    )


def test_with_an_even_number_of_others_the_median_is_between_the_middle_two():
    policy = MedianStoppingPolicy(min_samples=2)
    for trial_id, reward in enumerate([0.25, 0.5]):
        run_trial(policy, trial_id, [reward])
    assert policy.median(1) == 0.375


def test_nothing_is_stopped_before_enough_others_have_come_so_far():
    policy = MedianStoppingPolicy(min_samples=3)
    for trial_id in range(3):
        assert run_trial(policy, trial_id, [1.0 - trial_id]).action is Action.CONTINUE
    assert policy.median(2) is None
    policy.on_start(3, NewTrial())
    decision = policy.on_report(3, 1, -9.0)
    assert decision.action is Action.STOP


def test_the_reason_says_how_many_others_are_missing():
    policy = MedianStoppingPolicy(min_samples=3)
    run_trial(policy, 0, [1.0])
    decision = run_trial(policy, 1, [1.0])
    assert decision.reason == "1 of the 3 other trials needed have reached epoch=1"


def test_nothing_is_stopped_below_the_grace_period_but_all_is_counted():
    policy = MedianStoppingPolicy(min_samples=1, grace_period=3)
    run_trial(policy, 0, [3.0, 3.0, 0.0])
    policy.on_start(1, NewTrial())
    assert policy.on_report(1, 1, 1.0) is CONTINUE
    assert policy.on_report(1, 2, 1.0) is CONTINUE
    decision = policy.on_report(1, 3, 1.5)
    assert decision.action is Action.STOP
    assert "the median 2 of 1 other trials up to epoch=3" in decision.reason


def test_trials_that_failed_or_run_count_as_far_as_they_came():
    policy = MedianStoppingPolicy(min_samples=2)
    run_trial(policy, 0, [0.9, 0.9])
    policy.on_exit(0, TrialState.FAILED)
    run_trial(policy, 1, [0.7, 0.7, math.nan])
    assert policy.median(2) == pytest.approx(0.8)
    assert policy.median(3) is None


def test_a_trial_that_jumps_over_a_resource_counts_there_with_its_mean_so_far():
    policy = MedianStoppingPolicy(min_samples=1)
    run_trial(policy, 0, {2: 0.2, 4: 0.4, 8: 0.9})
    run_trial(policy, 1, {5: 1.0})  # nobody has reported at 5
    assert policy.median(5) is not None
    policy = MedianStoppingPolicy(min_samples=1)
    run_trial(policy, 0, {2: 0.2, 4: 0.4, 8: 0.9})
    policy.on_start(1, NewTrial())
    decision = policy.on_report(1, 5, 0.25)
    assert "the median 0.3 of 1 other trials" in decision.reason
    policy.on_start(2, NewTrial())
    decision = policy.on_report(2, 1, 0.1)  # trial 0 had nothing to say up to 1, nor had trial 1
    assert decision.action is Action.CONTINUE


def test_a_trial_that_starts_over_is_counted_once():
    policy = MedianStoppingPolicy(min_samples=1)
    run_trial(policy, 0, [0.5, 0.5])
    run_trial(policy, 0, [0.1, 0.1, 0.8])
    assert policy.median(1) == policy.median(2) == 0.5
    assert policy.median(3) == pytest.approx(0.6)


def test_a_stopped_trial_that_goes_on_reporting_gets_the_same_answer():
    policy = MedianStoppingPolicy(min_samples=1)
    run_trial(policy, 0, [1.0])
    decision = run_trial(policy, 1, [0.5])
    assert policy.on_report(1, 2, 9.0) is decision


@pytest.mark.parametrize("resource", [0, 1, True, 1.5, "2", None])
def test_resources_must_grow(resource):
    policy = MedianStoppingPolicy(time_attr="step")
    run_trial(policy, 0, [0.5])
    with pytest.raises(ReportError, match="trial 0 reported step="):
        policy.on_report(0, resource, 0.5)


def test_an_unknown_trial_is_an_error():
    policy = MedianStoppingPolicy()
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_report(7, 1, 0.5)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_exit(7, TrialState.FAILED)


@pytest.mark.parametrize("name", ["grace_period", "min_samples"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_wrong_arguments_are_refused(name, value):
    with pytest.raises(SpecError, match=f"{name}="):
        MedianStoppingPolicy(**{name: value})


def test_extreme_rewards_are_no_problem():
    policy = MedianStoppingPolicy(min_samples=2)
    huge = 1.7e308
    for trial_id, curve in enumerate([[huge, huge], [-huge, huge], [huge, -huge]]):
        run_trial(policy, trial_id, curve)
    assert math.isfinite(policy.median(2))


def test_bad_trials_are_stopped_and_good_ones_are_not():
    policy = MedianStoppingPolicy(min_samples=3)
    rng = np.random.default_rng(0)
    used = {}
    for trial_id, quality in enumerate(rng.permutation(60) / 60):
        curve = [quality * (1 - 0.5**epoch) for epoch in range(1, 10)]
        policy.on_start(trial_id, NewTrial())
        for epoch, reward in enumerate(curve, start=1):
            used[quality] = epoch
            if policy.on_report(trial_id, epoch, reward).action is Action.STOP:
                break
    by_quality = [used[quality] for quality in sorted(used)]
    assert sum(by_quality[:20]) < 0.5 * 20 * 9
    assert by_quality[-10:] == [9] * 10


def test_equal_but_for_rounding_is_equal():
    policy = MedianStoppingPolicy(min_samples=1)
    run_trial(policy, 0, [0.2, 0.4])
    assert policy.median(2) > 0.3  # in the last bit
    assert run_trial(policy, 1, [0.3, 0.3]).action is Action.CONTINUE


def plain_decision(reports, trial_id, resource, grace_period, min_samples):
    """The definition, word by word, on the list of all (trial, resource, reward)."""
    own = [reward for t, _, reward in reports if t == trial_id]
    means = []
    for other in {t for t, _, _ in reports} - {trial_id}:
        curve = [(r, reward) for t, r, reward in reports if t == other]
        so_far = [reward for r, reward in curve if r <= resource]
        if max(r for r, _ in curve) >= resource and so_far:
            means.append(statistics.fmean(so_far))
    if resource < grace_period or len(means) < min_samples:
        return Action.CONTINUE, None
    median = statistics.median(means)
    return (Action.STOP if max(own) < median else Action.CONTINUE), median


@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.integers(0, 9)), max_size=60),
    grace_period=st.integers(1, 4),
    min_samples=st.integers(1, 4),
)
def test_decisions_are_those_of_the_plain_definition(steps, grace_period, min_samples):
    policy = MedianStoppingPolicy(grace_period=grace_period, min_samples=min_samples)
    reports, reached, stopped = [], {}, set()
    for trial_id, jump, value in steps:
        if trial_id in stopped:
            continue
        if trial_id not in reached:
            policy.on_start(trial_id, NewTrial())
        resource = reached[trial_id] = reached.get(trial_id, 0) + jump
        # Irrational, so that no two sums of rewards are equal but those of equal rewards.
        reward = math.sqrt(value + trial_id / 7)
        reports.append((trial_id, resource, reward))
        decision = policy.on_report(trial_id, resource, reward)
        expected, median = plain_decision(reports, trial_id, resource, grace_period, min_samples)
        close = median is not None and math.isclose(
            median, max(r for t, _, r in reports if t == trial_id), rel_tol=1e-9
        )
        assert decision.action is expected or close
        if decision.action is Action.STOP:
            stopped.add(trial_id)


def test_in_random_runs_every_stop_was_below_the_median():
    stops = 0
    for seed in range(5):
        for _, _, reward, decision in play(MedianStoppingPolicy(min_samples=3), seed).reports():
            if decision.action is Action.STOP and math.isfinite(reward):
                stops += 1
                words = decision.reason.split()
                assert float(words[2]) < float(words[7])
    assert stops > 20


def test_the_first_trials_are_spared_and_a_failed_one_gives_its_place_to_the_next():
    policy = MedianStoppingPolicy(min_samples=1, num_spared=2)
    assert run_trial(policy, 0, [0.9, 0.9]).action is Action.CONTINUE
    policy.on_start(1, NewTrial())
    policy.on_exit(1, TrialState.OUT_OF_MEMORY)
    for trial_id, action in ((2, Action.CONTINUE), (3, Action.STOP)):
        assert run_trial(policy, trial_id, [0.1, 0.2]).action is action
    with pytest.raises(SpecError, match="num_spared=-1 must be a whole number of at least 0"):
        MedianStoppingPolicy(num_spared=-1)
