"""Tests of population-based training: truncation selection as in the paper, turns, lost members."""

import collections
import math

import pytest

from agcore.errors import SpecError
from agcore.policy import PopulationPolicy
from agcore.records import Action, NewTrial, ResumeTrial, TrialState
from agcore.testing.policy import PolicyContract, play

nan = math.nan


class TestPopulation(PolicyContract):
    def make_policy(self):
        return PopulationPolicy(12, population_size=5, perturbation_interval=2)


class TestLargerPopulationThanSlots(PolicyContract):
    def make_policy(self):
        return PopulationPolicy(9, population_size=10, quantile_fraction=0.3)


class TestPopulationOfTwo(PolicyContract):
    def make_policy(self):
        return PopulationPolicy(7, population_size=2, perturbation_interval=3)


# -- exploit: truncation selection -----------------------------------------------------------


def started(size, max_t=100, **options):
    """A policy all of whose members run: trials 0 .. size - 1."""
    policy = PopulationPolicy(max_t, population_size=size, **options)
    for trial_id in range(size):
        job = policy.next_job(0.0)
        assert job == NewTrial(0, policy.milestones[0])
        policy.on_start(trial_id, job)
    assert policy.next_job(0.0) is None
    return policy


def replace(policy, trial_id, new_id):
    """Let a trial that was told to end do so; the job that takes its place."""
    policy.on_exit(trial_id, TrialState.STOPPED)
    job = policy.next_job(0.0)
    policy.on_start(new_id, job)
    return job


def test_of_ten_the_worst_two_are_replaced_by_copies_of_the_best_two():
    # "If the current agent is in the bottom 20% of the population, we sample another agent
    # uniformly from the top 20% of the population": section 4.1.1.
    parents = collections.Counter()
    for seed in range(40):
        policy = started(10, seed=seed)  # a fifth is the default
        actions = {}
        for trial_id in range(10):  # all come to the first interval, the best first
            actions[trial_id] = policy.on_report(trial_id, 1, 1.0 - trial_id / 10)
        stopped = [i for i, d in actions.items() if d.action is Action.STOP]
        assert set(stopped) <= {8, 9}
        assert 9 in stopped
        # At the second all have a reward: exactly the bottom two go, whoever comes last.
        policy = started(10, quantile_fraction=0.2, seed=seed)
        for trial_id in range(10):
            assert policy.on_report(trial_id, 1, -9.0).action is Action.CONTINUE
        fates = [policy.on_report(i, 2, 1.0 - i / 10) for i in range(10)]
        assert [d.action for d in fates] == [Action.CONTINUE] * 8 + [Action.STOP] * 2
        for dead, new_id in ((8, 10), (9, 11)):
            job = replace(policy, dead, new_id)
            assert (job.first_milestone, job.resume_from) == (3, 2)
            parents[job.parent] += 1
    assert parents.keys() == {0, 1}
    assert abs(parents[0] - 40) < 3 * math.sqrt(80 / 4)  # drawn evenly


@pytest.mark.parametrize(
    ("size", "fraction", "replaced"), [(10, 0.2, 2), (10, 0.25, 2), (8, 0.25, 2), (4, 0.2, 1)]
)
def test_a_quantile_is_a_whole_number_of_members_and_at_least_one(size, fraction, replaced):
    policy = started(size, quantile_fraction=fraction)
    for trial_id in range(size):
        policy.on_report(trial_id, 1, -99.0)
    fates = [policy.on_report(i, 2, -float(i)) for i in range(size)]
    assert [d.action for d in fates].count(Action.STOP) == replaced


def test_reasons_name_rank_parent_and_place():
    policy = started(2)
    policy.on_report(0, 1, 0.83)
    decision = policy.on_report(1, 1, 0.61)
    assert decision.reason == (
        "reward 0.61 at epoch=1 ranks 2 of 2: its place goes to a copy of trial 0 (reward 0.83)"
    )
    standing = decision.standing
    assert (standing.level, standing.rank, standing.size, standing.quantile) == (1, 2, 2, 0.5)
    job = replace(policy, 1, 2)
    assert job.reason == "in the place of trial 1: a copy of trial 0 (reward 0.83)"
    assert policy.on_report(0, 2, 0.9).reason == (
        "reward 0.9 at epoch=2 ranks 1 of 2: it goes on to 3"
    )


