from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agcore.errors import SpecError
from agcore.executor.guard import TAG_VARIABLE
from agcore.executor.resources import TrialResources, cpu_count
from agcore.executor.surroundings import (
    THREAD_VARIABLES,
    Surroundings,
    home_folder,
    worker_environment,
)

# -- what a worker takes over --------------------------------------------------------------


def looks():
    def look(args, reporter):
        reporter(
            accuracy=1,
            directory=str(Path.cwd()),
            path=sys.path,
            argv=sys.argv,
            environment=dict(os.environ),
            stdin=sys.stdin.read(),
        )

    return look


def seen_by_trial(drive, **options):
    driver = drive(looks(), **options)
    driver.run(0)
    return driver.reports[0][0]


def test_a_trial_sees_directory_path_arguments_and_environment_of_its_parent(
    drive, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path, "relative/folder"])
    monkeypatch.setattr(sys, "argv", ["prog", "--option"])
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("MY_OWN", "value")
    seen = seen_by_trial(drive)
    assert seen["directory"] == str(tmp_path)
    assert seen["path"] == [str(tmp_path), *sys.path[1:]]
    assert seen["argv"] == ["prog", "--option"]
    assert seen["stdin"] == ""
    ours = {TAG_VARIABLE, *THREAD_VARIABLES}
    expected = {name: value for name, value in os.environ.items() if name not in ours}
    assert {n: v for n, v in seen["environment"].items() if n not in ours} == expected


@pytest.mark.parametrize("before", [None, "/some/where"])
def test_start_up_variables_are_put_back(drive, monkeypatch, before):
    for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
        monkeypatch.delenv(name, raising=False)
        if before:
            monkeypatch.setenv(name, before)
    seen = seen_by_trial(drive)["environment"]
    assert seen.get("PYTHONPATH") == before
    assert seen.get("PYTHONSAFEPATH") == before


@pytest.mark.parametrize("name", ["random.py", "json.py", "socket.py", "agcore.py", "pickle.py"])
def test_a_file_of_the_working_directory_does_not_stand_in_for_a_module(
    drive, tmp_path, monkeypatch, name
):
    (tmp_path / name).write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(tmp_path)
    assert seen_by_trial(drive)["directory"] == str(tmp_path)


def test_a_script_may_have_such_files_in_its_working_directory(script, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "random.py").write_text("raise RuntimeError('the wrong module')")
    (tmp_path / "script.py").write_text("""
import agcore as ag
@ag.args(x=ag.Real(0, 1))
def train(args, reporter):
    reporter(accuracy=1)
ag.scheduler.FIFOScheduler(train, num_trials=2, progress=False).run()
print("DONE")
""")
    program = script(command=[sys.executable, "../script.py"], folder=tmp_path / "elsewhere")
    output, code = program.output()
    assert (output, code) == ("DONE\n", 0)


def test_a_deleted_working_directory_is_an_error_that_says_so(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(SpecError, match="the working directory has been deleted"):
        Surroundings.of_this_process()


def test_surroundings_survive_the_journey():
    here = Surroundings.of_this_process(use_death_signal=False)
    assert Surroundings.decode(here.encode()) == here
    assert here.directory == str(Path.cwd())
    assert here.parent_pid == os.getpid()


# -- the environment in which it starts ----------------------------------------------------


def test_thread_limits_are_set_unless_the_users_own_are_lower(monkeypatch):
    users = ("2", "8", "nonsense", "0", "4,2", "²")
    for name, value in zip(THREAD_VARIABLES, users, strict=True):
        monkeypatch.setenv(name, value)
    environment = worker_environment(4, "tag", ())
    assert [environment[name] for name in THREAD_VARIABLES] == ["2", "4", "4", "4", "4", "4"]


def test_tags_of_nested_runs_add_up(monkeypatch):
    monkeypatch.setenv(TAG_VARIABLE, "outer.")
    assert worker_environment(1, "inner.", ())[TAG_VARIABLE] == "outer.inner."


def test_agcore_is_found_before_anything_else(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", "/some/where", "relative"]))
    environment = worker_environment(1, "", ("3", "GPU-1"))
    assert environment["PYTHONPATH"].split(os.pathsep) == [home_folder(), "/some/where"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "3,GPU-1"
    assert (Path(home_folder()) / "agcore" / "__init__.py").exists()


@pytest.mark.parametrize(("num_cpus", "threads"), [(1, 1), (2, 2), (10_000, cpu_count())])
def test_numeric_libraries_use_as_many_threads_as_a_trial_has_cpus(
    drive, monkeypatch, num_cpus, threads
):
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def counts(args, reporter):
        import numpy
        import threadpoolctl

        pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        limits = [os.environ[name] for name in THREAD_VARIABLES]
        reporter(accuracy=1, pools=pools, limits=limits, numpy=numpy.__version__)

    pytest.importorskip("threadpoolctl")
    driver = drive(counts, resources=TrialResources(num_cpus))
    driver.run(0)
    (report,) = driver.reports[0]
    assert report["limits"] == [str(min(num_cpus, cpu_count()))] * len(THREAD_VARIABLES)
    assert all(pool <= threads for pool in report["pools"])


def test_a_module_that_runs_a_scheduler_when_it_is_imported_does_not_nest_runs(tmp_path):
    (tmp_path / "unguarded.py").write_text(
        "import agcore as ag\n"
        "@ag.args(x=ag.Real(0, 1))\n"
        "def train(args, reporter):\n"
        "    reporter(accuracy=args.x)\n"
        "scheduler = ag.scheduler.FIFOScheduler(train, num_trials=2, progress=False)\n"
        "scheduler.run()\n"
        "print('done')\n"
    )
    # Run as a script it is fine; imported, its workers would import it and run it again.
    env = {**os.environ, "PYTHONPATH": home_folder()}
    command = [sys.executable, "unguarded.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "done\n"
    command = [sys.executable, "-c", "import unguarded"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "put the call below: if __name__ == '__main__':" in done.stderr
