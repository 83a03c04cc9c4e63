"""``agcore replay``: what it prints, and how it answers wrong calls."""

import io
import math

import pytest
from rich.console import Console

import agcore as ag
from agcore.cli.replay_report import ReplayReport
from agcore.executor.simulated import SimulatedExecutor
from agcore.whatif import LateBloomer, ReplayResult, RunFigures

SETTINGS = {
    "scheduler": "FIFOScheduler",
    "searcher": "random",
    "reward_attr": "accuracy",
    "time_attr": "epoch",
    "mode": "max",
}


def curve(config):
    """That of ``train`` in the file of train functions."""
    for epoch in range(1, 10):
        yield {"epoch": epoch, "accuracy": config["x"] * (1 - 0.5**epoch)}, 2.0


def crossing(config):
    """Curves whose ranking changes from epoch to epoch."""
    for epoch in range(1, 28):
        wave = math.sin(50 * config["x"] * epoch)
        yield {"epoch": epoch, "accuracy": config["x"] + 0.3 * wave}, 2.0


def breaking(config):
    yield {"epoch": 1, "accuracy": 1.0}, 2.0
    raise ValueError("no")


def record(folder, curve, num_trials=12):
    space = {"x": ag.Real(0, 1), "kind": ag.Categorical("a", "b")}
    scheduler = ag.scheduler.FIFOScheduler(
        ag.args(**space)(lambda args, reporter: None),
        num_trials=num_trials,
        max_failures=None,
        executor=SimulatedExecutor(curve, 2),
        checkpoint=folder / "run-1",
    )
    scheduler.run()


@pytest.fixture
def run(folder):
    """The directory of a run that let every trial go to its end."""
    record(folder, curve)
    return "run-1"


def result(**changed):
    values = {
        "recorded": RunFigures("recorded", 0.875, 7, 12.5, 375.25, 8100, 300, 0),
        "simulated": (
            RunFigures(
                *("hbs", 0.75, 11, 2.5, 24.5, 1022, 300, 283, (3, 4)),
                (LateBloomer(7, 1, 33, 86, 1, 0.875), LateBloomer(9, 3, 2, 5, 3, 0.7)),
                5,
            ),
            RunFigures("fifo", 0.875, 7, 6.0, 194.0, 8100, 300, 0),
        ),
        "settings": SETTINGS,
        "max_t": 27,
        "num_workers": 4,
        "num_known": 295,
        "num_left_out": 0,
        "top": 30,
        "has_ended": True,
    }
    return ReplayResult(**(values | changed))


def shown(replayed, width=80, **options):
    stream = io.StringIO()
    options = {"highlight": False, "markup": False, "emoji": False, "_environ": {}} | options
    console = Console(file=stream, width=width, **options)
    ReplayReport(replayed, "run-1", "configs in recorded order", console=console).write()
    return stream.getvalue()


def test_the_recorded_run_stands_beside_the_simulated_ones():
    text = shown(result(), force_terminal=True, color_system=None)
    assert (
        text
        == """\
run-1: FIFOScheduler random, 300 trials
  Simulated from its curves: 4 workers, epoch up to 27, configs in recorded
  order, promoted trials go on.

Best accuracy and what it took
            accuracy  trial  found s  total s  epochs  started  stopped  unknown
  recorded     0.875      7     12.5    375.2   8,100      300        0        -
  hbs          0.750     11      2.5     24.5   1,022      300      283        2
  fifo         0.875      7      6.0    194.0   8,100      300        0        0
  found: when the best was first reported. stopped: stopped early, or paused and
  never resumed. unknown: asked to go on where their record ends, and ended
  there.

Late bloomers: hbs stopped 2 of the best early
  trial  stopped at epoch  rank there  final rank  accuracy
      7                 1    33 of 86           1     0.875
      9                 3      2 of 5           3     0.700
  The best: final ranks 1 to 30 of 295 trials recorded to the end, or better
  than its best. Of 5 stopped trials the end is not on record; there may be late
  bloomers among them.

"""
    )


def test_long_names_and_large_numbers_fit_eighty_columns():
    settings = SETTINGS | {"reward_attr": "validation_performance", "time_attr": "iteration"}
    large = RunFigures("recorded", 0.87512345, 12345, 1e5, 3e5, 1234567, 12345, 12345)
    text = shown(result(settings=settings, recorded=large), force_terminal=True, color_system=None)
    assert max(map(len, text.splitlines())) <= 80
    assert "Best validation_performance" in text


def test_what_cannot_be_known_is_said():
    nothing = RunFigures("hbp", None, None, None, 5.0, 3, 3, 3)
    text = shown(result(simulated=(nothing,), has_ended=False, num_left_out=2))
    assert "Note: the run has no end on record" in text
    assert "Note: 2 trials without a report cannot be replayed.\n" in text
    assert "Late bloomers: hbp stopped none of the best\n" in text


def test_a_record_that_was_simulated_is_called_one(agcore, run):
    text = agcore("replay", run, "--scheduler", "fifo").stdout
    assert "Note: the run was simulated itself, with the curves of curve.\n" in text
    assert "Note" not in shown(result())


def test_of_many_late_bloomers_ten_are_shown():
    late = tuple(LateBloomer(i, 1, 9, 9, i + 1, 0.5) for i in range(12))
    figures = RunFigures("hbs", 0.5, 0, 1.0, 1.0, 9, 12, 12, (), late)
    text = shown(result(simulated=(figures,)))
    assert "stopped 12 of the best early" in text
    assert "  ... and 2 more\n" in text


