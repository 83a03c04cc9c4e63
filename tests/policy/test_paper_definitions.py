"""Whole runs of the policies beside the algorithms of the papers, written down plainly.

The tests of each policy pin its parts. Here every decision of a run with several workers is
compared with what the paper's own loop would have done, over plain lists, however slow that is.
"""

import itertools
import math
import random
from collections import defaultdict

import numpy as np
import pytest

from agcore.policy import HyperbandPolicy, PASHAPolicy, SynchronousHyperbandPolicy
from agcore.records import Action, NewTrial, ResumeTrial, TrialState


class Race:
    """Trials on several workers; the one that reports next is drawn.

    Args:
        policy: Who decides.
        reward_of: The reward of a trial at a resource.
        num_trials: How many may start.
        num_workers: How many run at once.
        seed: Of the order in which trials report.

    ``on_job`` is called with each answer of ``next_job``, also if it is none, and whether a new
    trial was allowed; ``on_decision`` with trial, resource and decision.
    """

    def __init__(self, policy, reward_of, num_trials, num_workers, seed):
        self.policy, self.reward_of = policy, reward_of
        self.num_trials, self.num_workers = num_trials, num_workers
        self.rng = random.Random(seed)
        self.started = 0
        self.running = {}  # trial -> resource

    def run(self, on_job=lambda job, allow_new: None, on_decision=lambda *_: None):
        while True:
            while len(self.running) < self.num_workers:
                allow_new = self.started < self.num_trials
                job = self.policy.next_job(0.0, allow_new=allow_new)
                on_job(job, allow_new)
                if job is None:
                    break
                self.start(job)
            if not self.running:
                return
            self.report(self.rng.choice(sorted(self.running)), on_decision)

    def start(self, job):
        if isinstance(job, ResumeTrial):
            trial_id, resource = job.trial_id, job.resume_from
        else:
            trial_id, resource = self.started, 0
            self.started += 1
        self.policy.on_start(trial_id, job)
        self.running[trial_id] = resource

    def report(self, trial_id, on_decision):
        self.running[trial_id] += 1
        resource = self.running[trial_id]
        decision = self.policy.on_report(trial_id, resource, self.reward_of(trial_id, resource))
        on_decision(trial_id, resource, decision)
        if decision.action is not Action.CONTINUE:
            del self.running[trial_id]
            is_paused = decision.action is Action.PAUSE
            self.policy.on_exit(trial_id, TrialState.PAUSED if is_paused else TrialState.COMPLETED)


def noisy(seed, noise):
    """Learning curves of random height; ``noise`` makes them cross."""
    rng = np.random.default_rng(seed)
    heights, jitter = rng.random(400), rng.normal(0, noise, (400, 82))
    return lambda trial_id, resource: float(
        heights[trial_id] * (1 - 0.7**resource) + jitter[trial_id, resource]
    )


# -- ASHA ------------------------------------------------------------------------------------


