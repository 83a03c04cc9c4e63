"""A policy that a user has written, run in worker processes."""

import math

import pytest

import agcore as ag
from agcore.errors import AgcoreError, SpecError
from agcore.records import Action, Decision, NewTrial, TrialState
from agcore.scheduler.own_policy import scheduler_with
from agcore.testing import PolicyContract


class Threshold:
    """Stops what is below a reward, and not the best so far, at its first report."""

    max_resource = None
    milestones = ()

    def __init__(self, least):
        self.least = least
        self.best = -math.inf  # at the first report

    def next_job(self, now_s, *, allow_new=True):
        return NewTrial() if allow_new else None

    def on_start(self, trial_id, job):
        """Nothing to remember."""

    def on_report(self, trial_id, resource, reward):
        if not math.isfinite(reward):
            return Decision(Action.STOP, "diverged")
        if resource == 1:
            self.best = max(self.best, reward)
            if reward < min(self.least, self.best):
                return Decision(Action.STOP, f"reward {reward:g} is below {self.least:g}")
        return Decision(Action.CONTINUE, "it is good enough")

    def on_exit(self, trial_id, state):
        """Nothing to remember."""


@ag.args(x=ag.Real(0, 1), epochs=3)
def train(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x)


def check_ends(trials):
    for trial in trials.values():
        is_good = trial.config["x"] >= 0.5  # as is the default config, the first
        assert trial.state is (TrialState.COMPLETED if is_good else TrialState.STOPPED)
        assert len(trial.reports) == (3 if is_good else 1)


def test_a_policy_decides_in_a_process_pool_and_explains_itself():
    result = ag.tune(train, scheduler=Threshold(0.5), num_trials=12, num_workers=1)
    check_ends(result.trials)
    stopped = next(t for t in result.trials.values() if t.state is TrialState.STOPPED)
    assert "is below 0.5" in result.explain(stopped.trial_id)
    assert result.best_reward >= 0.5


def test_a_run_with_a_policy_goes_on(tmp_path):
    settings = {
        "checkpoint": tmp_path / "run",
        "search_options": {"random_seed": 3},
        "num_workers": 1,
    }
    first = ag.tune(train, scheduler=Threshold(0.5), num_trials=5, **settings)
    second = ag.tune(train, scheduler=Threshold(0.5), num_trials=12, resume=True, **settings)
    assert [second.trials[i].config for i in range(5)] == [t.config for t in first.trials.values()]
    assert len(second.trials) == 12
    check_ends(second.trials)


def test_another_kind_of_policy_is_refused_on_resume(tmp_path):
    class Other(Threshold):
        """The same under another name."""

    ag.tune(train, scheduler=Threshold(0.5), num_trials=2, checkpoint=tmp_path / "run")
    with pytest.raises(AgcoreError, match="Other"):
        ag.tune(train, scheduler=Other(0.5), num_trials=4, checkpoint=tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"brackets": 2}, "brackets= is no argument beside a policy; pass it to the policy"),
        ({"num_trail": 2}, r"num_trail= is no argument beside a policy; did you mean 'num_trials'"),
        ({"time_budget": 9}, "time_budget= is no argument beside a policy"),
        ({"searcher_data": "rung"}, "searcher_data='rung' must be"),
    ],
)
def test_arguments_it_does_not_have_are_refused(arguments, said):
    with pytest.raises(SpecError, match=said):
        scheduler_with(train, Threshold(0.5), **arguments)


class TestThreshold(PolicyContract):
    """The suite that is published for policies holds for this one."""

    def make_policy(self):
        return Threshold(0.5)
