"""Tests of synchronous Hyperband: the paper's brackets, and barriers that never hang."""

import math

import pytest

from agcore.errors import ReportError, SpecError
from agcore.policy import CONTINUE, SynchronousHyperbandPolicy
from agcore.records import Action, NewTrial, ResumeTrial, TrialState
from agcore.testing.policy import PolicyContract, play

nan = math.nan


class TestSynchronousHyperband(PolicyContract):
    def make_policy(self):
        return SynchronousHyperbandPolicy(9)


class TestSynchronousHyperbandOffTheGrid(PolicyContract):
    def make_policy(self):
        return SynchronousHyperbandPolicy(20, reduction_factor=2.5, grace_period=2)


class TestSuccessiveHalving(PolicyContract):
    def make_policy(self):
        return SynchronousHyperbandPolicy(8, reduction_factor=2, brackets=1)


# -- the plan ------------------------------------------------------------------------------


def test_the_brackets_are_those_of_algorithm_1():
    # n = ceil((s_max + 1) / (s + 1) * eta^s), n_i = floor(n * eta^-i), r_i = R * eta^(i - s).
    assert SynchronousHyperbandPolicy(81).bracket_rounds == (
        ((81, 1), (27, 3), (9, 9), (3, 27), (1, 81)),
        ((34, 3), (11, 9), (3, 27), (1, 81)),
        ((15, 9), (5, 27), (1, 81)),
        ((8, 27), (2, 81)),
        ((5, 81),),
    )


def test_levels_and_last_rounds_are_those_of_table_1():
    # Table 1 rounds n otherwise (81, 27, 9, 6, 5), which its last rounds do not show.
    table = {
        0: ((81, 1), (27, 3), (9, 9), (3, 27), (1, 81)),
        1: ((27, 3), (9, 9), (3, 27), (1, 81)),
        2: ((9, 9), (3, 27), (1, 81)),
        3: ((6, 27), (2, 81)),
        4: ((5, 81),),
    }
    policy = SynchronousHyperbandPolicy(81)
    for bracket, rounds in enumerate(policy.bracket_rounds):
        assert [level for _, level in rounds] == [level for _, level in table[bracket]]
        assert rounds[-1] == table[bracket][-1]
        assert all(n >= known for (n, _), (known, _) in zip(rounds, table[bracket], strict=True))
    assert policy.bracket_rounds[0] == table[0]


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({"max_t": 10}, (1, 3, 10)),
        ({"max_t": 100, "grace_period": 5}, (11, 33, 100)),
        ({"max_t": 1000, "reduction_factor": 10}, (1, 10, 100, 1000)),
        ({"max_t": 10, "reduction_factor": 2.5}, (2, 4, 10)),
    ],
)
def test_levels_come_from_the_top(options, levels):
    assert SynchronousHyperbandPolicy(**options).milestones == levels


@pytest.mark.parametrize("factor", [2, 2.5, 3, 4, 3.3])
@pytest.mark.parametrize("max_t", [5, 16, 81, 243, 1000])
def test_every_round_is_smaller_than_the_one_before_and_no_bracket_ends_empty(factor, max_t):
    for rounds in SynchronousHyperbandPolicy(max_t, reduction_factor=factor).bracket_rounds:
        sizes, levels = zip(*rounds, strict=True)
        assert sorted(set(sizes), reverse=True) == list(sizes)
        assert sorted(set(levels)) == list(levels)
        assert levels[-1] == max_t
        assert sizes[-1] >= 1


