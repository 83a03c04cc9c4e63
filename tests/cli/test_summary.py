"""What is printed at the end: right, aligned, and whole on any terminal and in any pipe."""

import io
import re

import pytest
from rich.console import Console

from agcore.cli.summary import Summary, aligned
from agcore.history import RunHistory
from agcore.records import (
    Reported,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)
from agcore.tuning import TuneResult

SETTINGS = {
    "scheduler": "FIFOScheduler",
    "searcher": "random",
    "seed": 7,
    "reward_attr": "accuracy",
    "time_attr": "epoch",
    "mode": "max",
}


class FakeScheduler:
    """As much of a scheduler as a result asks for."""

    slots = 2

    def __init__(self, **settings):
        self.history = RunHistory()
        self.history.apply(RunStarted(100.0, 7, SETTINGS | settings, {}, {}))
        self.now_s = 100.0

    @property
    def trials(self):
        return self.history.trials

    def best(self):
        return self.history.best()

    def log_file(self, trial_id):
        return None

    def log(self, trial_id):
        return [f"line {i} of trial {trial_id}" for i in range(9)]

    def trial(self, values, state=TrialState.COMPLETED, config=None, **ending):
        trial_id = len(self.trials)
        config = {"lr": 0.1} if config is None else config
        self.history.apply(TrialProposed(trial_id, self.now_s, config, "random", suggest_s=0.01))
        self.history.apply(TrialStarted(trial_id, self.now_s))
        for resource, value in enumerate(values, start=1):
            self.now_s += 1
            metrics = {"accuracy": value}
            self.history.apply(Reported(trial_id, self.now_s, resource, value, metrics))
        self.now_s += 1
        self.history.apply(TrialEnded(trial_id, self.now_s, state, **ending))
        return self

    def end(self):
        self.history.apply(RunEnded(self.now_s, "done"))
        return self


def shown(scheduler, width=80, **options):
    stream = io.StringIO()
    options = {"highlight": False, "markup": False, "emoji": False, "_environ": {}} | options
    Summary(TuneResult(scheduler), Console(file=stream, width=width, **options)).write()
    return stream.getvalue()


def test_a_run_is_told_and_ends_with_the_best_config():
    scheduler = FakeScheduler().trial([0.5, 0.875], config={"lr": 0.012345678, "units": 64})
    scheduler.trial([0.25], TrialState.STOPPED).end()
    assert (
        shown(scheduler)
        == """\
FIFOScheduler, random, seed 7: 2 trials in 5 s

The best so far, each time it changed
  seconds  trial  epoch  accuracy
     1.00      0      1     0.500
     2.00      0      2     0.875

Where the time went: 5 s, 2 trials at once
              trials  seconds   share
  completed        1      3.0   30.0%
  stopped          1      2.0   20.0%
  idle slots              5.0   50.0%
  all slots        2     10.0  100.0%
  The searcher took 0.02 s to propose 2 configs.

Best accuracy: 0.875 in trial 0 at epoch 2
  lr     0.0123457
  units  64

"""
    )


def test_failures_are_grouped_and_the_last_is_shown():
    scheduler = FakeScheduler().trial([0.5])
    for n in range(6):
        trace = "Traceback (most recent call last):\n  ...\nValueError: bad"
        scheduler.trial([], TrialState.FAILED, error="ValueError: bad", traceback_text=trace)
        if n == 0:
            scheduler.trial([], TrialState.LOST, error="the process was killed by SIGKILL")
    text = shown(scheduler.end())
    assert "Failures: 7 of 8 trials\n" in text
    assert "  ValueError: bad  (6 trials: 1, 3, 4, 5, ...)\n" in text
    assert "  the process was killed by SIGKILL  (trial 2)\n" in text
    assert "  Traceback of trial 7:\n    Traceback (most recent call last):\n" in text
    assert "  Last output of trial 7:\n    line 4 of trial 7\n" in text
    assert "--debug-log" in text


def test_a_run_without_failures_does_not_speak_of_them():
    assert "Failures" not in shown(FakeScheduler().trial([0.5]).end())


def test_a_run_without_rewards_shows_where_its_time_went():
    text = shown(FakeScheduler().trial([]).end())
    assert "Best" not in text
    assert "best" not in text
    assert "completed" in text


def test_a_run_without_trials_can_be_told():
    assert "0 trials in 0 s" in shown(FakeScheduler().end())


