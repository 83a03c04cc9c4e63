"""Histories written by hand, event by event."""

import pytest

from agcore.explanations import explain_trial
from agcore.history import RunHistory
from agcore.records import (
    Action,
    ConfigEnqueued,
    Decided,
    Decision,
    Reported,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

SETTINGS = {
    "scheduler": "HyperbandScheduler",
    "searcher": "random",
    "seed": 7,
    "reward_attr": "accuracy",
    "time_attr": "epoch",
    "mode": "max",
    "trial_value": "best",
    "searcher_data": "rungs",
}


class Story:
    """A run that is told event by event; a second passes before each."""

    def __init__(self, **settings):
        self.settings = SETTINGS | settings
        self.sign = 1 if self.settings["mode"] == "max" else -1
        self.history = RunHistory(self.sign, self.settings["trial_value"])
        self.now_s = 99.0
        self.apply(RunStarted, 7, self.settings, {}, {})

    def apply(self, kind, *values, **named):
        self.now_s += 1.0
        order = (self.now_s, *values)
        if kind not in (RunStarted, RunEnded, ConfigEnqueued) and "RunResumed" not in str(kind):
            order = (values[0], self.now_s, *values[1:])
        self.history.apply(kind(*order, **named))
        return self

    def propose(self, origin="random", why=None, config=None, **named):
        trial_id = len(self.history.trials)
        config = {"lr": 0.1} if config is None else config
        return self.apply(TrialProposed, trial_id, config, origin, why=why or {}, **named)

    @property
    def last(self):
        return len(self.history.trials) - 1

    def start(self, **named):
        return self.apply(TrialStarted, self.last, **named)

    def report(self, *rewards, at=None):
        """Rewards as the user reports them, at the resources that follow."""
        for reward in rewards:
            resource = at or self.history.trials[self.last].resource + 1
            self.apply(Reported, self.last, resource, self.sign * reward, {})
        return self

    def decide(self, action, reason, **named):
        resource = self.history.trials[self.last].resource
        return self.apply(Decided, self.last, resource, Decision(Action(action), reason, **named))

    def end(self, state="completed", **named):
        return self.apply(TrialEnded, self.last, TrialState(state), **named)

    def trial(self, *rewards, state="completed", **proposal):
        """A whole trial that no rung has seen."""
        return self.propose(**proposal).start().report(*rewards).end(state)

    def end_run(self, reason="nothing is left to run"):
        return self.apply(RunEnded, reason)

    def explain(self, trial_id=None, **options):
        return explain_trial(self.history, self.last if trial_id is None else trial_id, **options)

    def section(self, title, trial_id=None):
        """A section of an explanation, without line breaks."""
        text = self.explain(trial_id)
        lines = text.split(f"\n{title}\n")[1].split("\n\n")[0].splitlines()
        return " ".join(" ".join(lines).split())

    @property
    def why(self):
        return self.section("Why it was proposed")

    @property
    def course(self):
        return self.section("What happened")

    @property
    def comparison(self):
        return self.section("How it compares")


@pytest.fixture
def story():
    """Makes the history of a run."""
    return Story


@pytest.fixture
def model_why():
    """The numbers behind a proposal by a model, some of them changed."""

    def make(**changed):
        why = {
            "observations": 9,
            "incumbent": 0.2,
            "improvement": 0.05,
            "fit": {"rows": 9, "evaluations": 12, "parameters": {"noise": 0.1}},
            "mean": 0.15,
            "sd": 0.02,
            "acquisition": -1.25,
            "evaluations": 7,
        }
        return {name: value for name, value in (why | changed).items() if value is not None}

    return make
