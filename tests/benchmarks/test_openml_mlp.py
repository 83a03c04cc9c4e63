"""The benchmark on tasks of OpenML: runs are kept, and are not made again."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.conftest import SmallTask

ROOT = Path(__file__).resolve().parents[2]
SIMULATED = ("--simulate", "--seeds", "1", "--time-out", "1.5", "--processes", "1")


def benchmark(out, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "benchmarks/openml_mlp.py", "--out", str(out), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder of results, and what was printed."""
    out = tmp_path_factory.mktemp("openml_mlp") / "results"
    done = benchmark(out, *SIMULATED, "--schedulers", "fifo,hbs", "--searchers", "random,bayesopts")
    assert done.returncode == 0, done.stderr
    return out, done


def test_runs_improve_within_their_time_and_are_tabled(first):
    rows = list(csv.DictReader((first[0] / "incumbents.csv").read_text().splitlines()))
    assert {(row["scheduler"], row["searcher"]) for row in rows} == {
        ("fifo", "random"),
        ("hbs", "random"),
    }
    for scheduler in ("fifo", "hbs"):
        own = [row for row in rows if row["scheduler"] == scheduler]
        errors = [float(row["error"]) for row in own]
        times_s = [float(row["runtime_s"]) for row in own]
        assert errors == sorted(set(errors), reverse=True)
        assert times_s == sorted(times_s)
        assert times_s[0] > 0
        assert times_s[-1] <= 1.5
        assert 0.06 < errors[-1] < 0.8
        assert {int(row["epoch"]) for row in own} <= set(range(1, 10))
    assert {(row["task"], row["framework"], row["epochs"]) for row in rows} == {
        ("6", "recorded", "9")
    }


def test_what_does_not_go_is_left_out_with_a_message(first):
    assert "fifo bayesopts is left out" in first[1].stderr
    assert "did you mean 'bayesopt'" in first[1].stderr


def test_medians_are_printed_and_drawn(first):
    assert "hbs random" in first[1].stdout
    assert (first[0] / "incumbents.png").read_bytes().startswith(b"\x89PNG")


def test_runs_that_are_there_are_not_made_again_and_a_torn_one_is(first, tmp_path):
    kept = (first[0] / "runs.jsonl").read_text()
    lines = [json.loads(line) for line in kept.splitlines()]
    lines[0]["trials"] = 12345  # nothing that a run would find
    torn = json.dumps(lines[1])[:80]
    (tmp_path / "runs.jsonl").write_text(json.dumps(lines[0]) + "\n" + torn)
    done = benchmark(tmp_path, *SIMULATED, "--schedulers", "fifo,hbs", "--searchers", "random")
    assert done.returncode == 0, done.stderr
    now = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert now[0] == lines[0]
    assert now[1] | {"took_s": 0} == lines[1] | {"took_s": 0}


def test_curves_of_another_task_do_not_exist(tmp_path):
    done = benchmark(tmp_path, "--simulate", "--task", "31")
    assert done.returncode == 2
    assert "curves are recorded of task 6 only" in done.stderr


def test_another_task_is_taken_from_the_cache_of_openml_and_really_trained(tmp_path):
    rows = range(60)
    columns = {
        "a": ("REAL", [float(row % 7) for row in rows]),
        "b": ("REAL", [float(row % 11) for row in rows]),
        "class": (("no", "yes"), [("no", "yes")[row % 7 > 3] for row in rows]),
    }
    SmallTask(columns).write_to(tmp_path / "cache/org/openml/www")
    done = benchmark(
        tmp_path / "out",
        *("--task", "31", "--schedulers", "fifo", "--searchers", "random", "--seeds", "1"),
        *("--epochs", "2", "--workers", "1", "--time-out", "6"),
        OPENML_CACHE_DIR=str(tmp_path / "cache"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
    )
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr
    made = json.loads((tmp_path / "out/runs.jsonl").read_text())
    assert (made["job"]["task"], made["job"]["framework"]) == (31, "sklearn")
    assert made["trials"] >= 1


def test_a_task_that_cannot_be_had_is_one_clear_error(tmp_path):
    done = benchmark(
        tmp_path / "out",
        *("--task", "31"),
        OPENML_CACHE_DIR=str(tmp_path / "cache"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        HTTPS_PROXY="http://127.0.0.1:9",  # where nobody listens
        HTTP_PROXY="http://127.0.0.1:9",
        NO_PROXY="",
    )
    assert done.returncode == 2
    assert "OpenML task 31 is neither complete in the cache" in done.stderr
    assert not (tmp_path / "out").exists()