def test_a_run_is_replayed(agcore):
    agcore(
        *("tune", "train.py:train", "--num-trials", "12", "--workers", "2", "--no-plot"),
        *("--checkpoint", "run-1", "--quiet"),
    )
    done = agcore("replay", "run-1", "--scheduler", "fifo,hbs", "--scheduler", "median")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("run-1: FIFOScheduler random, 12 trials\n")
    assert "2 workers, epoch up to 9, configs in recorded order" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    named = {row[0]: row for row in rows}
    assert {"recorded", "fifo", "hbs", "median"} <= set(named)
    assert named["fifo"][1:3] == named["recorded"][1:3]
    assert named["fifo"][5:] == ["108", "12", "0", "0"]


def test_options_reach_the_scheduler(agcore, run):
    done = agcore(
        *("replay", run, "--scheduler", "hbp", "--reduction-factor", "4", "--workers", "4"),
        *("--grace-period", "2", "--max-t", "8", "--restarts", "--top", "50"),
    )
    assert done.returncode == 0, done.stderr
    assert "4 workers, epoch up to 8" in done.stdout
    assert "promoted trials begin anew" in done.stdout
    assert "final ranks 1 to 6 of 12 trials" in done.stdout


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [
        ("hbs,hbp", {"rung_levels": [2, 4]}),
        ("hbs,hbp", {"delay_promotion": True}),
        ("median", {"grace_period": 2, "min_samples": 2, "num_spared": 3}),
        ("pasha", {"epsilon": 0.0}),
        ("pasha", {"epsilon_percentile": 0.0}),
    ],
)
def test_options_mean_what_they_mean_in_python(agcore, folder, scheduler, options):
    record(folder, crossing, 40)
    arguments = []
    for name, value in options.items():
        arguments.append(f"--{name.replace('_', '-')}")
        if value is not True:
            arguments.append(",".join(map(str, value)) if isinstance(value, list) else str(value))
    done = agcore("replay", "run-1", "--scheduler", scheduler, "--workers", "1", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    names, run = scheduler.split(","), folder / "run-1"
    replayed = ag.replay(run, scheduler=names, num_workers=1, **options)
    assert replayed != ag.replay(run, scheduler=names, num_workers=1)
    for figures in replayed.simulated:
        [row] = [line.split() for line in done.stdout.splitlines() if _is_of(line, figures)]
        assert row[-4:-1] == [f"{figures.resource:,}", str(figures.started), str(figures.stopped)]


def _is_of(line, figures):
    return line.split()[:1] == [figures.scheduler] and line.startswith("  ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--searcher", "random", "--seed", "2"], "configs in random order"),
        (
            ["--searcher", "random", "--between", "nearest", "--function", "train.py:train"],
            "configs from searcher random, the nearest recorded trial for each",
        ),
    ],
)
def test_other_searchers_propose(agcore, run, arguments, words):
    done = agcore("replay", run, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout


def test_help_fits_eighty_columns_and_has_examples(agcore):
    text = agcore("replay", "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "Examples:\n    agcore tune" in text
    assert "Exit codes:" in text
    assert "What is tuned" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'RUN'"),
        (["nowhere"], "Error: there is no run in 'nowhere'"),
        (["nowhere", "--scheduler", "hb"], "'hb' is not one of fifo, hbs"),
        (["nowhere", "--scheduler", "fifo", "--brackets", "2"], "--brackets has no effect"),
        (["nowhere", "--between", "nearest"], "--between has no effect with --searcher recorded"),
        (["nowhere", "--searcher", "bayesopt"], "pass --function FILE.py:FN"),
        (["nowhere", "--scheduler", "pbt"], "scheduler='pbt' changes configs while it trains"),
        (["nowhere", "--scheduler", "hbs,pbt"], "scheduler='pbt' changes configs while it trains"),
        (["nowhere", "--between", "interpolate"], "would make up curves that no trial has"),
        (["nowhere", "--between", "all"], "between='all' must be one of 'nearest'"),
        (["nowhere", "--rung-levels", "1,x"], "'1,x' must be whole numbers, as 1,3,9"),
        (["nowhere", "--rung-levels", "1,3", "--scheduler", "sync"], "name one of hbs, hbp"),
        (["nowhere", "--rung-levels", "1,3", "--grace-period", "2"], "beside --rung-levels"),
        (["nowhere", "--delay-promotion", "--scheduler", "hbs"], "name one of hbp"),
        (["nowhere", "--num-spared", "2"], "--num-spared has no effect"),
        (["nowhere", "--epsilon", "-1", "--scheduler", "pasha"], "Invalid value for '--epsilon'"),
        (["nowhere", "--top", "0"], "Invalid value for '--top'"),
    ],
)
def test_wrong_calls_are_answered_with_exit_code_2(agcore, arguments, message):
    done = agcore("replay", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_without_reports_has_exit_code_2(agcore, folder):
    record(folder, lambda config: [], 2)
    done = agcore("replay", "run-1")
    assert done.returncode == 2
    assert "no trial of the run has reported 'accuracy'" in done.stderr


def test_a_run_that_found_nothing_that_counts_has_exit_code_1(agcore, folder):
    record(folder, breaking, 2)
    done = agcore("replay", "run-1", "--scheduler", "fifo")
    assert done.returncode == 1
    assert "fifo" in done.stdout
    assert done.stderr == "Error: no simulated trial has a reward that counts\n"
