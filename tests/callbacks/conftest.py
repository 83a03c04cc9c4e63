"""A scripted run that callbacks can watch."""

import pytest

from agcore.callbacks import RunView
from agcore.history import RunHistory
from agcore.records import (
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)


class ScriptedRun:
    """Applies events to a history and tells a callback of them, as the loop does."""

    def __init__(self, callback, *, sign=1, num_trials=None, time_out=None, reward_attr="acc"):
        self.history = RunHistory(sign)
        self.view = RunView(
            self.history, 2, num_trials, time_out, reward_attr, "epoch", "FIFOScheduler, random"
        )
        self.callback = callback
        self.sign = sign
        self.now_s = 1000.0

    def start(self):
        if self.history.events:
            self.history.apply(RunResumed(self.now_s, None, None))
        else:
            self.history.apply(RunStarted(self.now_s, 0, {}, {}, {}))
        self.callback.on_start(self.view)

    def tick(self, seconds=0.0):
        self.now_s += seconds
        self.callback.on_tick(self.now_s)

    def _record(self, event):
        self.history.apply(event)
        self.callback.on_event(event)

    def trial(self, trial_id, config=None):
        self._record(TrialProposed(trial_id, self.now_s, config or {"lr": 0.1}, "random"))
        self._record(TrialStarted(trial_id, self.now_s))

    def resume(self, trial_id):
        self._record(TrialStarted(trial_id, self.now_s, attempt=1, resume_from=1))

    def report(self, trial_id, value, resource=1):
        reward = self.sign * value
        metrics = {self.view.reward_attr: value, "epoch": resource}
        self._record(Reported(trial_id, self.now_s, resource, reward, metrics))

    def end_trial(self, trial_id, state=TrialState.COMPLETED):
        self._record(TrialEnded(trial_id, self.now_s, state))

    def end(self):
        self.history.apply(RunEnded(self.now_s, "done"))
        self.callback.on_end("done")


@pytest.fixture
def scripted():
    return ScriptedRun
