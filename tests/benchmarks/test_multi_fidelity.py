"""The multi-fidelity benchmark: what its tables say, and that runs are kept."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import multi_fidelity_report as report  # noqa: E402  a script's module, not a package's

OWN, OTHER = report.RIVALS


@dataclass
class Problem:
    name: str = "made"
    budgets: tuple = (10, 20, 40)
    points: float = 100.0
    full_length_s: float = 1.0
    candidates: tuple = ()


@dataclass
class Run:
    """A run with one worker in which a full-length evaluation takes a second."""

    method: str
    seed: int
    improvements: list
    budget_s: float = 40.0
    problem: str = "made"
    full_length_s: float = 1.0
    workers: int = 1
    trials: int = 3
    cpu_s: float = 0.5


RUNS = [
    Run(report.BASELINE, 0, [(1.0, 0.5), (15.0, 0.8), (30.0, 0.9)]),
    Run(report.BASELINE, 1, [(1.0, 0.5), (30.0, 0.7)]),
    Run(report.BASELINE, 2, [(1.0, 0.1)]),
    Run(OWN, 0, [(1.0, 0.6), (10.0, 0.9), (12.0, 1.0)]),
    Run(OWN, 1, [(1.0, 0.6), (10.0, 0.8)]),
    Run(OTHER, 0, [(1.0, 0.7), (9.0, 0.8)], budget_s=10.0),
    Run(OTHER, 1, [(1.0, 0.7)], budget_s=10.0),
]


@pytest.fixture
def results():
    return report.Results(RUNS, [report.BASELINE, OWN, OTHER], [Problem()])


def test_regret_is_the_distance_to_the_best_of_all_runs_when_the_budget_is_used_up(results):
    problem = results.problems[0]
    assert results.at_budget(problem, OWN, 10) == pytest.approx([10, 20])  # at 10 s, not before
    assert results.at_budget(problem, OWN, 20) == pytest.approx([0, 20])
    assert results.at_budget(problem, report.BASELINE, 40) == pytest.approx([10, 30, 90])


def test_a_run_with_less_than_the_whole_budget_says_nothing_of_the_rest(results):
    problem = results.problems[0]
    assert results.at_budget(problem, OTHER, 10) == pytest.approx([20, 30])
    assert all(regret != regret for regret in results.at_budget(problem, OTHER, 20))


def test_methods_are_compared_over_the_seeds_of_both(results, capsys):
    problem = results.problems[0]
    assert results.common_seeds(problem, report.BASELINE, OWN) == [0, 1]
    # Of these two the baseline ends at regret 20 after 30 s; it has 43 over all three.
    assert report.speed_ups(results, OWN) == {"made": pytest.approx(30 / 10)}
    assert report.speed_ups(results, report.BASELINE) == {"made": 1.0}
    assert report.speed_ups(results, OTHER) == {"made": 0.0}  # 25 at its end

    report.print_report(results)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith("2 seeds")]
    assert len(lines) == 1, "compared where both have runs, seed by seed"
    assert lines[0].split()[:5] == ["made", "10", "evaluations", "15.00", "25.00"]
    assert "-10.00 [-10.00, -10.00]" in lines[0]


def test_methods_are_ranked_where_all_have_runs(results):
    quarter, whole = results.ranks(0), results.ranks(2)
    assert {method: list(ranks) for method, ranks in quarter.items()} == {
        report.BASELINE: [3, 3],
        OWN: [1, 1],
        OTHER: [2, 2],
    }
    assert set(whole) == {report.BASELINE, OWN}


def test_equal_regrets_share_their_rank():
    runs = [Run(method, 0, [(1.0, 0.5)]) for method in (report.BASELINE, OWN)]
    ranks = report.Results(runs, [report.BASELINE, OWN], [Problem()]).ranks(0)
    assert {method: list(values) for method, values in ranks.items()} == {
        report.BASELINE: [1.5],
        OWN: [1.5],
    }


def benchmark(*arguments):
    return subprocess.run(
        [sys.executable, "benchmarks/multi_fidelity.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_runs_are_kept_continued_and_drawn(tmp_path):
    cache = tmp_path / "runs.jsonl.gz"
    options = ["--problems", "letter recorded", "--methods", "random,ASHA promotion"]
    options += ["--peers", "", "--processes", "1", "--cache", str(cache)]
    first = benchmark(*options, "--seeds", "1")
    assert first.returncode == 0, first.stderr
    assert "LCBench is left out" in first.stderr

    more = benchmark(*options, "--seeds", "2", "--figure", str(tmp_path / "regret.png"))
    assert more.returncode == 0, more.stderr
    with gzip.open(cache, "rt") as file:
        runs = [json.loads(line) for line in file]
    assert [(run["method"], run["seed"]) for run in runs] == [
        ("random", 0),
        ("ASHA promotion", 0),
        ("random", 1),
        ("ASHA promotion", 1),
    ]
    for run in runs:
        times_s, accuracies = zip(*run["improvements"], strict=True)
        assert list(times_s) == sorted(times_s)
        assert list(accuracies) == sorted(set(accuracies))
        assert times_s[-1] <= run["budget_s"]
        assert run["epochs"] >= run["trials"] > 4
    assert (tmp_path / "regret.png").read_bytes().startswith(b"\x89PNG")

    told = benchmark(*options, "--report-only")
    assert told.stdout.splitlines()[1:] == more.stdout.splitlines()[1:]


def test_what_does_not_exist_is_told():
    wrong = benchmark("--methods", "randon", "--report-only")
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines()[-1].startswith("unknown: randon; there are random, ASHA")
