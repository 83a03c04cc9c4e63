"""Tests of PASHA: the top rung moves up when, and only when, rankings disagree."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.errors import ReportError, SpecError
from agcore.policy import CONTINUE, HyperbandPolicy, PASHAPolicy
from agcore.policy.pasha import order_has_changed_twice, rankings_agree
from agcore.records import Action, NewTrial, ResumeTrial, TrialState
from agcore.testing.policy import PolicyContract, play

nan = math.nan


class TestPASHA(PolicyContract):
    def make_policy(self):
        return PASHAPolicy(27)


class TestPASHAWithEpsilon(PolicyContract):
    def make_policy(self):
        return PASHAPolicy(20, reduction_factor=2, grace_period=2, epsilon=0.1)


class TestPASHAOfTwoRungs(PolicyContract):
    def make_policy(self):
        return PASHAPolicy(3)


# -- soft ranking --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rewards", "epsilon", "agrees"),
    [
        ([], 0, True),
        ([(0.9, 0.1)], 0, True),
        ([(0.9, 0.5), (0.8, 0.4), (0.7, 0.3)], 0, True),
        ([(0.9, 0.4), (0.8, 0.5)], 0, False),
        ([(0.9, 0.4), (0.8, 0.5)], 0.05, False),
        ([(0.9, 0.375), (0.8, 0.5)], 0.125, True),  # equal within epsilon, which is included
        ([(0.9, 0.4), (0.8, 0.5)], 0.2, True),
        ([(0.9, 0.5), (0.8, 0.5)], 0, True),  # a tie below
        ([(0.8, 0.4), (0.8, 0.5)], 0, True),  # a tie at the top
        ([(0.9, 0.4), (0.8, 0.5), (0.7, 0.6)], 0.1, False),  # each place is looked at
    ],
)
def test_rankings_agree_if_each_place_holds_an_equal_of_the_one_below(rewards, epsilon, agrees):
    assert rankings_agree(rewards, epsilon) is agrees
    assert rankings_agree(rewards[::-1], epsilon) is agrees


pairs_of_rewards = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8)


@given(rewards=pairs_of_rewards, epsilon=st.integers(0, 3))
def test_agreement_is_that_of_the_lists_of_equals(rewards, epsilon):
    top = sorted(range(len(rewards)), key=lambda i: rewards[i], reverse=True)
    below = sorted(range(len(rewards)), key=lambda i: rewards[i][1], reverse=True)
    equals = [{j for j in below if abs(rewards[j][1] - rewards[i][1]) <= epsilon} for i in below]
    expected = all(i in place for i, place in zip(top, equals, strict=True))
    assert rankings_agree(rewards, epsilon) == expected


@given(rewards=pairs_of_rewards, epsilon=st.integers(0, 3))
def test_a_larger_epsilon_never_breaks_an_agreement(rewards, epsilon):
    assert rankings_agree(rewards, epsilon + 1) >= rankings_agree(rewards, epsilon)


@pytest.mark.parametrize(
    ("curve", "other", "twice"),
    [
        ([2, 0, 2], [1, 1, 1], True),
        ([0, 2, 0], [1, 1, 1], True),
        ([0, 0, 2], [1, 1, 1], False),
        ([2, 0, 0], [1, 1, 1], False),
        ([2, 1, 2], [1, 1, 1], False),  # equal, but never the reverse
        ([2, 0, 1], [1, 1, 1], False),  # no order at the end
        ([2, 1, 0, 1, 2], [1, 1, 1, 1, 1], True),
    ],
)
def test_noise_is_an_order_that_has_changed_twice(curve, other, twice):
    first, second = (dict(enumerate(c, start=1)) for c in (curve, other))
    assert order_has_changed_twice(first, second, len(curve)) is twice
    assert order_has_changed_twice(second, first, len(curve)) is twice


def test_only_common_resources_up_to_the_top_are_compared():
    assert order_has_changed_twice({1: 2, 2: 0, 3: 2}, {1: 1, 2: 1, 3: 1, 4: 9}, 3)
    assert not order_has_changed_twice({1: 2, 2: 0, 3: 2}, {1: 1, 3: 1}, 3)
    assert not order_has_changed_twice({1: 2, 2: 0, 3: 2}, {1: 1, 2: 1, 3: 1}, 2)


# -- growth --------------------------------------------------------------------------------


def run_curves(policy, reward_of, num_trials):
    """One worker, one trial after another, each as far as the policy lets it go."""
    num_new, most, log = 0, 0, []
    while True:
        job = policy.next_job(0.0, allow_new=num_new < num_trials)
        if job is None:
            return most, log
        if isinstance(job, NewTrial):
            trial_id, resource = num_new, 0
            num_new += 1
        else:
            trial_id, resource = job.trial_id, job.resume_from
        policy.on_start(trial_id, job)
        decision = CONTINUE
        while decision.action is Action.CONTINUE:
            resource += 1
            decision = policy.on_report(trial_id, resource, reward_of(trial_id, resource))
            log.append((trial_id, resource, decision))
        most = max(most, resource)
        state = TrialState.PAUSED if decision.action is Action.PAUSE else TrialState.COMPLETED
        policy.on_exit(trial_id, state)


def consistent(trial_id, resource):
    quality = (trial_id * 37 % 101) / 101
    return quality * (1 - 0.5**resource)


def crossing_at_every_rung(trial_id, resource):
    """The order is turned round between any two of the rungs at 1, 3, 9, 27 and 81."""
    quality = (trial_id * 37 % 101) / 101
    rung = round(math.log(resource, 3))
    return rung + (quality if rung % 2 else 1 - quality)


def test_with_rankings_that_agree_nobody_goes_beyond_the_second_rung():
    policy = PASHAPolicy(81)
    most, _ = run_curves(policy, consistent, 200)
    assert most == policy.top_level == 3
    assert policy.epsilon == 0


def test_with_rankings_that_turn_round_it_grows_up_to_max_t():
    policy = PASHAPolicy(81)
    most, log = run_curves(policy, crossing_at_every_rung, 400)
    assert most == policy.top_level == 81
    assert any(decision.completed for _, _, decision in log)


def test_it_grows_by_one_rung_at_a_time_and_the_reason_says_why():
    policy = PASHAPolicy(81)
    _, log = run_curves(policy, crossing_at_every_rung, 400)
    grown = [decision for _, _, decision in log if "disagrees" in decision.reason]
    assert [decision.standing.level for decision in grown] == [3, 9, 27]
    assert grown[0].reason.endswith(
        "; the ranking of 2 trials at epoch=3 disagrees with that at epoch=1 (epsilon=0), "
        "so trials may go on to 9"
    )


def test_a_large_epsilon_keeps_it_small():
    policy = PASHAPolicy(81, epsilon=2.0)
    most, _ = run_curves(policy, crossing_at_every_rung, 400)
    assert (most, policy.epsilon) == (3, 2.0)


def test_promoted_are_those_that_asha_promotes_as_far_as_the_top():
    def run(policy):
        most, log = run_curves(policy, consistent, 200)
        return most, [(t, r, d.action, d.standing) for t, r, d in log]

    most, pasha = run(PASHAPolicy(81))
    _, asha = run(HyperbandPolicy(9, rung_levels=[1, 3, 9], type="promotion"))
    arrived = lambda log: {(t, r) for t, r, *_ in log if r <= 3}  # noqa: E731
    assert most == 3
    assert len(arrived(pasha)) == pytest.approx(len(arrived(asha)), rel=0.1)


def start(policy, trial_id):
    policy.on_start(trial_id, NewTrial(0, 1))


def arrive_at_top(policy, trial_id, curve):
    """Bring a trial to rung 3 whatever its rank at rung 1."""
    start(policy, trial_id)
    if policy.on_report(trial_id, 1, curve[0]).action is Action.PAUSE:
        policy.on_exit(trial_id, TrialState.PAUSED)
        policy.on_start(trial_id, ResumeTrial(trial_id, 1, 3, 0, "for the test"))
    policy.on_report(trial_id, 2, curve[1])
    return policy.on_report(trial_id, 3, curve[2])


def test_a_trial_that_arrives_at_the_top_is_paused_until_there_is_more():
    policy = PASHAPolicy(27)
    for trial_id in range(4):
        decision = arrive_at_top(policy, trial_id, [-trial_id] * 3)
        assert decision.action is Action.PAUSE
        policy.on_exit(trial_id, TrialState.PAUSED)
    assert decision.reason == "reward -3 ranks 4 of 4 at epoch=3; none may yet go on to 9"
    assert policy.next_job(0.0, allow_new=False) is None
    decision = arrive_at_top(policy, 4, [-5, -5, 1])
    assert decision.action is Action.CONTINUE  # the top has moved up, and it is the best there
    assert decision.next_milestone == 9
    assert policy.next_job(0.0, allow_new=False) is None
    decision = arrive_at_top(policy, 5, [-9, -9, -9])  # now two of six may
    assert decision.action is Action.PAUSE
    assert policy.next_job(0.0, allow_new=False).trial_id == 0
    assert policy.top_level == 9


def test_epsilon_is_a_percentile_of_the_differences_of_pairs_that_cross_twice():
    policy = PASHAPolicy(27, epsilon_percentile=50)
    curves = [[0.0, 0.0, 0.0], [0.5, -0.5, 0.3], [0.9, -0.9, 0.7], [1.5, 1.5, 1.5]]
    # Pairs: 0 and 1 cross twice (0.3), 0 and 2 (0.7), 1 and 2 (0.4); trial 3 crosses nobody.
    for trial_id, curve in enumerate(curves):
        arrive_at_top(policy, trial_id, curve)
    assert policy.epsilon == pytest.approx(np.percentile([0.3, 0.4, 0.7], 50))
    assert policy.top_level == 3


def test_the_estimate_stays_when_the_top_moves_up():
    policy = PASHAPolicy(27)
    for trial_id, curve in enumerate([[0.0, 0.0, 0.0], [0.5, -0.5, 0.25], [-3.0, 1.0, 3.0]]):
        arrive_at_top(policy, trial_id, curve)
    assert policy.top_level == 9
    assert policy.epsilon == 0.25


@given(
    differences=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    percentile=st.integers(0, 100),
)
def test_the_percentile_is_that_of_numpy(differences, percentile):
    policy = PASHAPolicy(81, epsilon_percentile=percentile)
    noise = policy._noise
    for difference in differences:
        noise.compare({1: 0.0, 2: 3.0, 3: difference + 1}, {1: -1.0, 2: 4.0, 3: 1.0}, 3)
    crossing = [abs(d + 1 - 1.0) for d in differences if d + 1 > 1.0]
    expected = np.percentile(crossing, percentile) if crossing else 0.0
    assert noise.epsilon == pytest.approx(expected, abs=1e-12)


def test_trials_that_diverged_are_not_ranked():
    policy = PASHAPolicy(27)
    arrive_at_top(policy, 0, [0.5, 0.5, 0.5])
    decision = arrive_at_top(policy, 1, [0.9, 0.9, nan])
    assert decision.action is Action.STOP
    assert policy.top_level == 3


def test_noise_alone_makes_epsilon_and_keeps_it_smaller_than_exact_ranking():
    def most_used(seed, **options):
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 0.02, (300, 244))
        policy = PASHAPolicy(243, reduction_factor=3, **options)
        most, _ = run_curves(
            policy,
            lambda t, r: (0.9 if t % 3 else 0.2) * (1 - 0.7**r) + noise[t, r],
            300,
        )
        return most, policy

    for seed in range(3):
        exact, _ = most_used(seed, epsilon=0)
        known, _ = most_used(seed, epsilon=0.2)
        estimated, policy = most_used(seed)
        assert known == 3
        assert known <= estimated <= exact
        assert policy.epsilon < 0.2


def test_a_thousand_trials_at_the_top_are_not_all_compared_with_one_another():
    class Counting(dict):
        reads = 0

        def __contains__(self, key):
            Counting.reads += 1
            return super().__contains__(key)

    policy = PASHAPolicy(27)
    for trial_id in range(1000):
        arrive_at_top(policy, trial_id, [trial_id, trial_id, trial_id])
        policy._curves[trial_id] = Counting(policy._curves[trial_id])
    assert policy.top_level == 3
    assert Counting.reads <= 3 * 128 * 1000


def test_among_many_trials_a_disagreement_is_found_a_little_later():
    policy = PASHAPolicy(27)
    quality = iter(range(2000))
    for trial_id in range(1000):
        arrive_at_top(policy, trial_id, [next(quality)] * 3)
    arrive_at_top(policy, 1000, [5000, 5000, 0.5])  # good below, bad at the top
    late = 1001
    while policy.top_level == 3:
        arrive_at_top(policy, late, [next(quality)] * 3)
        late += 1
    assert 1001 <= late <= 1001 + 1000 // 32


# -- the rest ------------------------------------------------------------------------------


def test_a_promotion_goes_one_rung_up():
    policy = PASHAPolicy(9)
    for trial_id in range(3):
        start(policy, trial_id)
        assert policy.on_report(trial_id, 1, 0.5 - trial_id).action is Action.PAUSE
        assert policy.next_job(0.0) == NewTrial(0, 1)
    policy.on_exit(0, TrialState.PAUSED)
    job = policy.next_job(0.0)
    assert (job.trial_id, job.resume_from, job.milestone, job.bracket) == (0, 1, 3, 0)
    policy.on_start(0, job)
    assert policy.next_job(0.0, allow_new=False) is None
    assert policy.on_report(0, 2, 0.5) is CONTINUE


@pytest.mark.parametrize("state", [s for s in TrialState if s is not TrialState.PAUSED])
def test_what_did_not_pause_is_never_promoted(state):
    policy = PASHAPolicy(9)
    for trial_id in range(3):
        start(policy, trial_id)
        policy.on_report(trial_id, 1, -float(trial_id))
    policy.on_exit(0, state)
    policy.on_exit(1, TrialState.PAUSED)
    assert policy.next_job(0.0, allow_new=False) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": -0.1}, "epsilon=-0.1 must be a number of at least 0, or None"),
        ({"epsilon": nan}, "epsilon=nan"),
        ({"epsilon": "auto"}, "epsilon='auto'"),
        ({"epsilon_percentile": 101}, "epsilon_percentile=101 must be a number from 0 to 100"),
        ({"grace_period": 9}, "grace_period=9 must be below"),
        ({"reduction_factor": 1.5}, "reduction_factor=1.5"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        PASHAPolicy(9, **options)


def test_jumping_over_a_rung_and_unknown_trials_are_errors():
    policy = PASHAPolicy(9)
    start(policy, 0)
    with pytest.raises(ReportError, match="jumped over the rung at 1"):
        policy.on_report(0, 2, 0.5)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_report(7, 1, 0.5)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_exit(7, TrialState.FAILED)


def test_in_random_runs_nobody_goes_beyond_the_top_and_pauses_are_those_of_asha():
    grown = 0
    for seed in range(6):
        policy = PASHAPolicy(27)
        top = 3
        for _, resource, _, decision in play(policy, seed, num_trials=80).reports():
            assert resource <= top
            if "disagrees" in decision.reason:
                top *= 3
                grown += 1
            standing = decision.standing
            if decision.action is Action.PAUSE and standing.level < top:
                share = Fraction(standing.quantile).limit_denominator(1000)
                assert standing.rank > math.floor(standing.size * share)
        assert top == policy.top_level
    assert grown >= 4
