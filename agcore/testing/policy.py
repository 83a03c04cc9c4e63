"""What any policy must do, as a suite of tests to inherit.

::

    class TestMyPolicy(PolicyContract):
        def make_policy(self) -> Policy:
            return MyPolicy(max_t=27)

``play`` drives a policy with trials of random quality that report, diverge, fail, vanish, return
early and are resumed; it records every call and answer, so further rules can be checked on the
record.
"""

# ruff: noqa: D102 -- the names of the tests are sentences

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.errors import ReportError
from agcore.records import Action, Decision, NewTrial, ResumeTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agcore.policy.base import Policy, PolicyJob

_HARNESS_PURPOSE = 12
_ENDLESS = 9  # resource at which a trial returns if the policy has no limit
_SUDDEN_ENDS = (
    TrialState.COMPLETED,
    TrialState.FAILED,
    TrialState.OUT_OF_MEMORY,
    TrialState.LOST,
    TrialState.TIMED_OUT,
    TrialState.INTERRUPTED,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a policy.

    Attributes:
        name: Of the method.
        arguments: Positional.
        allow_new: Keyword argument of ``next_job``.
        answer: What it returned.
    """

    name: str
    arguments: tuple[Any, ...]
    answer: Any = None
    allow_new: bool = True

    def repeat(self, policy: Policy) -> Any:
        """The answer of another policy to the same call."""
        keywords = {"allow_new": self.allow_new} if self.name == "next_job" else {}
        return getattr(policy, self.name)(*self.arguments, **keywords)


@dataclass(slots=True)
class Play:
    """The record of a random run, in the order of the calls."""

    calls: list[Call] = field(default_factory=list)

    def jobs(self) -> Iterator[tuple[int, PolicyJob]]:
        """All jobs that were started, as (trial, job)."""
        for call in self.calls:
            if call.name == "on_start":
                yield call.arguments

    def reports(self) -> Iterator[tuple[int, int, float, Decision]]:
        """All reports, as (trial, resource, reward, decision)."""
        for call in self.calls:
            if call.name == "on_report":
                yield (*call.arguments, call.answer)


@dataclass(slots=True)
class _Driver:
    """The state of one random run."""

    policy: Policy
    rng: np.random.Generator
    num_trials: int
    workers: int
    trouble: float
    play: Play = field(default_factory=Play)
    running: dict[int, int] = field(default_factory=dict)  # trial -> resource
    num_new: int = 0
    clock_s: float = 0.0

    def call(self, name: str, *arguments: Any, allow_new: bool = True) -> Any:
        call = Call(name, arguments, allow_new=allow_new)
        answer = call.repeat(self.policy)
        self.play.calls.append(Call(name, arguments, answer, allow_new))
        return answer

    def fill(self) -> None:
        """Start jobs until all workers are busy or the policy wants no more."""
        while len(self.running) < self.workers:
            allow_new = self.num_new < self.num_trials
            job = self.call("next_job", self.clock_s, allow_new=allow_new)
            if job is None:
                return
            if isinstance(job, NewTrial):
                check(allow_new, f"{job} although no new trial was allowed")
                trial_id = self.num_new
                self.num_new += 1
            else:
                trial_id = job.trial_id
                check(trial_id not in self.running, f"{job} although the trial is running")
            self.running[trial_id] = job.resume_from
            self.call("on_start", trial_id, job)

    def step(self) -> None:
        """Let one running trial report or die."""
        self.clock_s += 1.0
        trial_id = list(self.running)[self.rng.integers(len(self.running))]
        if self.rng.random() < self.trouble:
            self.leave(trial_id, _SUDDEN_ENDS[self.rng.integers(len(_SUDDEN_ENDS))])
            return
        self.running[trial_id] += 1
        resource = self.running[trial_id]
        reward = self.reward(trial_id, resource)
        decision: Decision = self.call("on_report", trial_id, resource, reward)
        if decision.action is Action.PAUSE:
            self.leave(trial_id, TrialState.PAUSED)
        elif decision.action is Action.STOP:
            ended = TrialState.COMPLETED if decision.completed else TrialState.STOPPED
            self.leave(trial_id, TrialState.DIVERGED if math.isnan(reward) else ended)
        elif self.policy.max_resource is None and resource >= _ENDLESS:
            self.leave(trial_id, TrialState.COMPLETED)

    def reward(self, trial_id: int, resource: int) -> float:
        """Coarse, so that ties are frequent; trials cross, and now and then diverge."""
        if self.rng.random() < self.trouble:
            return math.nan
        quality = (trial_id * 7919) % 13 / 13
        return round(quality * (1 - 0.5**resource) + 0.2 * float(self.rng.random()), 1)

    def leave(self, trial_id: int, state: TrialState) -> None:
        del self.running[trial_id]
        self.call("on_exit", trial_id, state)


def play(
    policy: Policy,
    seed: int,
    *,
    num_trials: int = 40,
    workers: int = 4,
    trouble: float = 0.04,
) -> Play:
    """The record of a random run that ends when the policy has nothing more to start.

    Args:
        policy: A fresh one.
        seed: Of the run.
        num_trials: How many new trials are allowed.
        workers: How many run at a time.
        trouble: Probability, at each report, of a NaN, and that of a sudden end.

    Raises:
        AssertionError: The policy offers nothing although all workers are free and new trials are
            allowed, resumes a running trial, or never comes to an end.
    """
    rng = np.random.default_rng([seed, _HARNESS_PURPOSE])
    driver = _Driver(policy, rng, num_trials, workers, trouble)
    limit = 10 * num_trials * ((policy.max_resource or _ENDLESS) + 1)
    for _ in range(limit):
        driver.fill()
        if not driver.running:
            check(driver.num_new >= num_trials, "no job was offered although nothing runs")
            return driver.play
        driver.step()
    raise AssertionError(f"the run of {num_trials} trials has not ended after {limit} reports")


def check(condition: bool, message: str) -> None:
    """Raise AssertionError unless the condition holds; unlike ``assert`` also under ``-O``."""
    if not condition:
        raise AssertionError(message)


class PolicyContract:
    """Tests of the rules that every policy keeps; a subclass says how to make the policy.

    Attributes:
        seeds: Seeds of the random runs.
    """

    seeds: Sequence[int] = range(6)

    def make_policy(self) -> Policy:
        """A fresh policy, each time with the same arguments."""
        raise NotImplementedError("return a fresh policy of the kind under test")

    def test_milestones_ascend_to_max_resource(self) -> None:
        policy = self.make_policy()
        milestones = policy.milestones
        check(list(milestones) == sorted(set(milestones)), f"{milestones} do not ascend")
        if milestones:
            last = policy.max_resource
            check(milestones[-1] == last, f"{milestones} do not end at max_resource={last}")

    def test_next_job_is_repeatable_until_the_job_is_started(self) -> None:
        for seed in self.seeds:
            repeated = self.make_policy()
            for call in play(self.make_policy(), seed).calls:
                answer = call.repeat(repeated)
                if call.name == "next_job":
                    again = call.repeat(repeated)
                    check(answer == again, f"asked twice, answered {answer} and {again}")

    def test_asking_for_jobs_changes_nothing(self) -> None:
        for seed in self.seeds:
            asked = self.make_policy()
            for call in play(self.make_policy(), seed).calls:
                for allow_new in (False, True):
                    asked.next_job(0.0, allow_new=allow_new)
                answer = call.repeat(asked)
                check(answer == call.answer, f"asked for jobs before, {call} answers {answer}")

    def test_the_same_calls_give_the_same_answers(self) -> None:
        for seed in self.seeds:
            again = self.make_policy()
            for call in play(self.make_policy(), seed).calls:
                answer = call.repeat(again)
                check(answer == call.answer, f"{call} was now answered {answer}")

    def test_no_new_trial_is_offered_when_none_is_allowed(self) -> None:
        for seed in self.seeds:
            policy = self.make_policy()
            for call in play(self.make_policy(), seed).calls:
                job = policy.next_job(0.0, allow_new=False)
                check(not isinstance(job, NewTrial), f"{job} although none is allowed")
                call.repeat(policy)

    def test_only_paused_trials_are_resumed_where_they_paused(self) -> None:
        for seed in self.seeds:
            paused: dict[int, int] = {}
            reached: dict[int, int] = {}
            for call in play(self.make_policy(), seed).calls:
                if call.name == "on_report":
                    reached[call.arguments[0]] = call.arguments[1]
                elif call.name == "on_exit":
                    trial_id, state = call.arguments
                    if state is TrialState.PAUSED:
                        paused[trial_id] = reached[trial_id]
                elif call.name == "on_start" and isinstance(call.arguments[1], ResumeTrial):
                    job = call.arguments[1]
                    at = paused.pop(job.trial_id, None)
                    check(at == job.resume_from, f"{job}, but the trial is paused at {at}")
                    check(job.milestone > job.resume_from, f"{job} leads nowhere")

    def test_only_trials_that_may_go_on_are_copied_and_where_they_are(self) -> None:
        for seed in self.seeds:
            reached: dict[int, int] = {}
            for call in play(self.make_policy(), seed).calls:
                if call.name == "on_report":
                    reached[call.arguments[0]] = call.arguments[1]
                elif call.name == "on_exit" and call.arguments[1] is not TrialState.PAUSED:
                    reached[call.arguments[0]] = -1
                elif call.name == "on_start" and isinstance(call.arguments[1], NewTrial):
                    trial_id, job = call.arguments
                    at = 0 if job.parent is None else reached.get(job.parent)
                    check(at == job.resume_from, f"{job}, but the parent is at {at}")
                    reached[trial_id] = job.resume_from

    def test_no_trial_is_promoted_twice_from_one_level(self) -> None:
        for seed in self.seeds:
            seen: set[tuple[int, int]] = set()
            for trial_id, job in play(self.make_policy(), seed).jobs():
                if isinstance(job, ResumeTrial):
                    key = (trial_id, job.resume_from)
                    check(key not in seen, f"trial {trial_id} was promoted twice: {job}")
                    seen.add(key)

    def test_a_trial_that_diverges_is_stopped(self) -> None:
        for seed in self.seeds:
            for trial_id, resource, reward, decision in play(self.make_policy(), seed).reports():
                if not math.isfinite(reward):
                    stopped = decision.action is Action.STOP and not decision.completed
                    check(stopped, f"trial {trial_id} is NaN at {resource}, but: {decision}")

    def test_a_trial_ends_completed_exactly_at_max_resource(self) -> None:
        max_resource = self.make_policy().max_resource
        for seed in self.seeds:
            for _, resource, reward, decision in play(self.make_policy(), seed).reports():
                full = max_resource is not None and resource >= max_resource
                ends_completed = full and math.isfinite(reward)
                check(decision.completed == ends_completed, f"at {resource}: {decision}")

    def test_the_best_reward_at_a_resource_is_never_cut_short(self) -> None:
        for seed in self.seeds:
            best: dict[int, float] = {}
            for trial_id, resource, reward, decision in play(self.make_policy(), seed).reports():
                if reward >= best.get(resource, -math.inf):
                    best[resource] = reward
                    cut = decision.action is Action.STOP and not decision.completed
                    check(not cut, f"trial {trial_id} is best at {resource}, but: {decision}")

    def test_decisions_with_a_standing_name_their_level_and_fall_at_a_milestone(self) -> None:
        milestones = self.make_policy().milestones
        for seed in self.seeds:
            for _, resource, _, decision in play(self.make_policy(), seed).reports():
                standing = decision.standing
                if standing is not None:
                    check(standing.level == resource, f"at {resource}: {decision}")
                    check(resource in milestones, f"{resource} is not among {milestones}")
                    check(1 <= standing.rank <= standing.size, f"impossible: {standing}")
                following = decision.next_milestone
                check(following is None or following > resource, f"at {resource}: {decision}")

    def test_resources_that_do_not_count_up_are_refused(self) -> None:
        if not self.make_policy().milestones:
            return
        for bad in (0, -1, 1.5, "1", True, None):
            self._expect_report_error(bad)
        # Over the first milestone, but not to the end: that a trial may report as its only one.
        milestones = self.make_policy().milestones
        if milestones[0] + 1 < milestones[-1]:
            self._expect_report_error(milestones[0] + 1)

    def _expect_report_error(self, resource: Any) -> None:
        policy = self.make_policy()
        job = policy.next_job(0.0)
        check(isinstance(job, NewTrial), f"a fresh policy offers {job}")
        first = job.first_milestone if isinstance(job, NewTrial) else None
        if first is not None and isinstance(resource, int) and 0 < resource <= first:
            return  # its bracket begins later: nothing is jumped over
        policy.on_start(0, NewTrial() if job is None else job)
        try:
            decision = policy.on_report(0, resource, 0.5)
        except ReportError:
            return
        raise AssertionError(f"resource {resource!r} was accepted: {decision}")
