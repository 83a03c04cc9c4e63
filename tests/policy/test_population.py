"""Tests of population-based training: selection at equal resources, turns, lost members."""

import collections
import heapq
import math
import random

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
        "reward 0.61 at epoch=1 ranks 2 of 2: its place goes to a copy of trial 0 "
        "(reward 0.83 at epoch=1)"
    )
    standing = decision.standing
    assert (standing.level, standing.rank, standing.size, standing.quantile) == (1, 2, 2, 0.5)
    job = replace(policy, 1, 2)
    assert job.reason == "in the place of trial 1: a copy of trial 0 (reward 0.83 at epoch=1)"
    assert policy.on_report(0, 2, 0.9).reason == (
        "reward 0.9 at epoch=2 ranks 1 of 2; compared with 1 of them at epoch=1: it goes on to 3"
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


def test_who_is_not_so_far_yet_is_compared_where_it_is():
    policy = started(3, quantile_fraction=0.34)
    for trial_id, reward in enumerate((0.1, 0.3, 0.2)):
        policy.on_report(trial_id, 1, reward)
    # Nobody else has come to 2, and there the reward is higher than any was at 1.
    decision = policy.on_report(2, 2, 5.0)
    assert (decision.standing.rank, decision.standing.size) == (2, 3)
    assert "ranks 2 of 3; compared with 2 of them at epoch=1:" in decision.reason
    decision = policy.on_report(0, 2, 4.0)
    assert decision.action is Action.STOP
    assert "ranks 3 of 3; compared with 1 of them at epoch=1: its place goes" in decision.reason


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_what_all_gain_with_the_resource_changes_nothing(workers):
    # So no comparison is between different resources.
    gain = [0.0, 5.0, 9.0, -20.0, 30.0, 31.0, 500.0, -1.0, 7.0, 0.0]
    replaced = 0
    for seed in range(8):
        policy = PopulationPolicy(9, population_size=6, quantile_fraction=0.34, seed=seed)
        same = PopulationPolicy(9, population_size=6, quantile_fraction=0.34, seed=seed)
        for call in play(policy, seed, workers=workers).calls:
            if call.name == "on_report":
                trial_id, resource, reward = call.arguments
                answer = same.on_report(trial_id, resource, reward + gain[resource])
                assert answer.action is call.answer.action
                assert answer.standing == call.answer.standing
            else:
                answer = call.repeat(same)
                if isinstance(call.answer, NewTrial):
                    replaced += call.answer.parent is not None
                    assert (answer.parent, answer.resume_from) == (
                        call.answer.parent,
                        call.answer.resume_from,
                    )
    assert replaced > 50


def test_the_last_to_come_to_an_interval_is_judged_by_all_rewards_there():
    rng = random.Random(3)
    fates = collections.Counter()
    for _ in range(200):
        policy = started(10)
        rewards = [rng.random() for _ in range(10)]
        for trial_id, reward in enumerate(rewards):
            decision = policy.on_report(trial_id, 1, reward)
        is_bad = sum(reward > rewards[-1] for reward in rewards) >= 8
        assert (decision.action is Action.STOP) == is_bad
        fates[is_bad] += 1
    assert min(fates.values()) > 20


class Race:
    """Ten members on rising curves, who come to an epoch in the order ``first`` says.

    Attributes:
        copies: The copies that were started, with the trials that they replaced.
    """

    def __init__(self, seed, first, *, seconds=None):
        rng = random.Random(seed)
        policy = PopulationPolicy(
            20, population_size=10, perturbation_interval=2, populations=1, seed=seed
        )
        self.quality, self.copies, self.reached, self.pauses = [], [], {}, 0
        queue, running = [], set()

        def report_next(trial_id, now_s):
            cost_s = 1.0 if seconds is None else seconds(self.quality[trial_id])
            heapq.heappush(queue, (round(now_s + cost_s, 6), first(self, trial_id, rng), trial_id))

        def fill(now_s):
            while len(running) < 10 and (job := policy.next_job(now_s)) is not None:
                if isinstance(job, NewTrial):
                    trial_id = len(self.quality)
                    self.quality.append(rng.random())
                    if job.parent is not None:
                        replaced = int(
                            job.reason.partition("in the place of trial ")[2]
                            .split()[0]
                            .rstrip(":,")
                        )
                        self.copies.append((trial_id, replaced))
                else:
                    trial_id = job.trial_id
                self.reached[trial_id] = job.resume_from
                running.add(trial_id)
                policy.on_start(trial_id, job)
                report_next(trial_id, now_s)

        fill(0.0)
        while queue:
            now_s, _, trial_id = heapq.heappop(queue)
            epoch = self.reached[trial_id] = self.reached[trial_id] + 1
            reward = epoch / 20 + 0.02 * self.quality[trial_id]
            decision = policy.on_report(trial_id, epoch, reward)
            if decision.action is Action.CONTINUE:
                report_next(trial_id, now_s)
                continue
            ended = TrialState.COMPLETED if decision.completed else TrialState.STOPPED
            paused = decision.action is Action.PAUSE
            self.pauses += paused
            running.remove(trial_id)
            policy.on_exit(trial_id, TrialState.PAUSED if paused else ended)
            fill(now_s)


ORDERS = {
    "worst first": lambda race, trial_id, rng: race.quality[trial_id],
    "best first": lambda race, trial_id, rng: -race.quality[trial_id],
    "at random": lambda race, trial_id, rng: rng.random(),
    "always the same": lambda race, trial_id, rng: trial_id,
}


@pytest.mark.parametrize("order", ORDERS)
def test_on_rising_curves_the_worst_are_replaced_whatever_the_order(order):
    for seed in range(6):
        race = Race(seed, ORDERS[order])
        worst = sorted(range(10), key=lambda trial_id: race.quality[trial_id])[:2]
        gone = {replaced: race.reached[replaced] for _, replaced in race.copies}
        assert gone.keys() >= set(worst)
        assert max(gone[trial_id] for trial_id in worst) <= 4
        # A fifth of ten at each of nine intervals are 18; copies that are bad go again.
        assert 12 <= len(race.copies) <= 36
        best = max(range(len(race.quality)), key=lambda trial_id: race.quality[trial_id])
        assert best not in gone
        assert race.reached[best] == 20


def test_bad_members_that_are_always_ahead_are_replaced():
    for seed in range(6):
        race = Race(seed, ORDERS["at random"], seconds=lambda quality: 0.5 + quality)
        assert len(race.copies) >= 12
        worst = min(range(10), key=lambda trial_id: race.quality[trial_id])
        assert race.reached[worst] <= 6  # not before most have a reward
        assert race.pauses < len(race.copies)


# -- the first at an interval -----------------------------------------------------------------


def one_ahead(size=2):
    """Trial 0 is the worst where all have been, and has come to the next interval first."""
    policy = started(size)
    for trial_id in range(size):
        assert policy.on_report(trial_id, 1, 0.1 + trial_id / 10).action is Action.CONTINUE
    decision = policy.on_report(0, 2, 0.3)
    assert decision.action is Action.PAUSE
    assert decision.reason.startswith(
        f"reward 0.3 at epoch=2 ranks {size} of {size}; compared with {size - 1} of them at "
        "epoch=1: it waits for those that were better and are behind, and goes on only if"
    )
    return policy


def test_a_bad_one_that_comes_first_waits_for_one_that_is_better_there():
    policy = one_ahead()
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.next_job(0.0) is None
    assert policy.on_report(1, 2, 0.4).action is Action.CONTINUE
    assert policy.next_job(0.0) == NewTrial(
        0,
        3,
        1,
        2,
        "in the place of trial 0, whose reward 0.3 at epoch=2 ranks 2 of 2: "
        "a copy of trial 1 (reward 0.4 at epoch=2)",
    )
    assert policy.next_job(0.0, allow_new=False) is None  # it stays paused


def test_it_goes_on_if_it_is_not_bad_any_more():
    policy = one_ahead()
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.on_report(1, 2, 0.2).action is Action.STOP
    job = policy.next_job(0.0, allow_new=False)
    assert (job.trial_id, job.resume_from, job.milestone) == (0, 2, 3)


def test_it_goes_on_if_nobody_who_was_better_is_left():
    policy = one_ahead()
    policy.on_exit(0, TrialState.PAUSED)
    policy.on_exit(1, TrialState.FAILED)
    assert policy.next_job(0.0).parent == 0
    assert policy.next_job(0.0, allow_new=False).trial_id == 0


def test_its_place_may_be_lost_before_its_attempt_has_ended():
    policy = one_ahead()
    policy.on_report(1, 2, 0.4)
    assert policy.next_job(0.0) is None
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.next_job(0.0).parent == 1
    policy = one_ahead()
    policy.on_exit(0, TrialState.FAILED)
    assert policy.next_job(0.0).parent == 1
    policy = one_ahead()
    policy.on_report(1, 2, 0.2)
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.next_job(0.0, allow_new=False).trial_id == 0


def test_two_that_wait_are_judged_when_a_better_one_comes():
    policy = one_ahead(10)
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.on_report(1, 2, 0.35).action is Action.PAUSE
    policy.on_exit(1, TrialState.PAUSED)
    assert policy.on_report(2, 2, 0.4).action is Action.CONTINUE  # the third of ten from below
    assert replace_all(policy, 10) in ([8, 8], [8, 9], [9, 8], [9, 9])


def test_of_the_best_those_are_copied_that_have_come_as_far():
    for seed in range(8):
        policy = started(4, quantile_fraction=0.5, seed=seed)
        for trial_id in (3, 2, 1, 0):
            policy.on_report(trial_id, 1, 0.9 - trial_id / 10)
        policy.on_report(1, 2, 1.0)
        assert "a copy of trial 1 (reward 1 at epoch=2)" in policy.on_report(3, 2, 0.7).reason


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
    assert "ranks 2 of 2; none of the best that still train is better: it goes" in decision.reason


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
                if call.answer.reason.endswith("it waits for its next turn"):
                    paused[trial_id] = resource
            elif call.name == "on_start" and isinstance(call.arguments[1], ResumeTrial):
                trial_id, job = call.arguments
                assert job.resume_from == reached[trial_id]
                assert all(waits >= job.resume_from for waits in paused.values())
                paused.pop(trial_id, None)  # it is not there if it waited for others to come


def test_with_a_slot_for_each_only_bad_ones_that_come_first_pause():
    policy = PopulationPolicy(12, population_size=4, populations=None)
    record = play(policy, 0, workers=4, num_trials=60, trouble=0.0)
    best, actions = {}, collections.Counter()
    for _, resource, reward, decision in record.reports():
        actions[decision.action] += 1
        if decision.action is Action.PAUSE:
            assert decision.standing.rank == 4
            assert reward >= best.get(resource, -math.inf)
        best[resource] = max(reward, best.get(resource, -math.inf))
        if resource == 12:
            best.clear()
    assert actions[Action.STOP] > actions[Action.PAUSE] > 0


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
    assert "no trial that waits its turn is further behind" in job.reason


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