def test_nobody_is_replaced_by_an_equal():
    policy = started(4, quantile_fraction=0.5)
    for resource in range(1, 10):
        for trial_id in range(4):
            assert policy.on_report(trial_id, resource, 0.5).action is Action.CONTINUE


def test_trials_are_compared_at_the_same_resource_however_far_the_others_are():
    policy = started(2)
    for resource in range(1, 6):
        policy.on_report(0, resource, float(resource))
    assert policy.on_report(1, 1, 1.5).action is Action.CONTINUE  # 1.0 was 0's at that time
    assert policy.on_report(1, 2, 1.9).action is Action.STOP


def test_who_is_not_so_far_yet_counts_with_its_last_reward():
    policy = started(3, quantile_fraction=0.34)
    for trial_id in range(3):
        policy.on_report(trial_id, 1, 5.0)
    # The last of three, but nobody has been better where it is now.
    assert policy.on_report(2, 2, 1.0).action is Action.CONTINUE
    decision = policy.on_report(1, 2, 0.5)
    assert (decision.action, decision.standing.rank, decision.standing.size) == (Action.STOP, 3, 3)


def test_a_copy_has_the_rewards_of_its_parent():
    policy = started(2)
    policy.on_report(0, 1, 0.8)
    policy.on_report(1, 1, 0.1)
    assert replace(policy, 1, 2).parent == 0
    assert policy.on_report(0, 2, 0.9).standing.size == 2
    assert policy.on_report(2, 2, 0.85).action is Action.STOP


def test_a_copy_that_starts_over_is_compared_from_its_first_interval_on():
    policy = started(2)
    for resource in (1, 2, 3):
        policy.on_report(0, resource, resource / 10)
    policy.on_report(1, 1, 0.05)
    policy.on_exit(1, TrialState.STOPPED)
    job = policy.next_job(0.0)
    assert (job.parent, job.resume_from, job.first_milestone) == (0, 3, 4)
    policy.on_start(2, NewTrial(0, 1, 0))  # there was no checkpoint
    assert policy.on_report(0, 4, 0.4).standing.size == 1
    assert policy.on_report(2, 1, 0.2).action is Action.CONTINUE  # better than 0 was there
    assert policy.on_report(0, 5, 0.5).standing.size == 2


def test_a_copy_goes_on_behind_the_checkpoint_to_the_next_interval():
    policy = started(2, perturbation_interval=3)
    for resource in (1, 2, 3, 4):
        policy.on_report(0, resource, 1.0)
    for resource in (1, 2, 3):
        decision = policy.on_report(1, resource, 0.0)
    assert decision.action is Action.STOP
    policy.on_exit(1, TrialState.STOPPED)
    assert policy.next_job(0.0).resume_from == 4
    policy.on_start(2, NewTrial(0, 3, 0, 2))  # the latest checkpoint is one from before
    assert policy.on_report(2, 3, 1.0).action is Action.CONTINUE


def test_trials_that_have_come_to_the_end_count_but_are_not_copied():
    policy = started(2, max_t=3)
    for resource in (1, 2, 3):
        decision = policy.on_report(0, resource, 1.0)
    assert decision.completed
    decision = policy.on_report(1, 1, 0.0)
    assert decision.action is Action.CONTINUE
    assert "the best have come to their end" in decision.reason


# -- lost members --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [TrialState.FAILED, TrialState.OUT_OF_MEMORY, TrialState.LOST, TrialState.TIMED_OUT]
)
def test_the_place_of_a_trial_that_fails_goes_to_a_copy_of_the_best(state):
    policy = started(5)
    for trial_id in range(4):
        policy.on_report(trial_id, 1, float(trial_id == 2))
    policy.on_exit(4, state)
    job = policy.next_job(0.0)
    assert (job.parent, job.resume_from) == (2, 1)
    assert policy.next_job(0.0, allow_new=False) is None


def test_the_place_of_a_trial_that_diverges_goes_to_a_copy_of_the_best():
    policy = started(3)
    policy.on_report(0, 1, 0.1)
    policy.on_report(1, 1, 0.2)
    decision = policy.on_report(2, 1, nan)
    assert decision.action is Action.STOP
    assert "diverged" in decision.reason
    assert replace(policy, 2, 3).parent == 1


def test_a_place_stays_empty_while_nobody_has_a_reward():
    policy = started(2)
    policy.on_exit(1, TrialState.FAILED)
    assert policy.next_job(0.0) is None
    policy.on_report(0, 1, 0.3)
    assert policy.next_job(0.0).parent == 0