def test_the_plan_has_one_line_per_bracket():
    policy = SynchronousHyperbandPolicy(9, time_attr="step")
    assert policy.explain_plan().splitlines() == [
        "bracket 0: 9 trials to step 1, the best 3 to 3, the best 1 to 9",
        "bracket 1: 5 trials to step 3, the best 1 to 9",
        "bracket 2: 3 trials to step 9",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_t": 2}, "pass max_t=3 or more"),
        ({"max_t": 9, "grace_period": 4}, "leave no room for a rung; pass max_t=12"),
        ({"max_t": 9, "grace_period": 0}, "grace_period=0"),
        ({"max_t": 9, "reduction_factor": 1}, "reduction_factor=1"),
        ({"max_t": 9, "brackets": 0}, "brackets=0"),
        ({"max_t": 1.5}, "max_t=1.5"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        SynchronousHyperbandPolicy(**options)


# -- rounds --------------------------------------------------------------------------------


def start(policy, trial_id):
    job = policy.next_job(0.0)
    assert isinstance(job, NewTrial)
    policy.on_start(trial_id, job)
    return job


def report_to(policy, trial_id, resource, reward, first=1):
    for epoch in range(first, resource + 1):
        decision = policy.on_report(trial_id, epoch, reward)
    return decision


def pause(policy, trial_id, resource, reward, first=1):
    decision = report_to(policy, trial_id, resource, reward, first)
    assert decision.action is Action.PAUSE
    policy.on_exit(trial_id, TrialState.PAUSED)
    return decision


def fill(policy, rewards, first_id=0):
    """Start as many trials as there are rewards and let all pause at the first rung."""
    ids = range(first_id, first_id + len(rewards))
    jobs = [start(policy, trial_id) for trial_id in ids]
    for trial_id, reward in zip(ids, rewards, strict=True):
        pause(policy, trial_id, jobs[0].first_milestone, reward)


def test_a_rung_waits_for_all_of_its_trials_and_the_best_of_them_go_on():
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(9):
        assert start(policy, trial_id) == NewTrial(0, 1)
    for trial_id in range(8):
        decision = pause(policy, trial_id, 1, float(trial_id))
        assert isinstance(policy.next_job(0.0), NewTrial)
        assert policy.next_job(0.0, allow_new=False) is None
    assert decision.reason == (
        "reward 7 ranks 1 of 8 at epoch=1; when all 9 have arrived, the best 3 go on to 3"
    )
    assert policy.on_report(8, 1, 2.5).standing.rank == 6
    assert isinstance(policy.next_job(0.0), NewTrial)  # it has not left its worker yet
    policy.on_exit(8, TrialState.PAUSED)
    resumed = []
    for _ in range(3):
        job = policy.next_job(0.0)
        assert (job.resume_from, job.milestone, job.bracket) == (1, 3, 0)
        policy.on_start(job.trial_id, job)
        resumed.append(job)
    assert [job.trial_id for job in resumed] == [7, 6, 5]
    assert resumed[1].reason == (
        "reward 6 ranks 2 at epoch=1, where all of its bracket have arrived; the best 3 go on to 3"
    )
    assert isinstance(policy.next_job(0.0), NewTrial)


def test_the_last_of_a_bracket_uses_its_full_resource():
    policy = SynchronousHyperbandPolicy(9)
    fill(policy, [float(trial_id) for trial_id in range(9)])
    for trial_id in (8, 7, 6):
        policy.on_start(trial_id, policy.next_job(0.0))
    for trial_id, reward in ((8, 0.1), (7, 0.3), (6, 0.2)):
        assert policy.on_report(trial_id, 2, reward) is CONTINUE
        pause(policy, trial_id, 3, reward, first=3)
    job = policy.next_job(0.0, allow_new=False)
    assert (job.trial_id, job.resume_from, job.milestone) == (7, 3, 9)
    policy.on_start(7, job)
    decision = report_to(policy, 7, 9, 0.5, first=4)
    assert (decision.action, decision.completed) == (Action.STOP, True)
    policy.on_exit(7, TrialState.COMPLETED)
    assert policy.next_job(0.0, allow_new=False) is None


def test_brackets_follow_one_another_and_begin_again():
    policy = SynchronousHyperbandPolicy(9)
    jobs = [start(policy, trial_id) for trial_id in range(9 + 5 + 3 + 9 + 1)]
    assert [job.bracket for job in jobs] == [0] * 9 + [1] * 5 + [2] * 3 + [0] * 9 + [1]
    assert [job.first_milestone for job in jobs[8:18]] == [1] + [3] * 5 + [9] * 3 + [1]


def test_a_worker_at_a_barrier_begins_the_next_bracket_and_promotions_come_first():
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(9):
        start(policy, trial_id)
    for trial_id in range(8):
        pause(policy, trial_id, 1, 0.0)
    assert start(policy, 9) == NewTrial(1, 3)
    pause(policy, 8, 1, 1.0)
    assert policy.next_job(0.0).trial_id == 8


def test_of_equal_rewards_the_earlier_goes_on():
    policy = SynchronousHyperbandPolicy(9)
    fill(policy, [0.5] * 9)
    assert policy.next_job(0.0).trial_id == 0


@pytest.mark.parametrize("state", [s for s in TrialState if s is not TrialState.PAUSED])
def test_a_barrier_does_not_wait_for_what_has_ended(state):
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(9):
        start(policy, trial_id)
    for trial_id in range(8):
        pause(policy, trial_id, 1, float(trial_id))
    policy.on_exit(8, state)
    assert policy.next_job(0.0).trial_id == 7


def test_what_has_failed_counts_as_worst_and_if_too_few_are_left_fewer_go_on():
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(9):
        start(policy, trial_id)
    pause(policy, 0, 1, 0.5)
    pause(policy, 1, 1, -9.0)
    assert policy.on_report(2, 1, nan).standing.rank == 3
    policy.on_exit(2, TrialState.DIVERGED)
    assert policy.on_report(3, 1, 99.0).action is Action.PAUSE
    for trial_id in range(3, 9):  # trial 3 on its way into the pause
        policy.on_exit(trial_id, TrialState.LOST)
    for trial_id in (0, 1):
        job = policy.next_job(0.0)
        assert job.trial_id == trial_id
        policy.on_start(trial_id, job)
    assert isinstance(policy.next_job(0.0), NewTrial)
    for trial_id, reward in ((0, 0.1), (1, 0.2)):
        pause(policy, trial_id, 3, reward, first=2)
    assert policy.next_job(0.0).trial_id == 1


def test_a_bracket_whose_trials_have_all_failed_is_over():
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(9):
        start(policy, trial_id)
    for trial_id in range(9):
        policy.on_exit(trial_id, TrialState.FAILED)
    assert policy.next_job(0.0, allow_new=False) is None
    assert policy.next_job(0.0) == NewTrial(1, 3)


def test_a_paused_trial_that_is_given_up_is_not_resumed():
    policy = SynchronousHyperbandPolicy(9)
    fill(policy, [float(trial_id) for trial_id in range(9)])
    policy.on_exit(8, TrialState.INTERRUPTED)
    assert policy.next_job(0.0).trial_id == 7


# -- the end of the run --------------------------------------------------------------------


def test_a_bracket_that_will_get_no_more_trials_goes_on_with_those_it_has():
    policy = SynchronousHyperbandPolicy(9)
    for trial_id in range(4):
        start(policy, trial_id)
    for trial_id in range(3):
        pause(policy, trial_id, 1, float(trial_id))
    assert policy.next_job(0.0, allow_new=False) is None
    pause(policy, 3, 1, 0.5)
    job = policy.next_job(0.0, allow_new=False)
    assert (job.trial_id, job.resume_from, job.milestone) == (2, 1, 3)
    assert job.reason == (
        "reward 2 ranks 1 of 4 at epoch=1 and there will be no more; the best 1 go on to 3"
    )
    assert policy.next_job(0.0) == NewTrial(0, 1)  # asking has closed nothing
    policy.on_start(2, job)
    assert policy.next_job(0.0) == NewTrial(1, 3)
    pause(policy, 2, 3, 0.5, first=2)
    assert policy.next_job(0.0, allow_new=False).milestone == 9


@pytest.mark.parametrize("num_trials", [1, 2, 5, 9, 12, 30])
def test_however_many_trials_there_are_one_of_the_first_bracket_uses_its_full_resource(num_trials):
    record = play(SynchronousHyperbandPolicy(9), 0, num_trials=num_trials, trouble=0.0)
    brackets = {t: job.bracket for t, job in record.jobs() if isinstance(job, NewTrial)}
    full = [brackets[t] for t, resource, _, _ in record.reports() if resource == 9]
    assert 0 in full


# -- reports -------------------------------------------------------------------------------


def test_jumping_over_a_rung_is_an_error_that_names_the_rungs_of_the_bracket():
    policy = SynchronousHyperbandPolicy(9, time_attr="step")
    policy.on_start(0, NewTrial(0, 1))
    with pytest.raises(ReportError, match=r"jumped over the rung at 1; .* level: 1, 3, 9"):
        policy.on_report(0, 2, 0.5)


def test_an_unknown_trial_is_an_error():
    policy = SynchronousHyperbandPolicy(9)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_report(7, 1, 0.5)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_exit(7, TrialState.FAILED)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_start(7, ResumeTrial(7, 1, 3, 0, "because"))


# -- random runs ---------------------------------------------------------------------------


def rounds_of(record, sizes):
    """For each bracket of a record and each level: who ran there, who paused, and when.

    Returns {(number of the bracket, level): (trials, {paused trial: reward})}, and for each
    promotion (number of the call, bracket, level it came from, trial).
    """
    home, at_level, promotions = {}, {}, []
    bracket_numbers = [b for b, size in enumerate(sizes * 9) for _ in range(size)]
    milestone, reward_at, last_exit = {}, {}, {}
    for number, call in enumerate(record.calls):
        if call.name == "on_start":
            trial_id, job = call.arguments
            if isinstance(job, NewTrial):
                home[trial_id] = bracket_numbers[len(home)]
                milestone[trial_id] = job.first_milestone
            else:
                promotions.append((number, home[trial_id], job.resume_from, trial_id))
                milestone[trial_id] = job.milestone
            at_level.setdefault((home[trial_id], milestone[trial_id]), ([], {}))[0].append(trial_id)
        elif call.name == "on_report":
            reward_at[call.arguments[0]] = call.arguments[2]
        elif call.name == "on_exit":
            trial_id, state = call.arguments
            last_exit[(trial_id, milestone[trial_id])] = number
            if state is TrialState.PAUSED:
                at_level[(home[trial_id], milestone[trial_id])][1][trial_id] = reward_at[trial_id]
    return at_level, promotions, last_exit


@pytest.mark.parametrize("trouble", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_in_random_runs_all_of_a_rung_have_arrived_and_the_best_of_them_go_on(seed, trouble):
    policy = SynchronousHyperbandPolicy(27)
    plan = policy.bracket_rounds
    sizes = [rounds[0][0] for rounds in plan]
    record = play(policy, seed, num_trials=sum(sizes) * 2, workers=7, trouble=trouble)
    at_level, promotions, last_exit = rounds_of(record, sizes)
    assert len(promotions) > 20
    promoted = {}
    for number, bracket, level, trial_id in promotions:
        trials, _ = at_level[(bracket, level)]
        assert all(last_exit[(trial, level)] < number for trial in trials)
        promoted.setdefault((bracket, level), []).append(trial_id)
    for (bracket, level), (_, paused) in at_level.items():
        rounds = plan[bracket % len(plan)]
        index = [r for _, r in rounds].index(level)
        if index + 1 == len(rounds):
            continue
        expected = min(rounds[index + 1][0], len(paused))
        going_on = promoted.get((bracket, level), [])
        assert len(going_on) == expected
        staying = [reward for trial, reward in paused.items() if trial not in going_on]
        assert min((paused[t] for t in going_on), default=9) >= max(staying, default=-9)


def test_no_worker_is_idle_while_new_trials_are_allowed():
    for seed in range(5):
        running, allowed = 0, True
        for call in play(SynchronousHyperbandPolicy(9), seed, workers=5).calls:
            if call.name == "next_job":
                allowed = call.allow_new
                assert call.answer is not None or not allowed
            running += (call.name == "on_start") - (call.name == "on_exit")
            assert running <= 5