class PlainASHA:
    """Algorithm 2 of Li et al. (2020): ``get_job`` over lists."""

    def __init__(self, levels, eta):
        self.levels, self.eta = levels, eta  # of the rungs, the last of them max_t
        self.rewards = {level: {} for level in levels}
        self.promoted = {level: set() for level in levels}

    def job(self):
        """The trial and the level that it is promoted from, or None: a new trial."""
        for level in reversed(self.levels[:-1]):
            rung = self.rewards[level]
            ranked = sorted(rung, key=lambda trial_id: -rung[trial_id])  # the earlier on ties
            for trial_id in ranked[: len(rung) // self.eta]:
                if trial_id not in self.promoted[level]:
                    return trial_id, level
        return None


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("num_workers", [1, 7, 40])
def test_promotion_is_algorithm_2_of_asha(num_workers, eta):
    policy = HyperbandPolicy(64, type="promotion", reduction_factor=eta)
    plain = PlainASHA(policy.milestones, eta)
    promotions = 0

    def on_job(job, allow_new):
        nonlocal promotions
        expected = plain.job()
        if expected is None:
            assert job is None or isinstance(job, NewTrial)
            assert (job is not None) == allow_new
            return
        promotions += 1
        assert (job.trial_id, job.resume_from) == expected
        assert job.milestone == plain.levels[plain.levels.index(expected[1]) + 1]
        plain.promoted[expected[1]].add(expected[0])

    def on_decision(trial_id, resource, decision):
        if resource in plain.rewards and resource < plain.levels[-1]:
            plain.rewards[resource][trial_id] = reward_of(trial_id, resource)
            # Where the paper asks for a job, a trial that would be promoted at once just goes on.
            rung = plain.rewards[resource]
            rank = sum(reward > rung[trial_id] for reward in rung.values())
            assert (decision.action is Action.CONTINUE) == (rank < len(rung) // eta)
            if decision.action is Action.CONTINUE:
                plain.promoted[resource].add(trial_id)

    reward_of = noisy(eta, 0.1)
    Race(policy, reward_of, 150, num_workers, seed=eta).run(on_job, on_decision)
    assert promotions > 4
    assert plain.job() is None


# -- Hyperband -------------------------------------------------------------------------------


def test_a_pass_of_synchronous_hyperband_spends_what_algorithm_1_says():
    # Li et al. (2018), algorithm 1 with R = 81, eta = 3: s = 4 .. 0, n = ceil(5 / (s + 1) 3^s),
    # n_i = floor(n 3^-i), r_i = 81 3^(i - s).
    expected = {
        (4 - s, 81 * 3**i // 3**s): math.ceil(5 / (s + 1) * 3**s) // 3**i
        for s in range(5)
        for i in range(s + 1)
    }
    assert {key: n for key, n in expected.items() if key[0] == 0} == {
        (0, 1): 81,
        (0, 3): 27,
        (0, 9): 9,
        (0, 27): 3,
        (0, 81): 1,
    }
    arrived = defaultdict(int)
    bracket_of = {}
    policy = SynchronousHyperbandPolicy(81)

    def on_job(job, allow_new):
        if isinstance(job, NewTrial):
            bracket_of[len(bracket_of)] = job.bracket

    def on_decision(trial_id, resource, decision):
        if decision.standing is not None or decision.completed:
            arrived[bracket_of[trial_id], resource] += 1

    num_trials = sum(rounds[0][0] for rounds in policy.bracket_rounds)
    Race(policy, noisy(0, 0.05), num_trials, 9, seed=1).run(on_job, on_decision)
    assert arrived == expected


# -- PASHA -----------------------------------------------------------------------------------


class PlainPASHA:
    """Algorithm 1 of Bohdal et al. (2023) over lists, with the estimate of epsilon."""

    def __init__(self, levels):
        self.levels = levels
        self.top = 1
        self.epsilon = 0.0
        self.curves = defaultdict(dict)
        self.at_top = []

    def report(self, trial_id, resource, reward):
        self.curves[trial_id][resource] = reward
        if resource != self.levels[self.top] or resource == self.levels[-1]:
            return
        self.at_top.append(trial_id)
        noise = [
            abs(self.curves[a][resource] - self.curves[b][resource])
            for a, b in itertools.combinations(self.at_top, 2)
            if self.crosses_twice(a, b, resource) or self.crosses_twice(b, a, resource)
        ]
        if noise:
            self.epsilon = float(np.percentile(noise, 90))
        if not self.agrees():
            self.top += 1
            self.at_top = []

    def crosses_twice(self, a, b, top):
        """Whether a is above b, below it before, and above it before that."""
        a, b = self.curves[a], self.curves[b]
        return any(
            a[j] > b[j] and a[k] < b[k] and a[i] > b[i]
            for i, k, j in itertools.combinations(range(1, top + 1), 3)
        )

    def agrees(self):
        """Whether each place of the top's ranking is among the equals of the soft ranking."""
        level, below = self.levels[self.top], self.levels[self.top - 1]
        ranked = sorted(self.at_top, key=lambda t: -self.curves[t][level])
        soft = sorted(self.at_top, key=lambda t: -self.curves[t][below])
        return all(
            abs(self.curves[own][below] - self.curves[expected][below]) <= self.epsilon
            for own, expected in zip(ranked, soft, strict=True)
        )


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.05])
@pytest.mark.parametrize("num_workers", [1, 8])
def test_the_top_of_pasha_grows_as_in_its_paper(num_workers, noise):
    policy = PASHAPolicy(27)
    plain = PlainPASHA(policy.milestones)
    reward_of = noisy(5, noise)

    def on_decision(trial_id, resource, decision):
        plain.report(trial_id, resource, reward_of(trial_id, resource))
        assert policy.top_level == plain.levels[plain.top]
        assert policy.epsilon == pytest.approx(plain.epsilon, abs=1e-12)

    Race(policy, reward_of, 150, num_workers, seed=3).run(on_decision=on_decision)
    assert (policy.top_level > 3) == (noise > 0)
    assert (plain.epsilon > 0) == (noise > 0)
