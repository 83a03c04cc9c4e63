import subprocess
import sys

import pytest

from agcore.errors import JournalError
from agcore.run_directory import RunDirectory, write_json


def test_paths_of_a_trial_sort_as_their_numbers(tmp_path):
    directory = RunDirectory.make(tmp_path / "deep" / "run")
    assert directory.path.is_dir()
    trials = directory.trials
    assert trials.log(7) == directory.path / "trials" / "0007" / "log.txt"
    assert sorted([trials.trial(10), trials.trial(9)])[0] == trials.trial(9)


def test_a_directory_holds_a_run_once_a_whole_event_is_there(tmp_path):
    directory = RunDirectory.make(tmp_path)
    assert not directory.holds_a_run
    directory.journal.write_text('{"event":"RunSta')
    assert not directory.holds_a_run
    directory.journal.write_text('{"event":"RunStarted"}\n')
    assert directory.holds_a_run


def test_a_description_is_read_back_and_a_damaged_one_named(tmp_path):
    directory = RunDirectory.make(tmp_path)
    assert directory.read_description() == {}
    directory.write_description({"space": {"x": "Real"}})
    assert directory.read_description() == {"space": {"x": "Real"}}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    directory.description.write_text("{")
    with pytest.raises(JournalError, match=r"run.json cannot be read"):
        directory.read_description()


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="is a directory now"):
        RunDirectory.make(tmp_path / "file")
    with pytest.raises(JournalError, match="cannot be made"):
        RunDirectory.make(tmp_path / "file" / "below")
    with pytest.raises(JournalError, match="cannot be written"):
        write_json(tmp_path / "none" / "x.json", {})


def test_one_process_at_a_time_holds_the_lock_and_its_end_frees_it(tmp_path):
    script = (
        "import sys, time\n"
        "from agcore.run_directory import RunDirectory\n"
        "with RunDirectory.make(sys.argv[1]).locked():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        directory = RunDirectory.make(tmp_path)
        who = f"process {holder.pid} on " if sys.platform == "linux" else "another process"
        with pytest.raises(JournalError, match=f"in use by {who}"), directory.locked():
            pass
        waits = pytest.raises(JournalError, match=r"after 0\.02 seconds; wait until")
        with waits, directory.locked(wait_s=0.02):
            pass
        holder.kill()
        holder.communicate()
    with directory.locked():
        pass