def test_of_many_incumbents_the_first_and_last_are_shown():
    text = shown(FakeScheduler().trial([i / 100 for i in range(1, 100)]).end())
    table = text.split("The best so far")[1].split("\n\n")[0].splitlines()
    assert len(table) == 17
    assert table[2].split() == ["1.0", "0", "1", "0.01"]
    assert table[7].split() == ["..."] * 4
    assert table[-1].split() == ["99.0", "0", "99", "0.99"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_thirty_parameters_and_long_names_fit(width):
    config = {f"a_parameter_with_a_long_name_{i}": i / 7 for i in range(30)}
    config["text"] = "x" * 500
    scheduler = FakeScheduler().trial([0.123456789], config=config).end()
    text = shown(scheduler, width)
    for key in config:
        assert f"  {key}" in text
    assert "x" * 500 in text  # whole in a pipe, whatever its width
    table = text.split("The best so far, each time it changed\n")[1].split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= width


def test_a_name_of_a_metric_wider_than_the_terminal_is_folded():
    scheduler = FakeScheduler(reward_attr="q" * 70).trial([0.5]).end()
    table = shown(scheduler, 40).split("The best so far")[1].split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 40
    assert table.count("q") == 70


def test_a_narrow_terminal_breaks_sentences_between_words():
    scheduler = FakeScheduler().trial([0.123456789]).end()
    text = shown(scheduler, 40, force_terminal=True, color_system=None)
    assert "Best accuracy: 0.123457 in trial 0 at\nepoch 1\n" in text
    assert max(map(len, text.splitlines())) <= 40


def test_a_pipe_gets_no_escape_codes():
    assert "\x1b" not in shown(FakeScheduler().trial([0.5]).end())


def test_headings_are_bold_on_a_terminal_and_nothing_is_coloured():
    text = shown(FakeScheduler().trial([0.5]).end(), force_terminal=True, color_system="truecolor")
    assert "\x1b[1mBest accuracy" in text
    assert set(re.findall(r"\x1b\[[\d;]*m", text)) == {"\x1b[1m", "\x1b[0m"}


def test_what_is_printed_is_ascii_when_the_config_is():
    scheduler = FakeScheduler().trial([i / 100 for i in range(1, 100)])
    scheduler.trial([], TrialState.FAILED, error="e" * 500).end()
    assert shown(scheduler).isascii()
    assert shown(scheduler, 40).isascii()


def test_markup_in_values_is_text():
    text = shown(FakeScheduler().trial([0.5], config={"name": "[bold]x[/bold] :smile:"}).end())
    assert "'[bold]x[/bold] :smile:'" in text


def test_values_of_a_config_can_be_told_apart():
    config = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": None, "f": [1, 2]}
    text = shown(FakeScheduler().trial([0.5], config=config).end())
    for line in ("  a  1\n", "  b  1.0\n", "  c  True\n", "  d  '1'\n", "  e  None\n"):
        assert line in text
    assert "  f  [1, 2]\n" in text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.5, 0.75, 0.919192], ["0.500000", "0.750000", "0.919192"]),
        ([1.0, 2.0], ["1", "2"]),
        ([1e-9, 1.5], ["1e-09", "1.5"]),
        ([123456.789, 0.25], ["123456.79", "0.25"]),
        ([], []),
    ],
)
def test_rewards_have_as_many_decimals_as_the_longest(values, texts):
    assert aligned(values) == texts


OBJECTIVES = {
    "reward_attr": "_SCALARIZATION",
    "objectives": [["accuracy", "max"], ["latency", "min"]],
}


def with_latency(scheduler, points):
    """A trial for each (accuracy, latency), whose accuracy is its reward as well."""
    for accuracy, latency in points:
        scheduler.trial([accuracy])
        scheduler.history.events[-2].metrics["latency"] = latency
    return scheduler.end()


def test_of_several_objectives_the_front_is_shown_and_no_best():
    points = [(0.5, 10), (0.75, 20.5), (0.25, 12)]
    text = shown(with_latency(FakeScheduler(**OBJECTIVES), points))
    assert text.endswith(
        """\
Pareto front: 2 reports of 2 trials
  trial  epoch  accuracy  latency
      1      1      0.75     20.5
      0      1      0.50     10.0

"""
    )
    assert "best" not in text.lower()


def test_of_a_scalarisation_the_best_is_shown_too():
    settings = {**OBJECTIVES, "scalarization": {"algorithm": "mean"}}
    text = shown(with_latency(FakeScheduler(**settings), [(0.5, 10), (0.75, 20)]))
    assert "Best _SCALARIZATION: 0.75 in trial 1 at epoch 1" in text
    assert "Pareto front: 2 reports of 2 trials" in text


def test_a_long_front_is_cut_in_the_middle():
    points = [(x / 100, float(x)) for x in range(40)]
    text = shown(with_latency(FakeScheduler(**OBJECTIVES), points))
    table = text[text.index("Pareto front") :].splitlines()[2:-1]
    assert len(table) == 15
    assert table[7].split() == ["..."] * 4
    assert (table[0].split()[0], table[-1].split()[0]) == ("39", "0")


def test_of_several_objectives_without_a_report_there_is_no_front():
    scheduler = FakeScheduler(**OBJECTIVES).trial([], TrialState.FAILED, error="boom").end()
    assert "Pareto" not in shown(scheduler)


def test_a_simulated_run_is_called_one():
    words = "9 configs, epoch up to 9, accuracy; other configs: none"
    assert f"Simulated with the curves of {words}." in shown(
        FakeScheduler(simulated=words).trial([0.5]).end()
    )
    assert "imulated" not in shown(FakeScheduler().trial([0.5]).end())
