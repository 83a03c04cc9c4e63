from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from agcore.executor.logs import LINES_PER_TRIAL, LogFiles, LogTails, log_tail, trial_logs
from agcore.jobs import Outcome
from agcore.trial_folders import TrialFolders


def naive(data):
    """The last lines of all that was written, by definition."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    shown = [line[-8192:].decode(errors="replace").rstrip("\r") for line in lines]
    return [line.rsplit("\r", 1)[-1] for line in shown][-LINES_PER_TRIAL:]


text = st.lists(
    st.sampled_from([b"a", b"\n", b"\r", b"\xff", "é".encode(), b"x" * 5000, b"\n" * 90])
)


@given(chunks=st.lists(st.tuples(st.integers(0, 2), text.map(b"".join)), max_size=15))
def test_logs_equal_the_plain_definition_however_the_output_is_cut(chunks):
    logs, written = LogTails(), {}
    for trial_id, data in chunks:
        logs.write(trial_id, data)
        written[trial_id] = written.get(trial_id, b"") + data
    for trial_id in range(3):
        assert logs.read(trial_id) == naive(written.get(trial_id, b""))


def test_memory_is_bounded_and_the_oldest_logs_go_first():
    logs = LogTails(memory_bytes=100_000)
    for trial_id in range(1000):
        logs.write(trial_id, b"x\n" * 10)
        logs.write(0, b"still here\n")
    kept = [trial_id for trial_id in range(1000) if logs.read(trial_id)]
    assert kept[0] == 0
    assert kept[1:] == list(range(1001 - len(kept), 1000))
    assert 20 < len(kept) < 80


def test_one_trial_is_kept_whatever_it_takes():
    logs = LogTails(memory_bytes=10)
    logs.write(1, b"one\n")
    logs.write(2, b"two\n" * 1000)
    assert logs.read(1) == []
    assert logs.read(2) == ["two"] * LINES_PER_TRIAL


def test_lines_of_megabytes_keep_their_end_only():
    logs = LogTails()
    for _ in range(50):
        logs.write(0, b"x" * 100_000)
    logs.write(0, b"END")
    (line,) = logs.read(0)
    assert len(line) == 8192
    assert line.endswith("xEND")


# -- through worker processes --------------------------------------------------------------


def test_megabytes_of_output_do_not_hold_up_a_trial(drive):
    def prints(args, reporter):
        for i in range(60_000):
            print(f"line {i} " + "." * 100)
        reporter(accuracy=1)

    driver = drive(prints)
    assert driver.run(0).outcome is Outcome.RETURNED
    assert driver.executor.log(0)[0] == f"line {60_000 - LINES_PER_TRIAL} " + "." * 100
    assert driver.executor.log(0)[-1] == "line 59999 " + "." * 100


def test_what_is_printed_without_newline_or_in_no_encoding_is_kept(drive):
    def prints(args, reporter):
        if args.task_id == 0:
            print("no newline", end="")
        elif args.task_id == 1:
            sys.stdout.buffer.write(b"\xff\xfe raw\n")
        elif args.task_id == 2:
            print("\ud800 surrogate")
        else:
            sys.stderr.write("é to stderr")

    driver = drive(prints)
    for trial_id in range(4):
        assert driver.run(trial_id).outcome is Outcome.RETURNED
    logs = [driver.executor.log(trial_id) for trial_id in range(4)]
    assert logs == [["no newline"], ["�� raw"], ["\\ud800 surrogate"], ["é to stderr"]]


def test_lines_of_stdout_and_stderr_keep_their_order(drive):
    def prints(args, reporter):
        for i in range(500):
            print(i, file=sys.stderr if i % 3 else sys.stdout)

    driver = drive(prints)
    driver.run(0)
    assert driver.executor.log(0) == [str(i) for i in range(300, 500)]


def test_each_line_is_in_the_log_of_the_trial_that_printed_it(drive):
    def prints(args, reporter):
        for _ in range(3):
            print(f"trial {args.task_id}")
            reporter(accuracy=1)
        os.write(1, f"last words of {args.task_id}".encode())

    driver = drive(prints)
    for trial_id in range(20):
        driver.run(trial_id)
    for trial_id in range(20):
        expected = [f"trial {trial_id}"] * 3 + [f"last words of {trial_id}"]
        assert driver.executor.log(trial_id) == expected


def test_what_was_printed_last_is_the_trials_though_its_end_is_noticed_first(drive, monkeypatch):
    driver = drive(lambda args, reporter: print(f"trial {args.task_id}"))
    select = driver.executor._selector.select

    def output_never(timeout_s):
        return [e for e in select(timeout_s) if e[0].data[0].__name__ != "_on_output"]

    monkeypatch.setattr(driver.executor._selector, "select", output_never)
    for trial_id in range(5):
        driver.run(trial_id)
    assert [driver.executor.log(i) for i in range(5)] == [[f"trial {i}"] for i in range(5)]


def test_what_c_libraries_print_belongs_to_the_trial_as_well(drive):
    def prints(args, reporter):
        import ctypes

        ctypes.CDLL(None).puts(f"C of {args.task_id}".encode())

    driver = drive(prints)
    for trial_id in range(3):
        driver.run(trial_id)
    assert [driver.executor.log(i) for i in range(3)] == [["C of 0"], ["C of 1"], ["C of 2"]]


def test_progress_bars_show_their_last_state(drive):
    def progresses(args, reporter):
        for percent in range(101):
            print(f"\rdone {percent}%", end="", file=sys.stderr)
        print("\rDONE", end="\r\n")

    driver = drive(progresses)
    driver.run(0)
    assert driver.executor.log(0) == ["DONE"]


def test_children_of_a_trial_print_into_its_log(drive):
    def starts(args, reporter):
        print("before")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        print("after")

    driver = drive(starts)
    driver.run(0)
    assert driver.executor.log(0) == ["before", "from a child", "after"]


@pytest.mark.parametrize("closes", ["python's", "the system's"])
def test_a_trial_that_closes_its_streams_harms_nobody(drive, closes):
    def closes_streams(args, reporter):
        if args.task_id == 0:
            print("before")
            if closes == "python's":
                sys.stdout.close()
                sys.stderr.close()
            else:
                os.close(1)
                os.close(2)
        else:
            print("heard")
        reporter(accuracy=1)

    driver = drive(closes_streams)
    assert driver.run(0).outcome is Outcome.RETURNED
    assert driver.run(1).outcome is Outcome.RETURNED
    assert driver.executor.log(0) == ["before"]


def test_a_trial_that_redirects_its_streams_does_so_for_itself_only(drive, tmp_path):
    def redirects(args, reporter):
        if args.task_id == 0:
            sys.stdout = (tmp_path / "file").open("w")
        print(f"from {args.task_id}")

    driver = drive(redirects)
    driver.run(0)
    driver.run(1)
    assert driver.executor.log(0) == []
    assert driver.executor.log(1) == ["from 1"]
    assert (tmp_path / "file").read_text() == "from 0\n"


def test_the_traceback_of_a_crash_in_c_is_in_the_log(drive):
    def crashes(args, reporter):
        import ctypes

        ctypes.string_at(0)

    driver = drive(crashes)
    end = driver.run(0)
    assert end.outcome is Outcome.VANISHED
    assert end.exit_code == -11
    assert end.error == "the worker process vanished (signal SIGSEGV)"
    log = "\n".join(driver.executor.log(0))
    assert "Segmentation fault" in log
    assert "in crashes" in log


# -- files ---------------------------------------------------------------------------------


def test_files_are_made_at_the_first_byte_and_hold_everything(tmp_path):
    folders = TrialFolders(tmp_path / "trials")
    logs = LogFiles(folders)
    assert logs.read(3) == []
    assert not folders.root.exists()
    for number in range(300):
        logs.write(3, f"line {number}\n".encode())
    assert folders.log(3).read_text().splitlines() == [f"line {i}" for i in range(300)]
    assert logs.read(3) == [f"line {i}" for i in range(100, 300)]


def test_the_last_lines_of_a_large_file_are_read_whole(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("".join(f"{i:05d} {'x' * 100}\n" for i in range(20_000)))
    tail = log_tail(path)
    assert len(tail) == LINES_PER_TRIAL
    assert [line[:5] for line in tail] == [f"{i:05d}" for i in range(19_800, 20_000)]
    assert log_tail(tmp_path / "none.txt") == []


def test_output_that_cannot_be_written_is_kept_in_memory_with_one_warning(tmp_path, caplog):
    folders = TrialFolders(tmp_path / "trials")
    folders.root.write_text("a file where a folder should be")
    logs = LogFiles(folders)
    logs.write(1, b"one\n")
    logs.write(1, b"two\n")
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text
    folders.root.unlink()
    assert logs.read(1) == ["one", "two"]


def test_logs_stay_what_they_are_from_one_run_to_the_next(tmp_path):
    tails, folders = LogTails(), TrialFolders(tmp_path)
    assert trial_logs(None, tails) is tails
    assert trial_logs(TrialFolders(tmp_path, is_temporary=True), tails) is tails
    files = trial_logs(folders, tails)
    assert isinstance(files, LogFiles)
    assert trial_logs(folders, files) is files