def test_another_parent_is_drawn_if_the_first_has_ended_meanwhile():
    policy = started(4, quantile_fraction=0.25)
    for trial_id in range(4):
        decision = policy.on_report(trial_id, 1, 1.0 - trial_id / 10)
    assert "a copy of trial 0" in decision.reason
    policy.on_exit(0, TrialState.FAILED)
    policy.on_exit(3, TrialState.STOPPED)
    assert replace_all(policy, 4) == [1, 4]  # 4 is a copy of 1


def replace_all(policy, new_id):
    """The parents of the trials that take the places which are empty."""
    parents = []
    while (job := policy.next_job(0.0)) is not None:
        policy.on_start(new_id + len(parents), job)
        parents.append(job.parent)
    return parents


def test_a_trial_that_returns_by_itself_is_not_replaced():
    policy = started(2)
    policy.on_report(0, 1, 0.3)
    policy.on_exit(1, TrialState.COMPLETED)
    assert policy.next_job(0.0) is None


# -- turns and ends --------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_members_take_turns_and_none_that_waits_is_behind_one_that_goes_on(slots):
    for seed in range(5):
        policy = PopulationPolicy(12, population_size=6, perturbation_interval=2, seed=seed)
        paused, reached = {}, {}
        for call in play(policy, seed, workers=slots, trouble=0.0).calls:
            if call.name == "on_report":
                trial_id, resource, _ = call.arguments
                reached[trial_id] = resource
                if call.answer.action is Action.CONTINUE and call.answer.standing is not None:
                    assert all(waits >= resource for waits in paused.values())
            elif call.name == "on_exit" and call.arguments[1] is TrialState.PAUSED:
                paused[call.arguments[0]] = reached[call.arguments[0]]
            elif call.name == "on_start" and isinstance(call.arguments[1], ResumeTrial):
                trial_id, job = call.arguments
                assert job.resume_from == min(paused.values())
                del paused[trial_id]


def test_with_a_slot_for_each_nobody_pauses():
    policy = PopulationPolicy(12, population_size=4, populations=None)
    decisions = [d for *_, d in play(policy, 0, workers=4, num_trials=30, trouble=0.0).reports()]
    assert Action.PAUSE not in {decision.action for decision in decisions}
    assert Action.STOP in {decision.action for decision in decisions}


def test_of_those_at_the_same_resource_the_best_is_next():
    policy = PopulationPolicy(9, population_size=3)
    for trial_id, reward in enumerate((0.2, 0.3)):
        policy.on_start(trial_id, policy.next_job(0.0))
        assert policy.on_report(trial_id, 1, reward).action is Action.PAUSE
        policy.on_exit(trial_id, TrialState.PAUSED)
    policy.on_start(2, policy.next_job(0.0))
    assert policy.on_report(2, 1, 0.4).action is Action.CONTINUE  # it is the best itself
    assert policy.on_report(2, 2, 0.5).action is Action.PAUSE
    policy.on_exit(2, TrialState.PAUSED)
    job = policy.next_job(0.0)
    assert (job.trial_id, job.resume_from, job.milestone) == (1, 1, 2)
    assert "no trial that waits is further behind" in job.reason


def test_one_population_ends_and_others_follow_if_wanted():
    for populations, offered in ((1, False), (2, True), (None, True)):
        policy = started(2, max_t=2, populations=populations)
        for trial_id in range(2):
            policy.on_report(trial_id, 1, 0.5)
            policy.on_report(trial_id, 2, 0.5)
            policy.on_exit(trial_id, TrialState.COMPLETED)
        job = policy.next_job(0.0)
        assert job == (NewTrial(0, 1) if offered else None)
        assert policy.next_job(0.0, allow_new=False) is None


def test_milestones_are_the_multiples_of_the_interval_and_the_end():
    assert PopulationPolicy(10, perturbation_interval=4).milestones == (4, 8, 10)
    assert PopulationPolicy(8, perturbation_interval=4).milestones == (4, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population_size": 1}, "population_size"),
        ({"perturbation_interval": 0}, "perturbation_interval"),
        ({"perturbation_interval": 9}, "must be below max_t=9"),
        ({"quantile_fraction": 0}, "quantile_fraction"),
        ({"quantile_fraction": 0.6}, "quantile_fraction"),
        ({"populations": 0}, "populations"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        PopulationPolicy(9, **options)
