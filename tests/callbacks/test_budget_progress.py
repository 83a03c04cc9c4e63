import re

from agcore.callbacks import Progress, RunView
from agcore.history import RunHistory
from agcore.records import PlanChanged, RunStarted


def test_progress_says_when_a_budget_ends_and_what_is_planned():
    history, progress = RunHistory(), Progress()
    history.apply(RunStarted(1000.0, 0, {}, {}, {}))
    view = RunView(history, 4, None, 7200.0, "accuracy", "epoch", "a title", is_budget=True)
    progress.on_start(view)
    assert re.search(r"of 2 h 00 min, ends at \d\d:\d\d:\d\d, a title", progress.lines()[0])
    plan = {"num_trials": 230, "epochs": 27, "budget_s": 7200.0}
    progress.on_event(PlanChanged(1000.0, "the run begins", plan))
    assert progress.lines()[-1] == "plan: 230 trials, up to epoch 27; nothing measured yet"
    plan |= {"finish_p50_s": 7000.0, "finish_p95_s": 7300.0}
    progress.on_event(PlanChanged(1001.0, "a test", plan))
    assert progress.lines()[-1].endswith("done at p50 116 min 40 s, p95 2 h 00 min")
    assert max(map(len, progress.lines())) <= 80
    progress.on_end("a test")
