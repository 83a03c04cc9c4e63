from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agcore.executor import leftovers
from agcore.executor.leftovers import Housekeeping


@pytest.fixture
def begin(capfd):
    """Makes the housekeeping at the beginning of a test, once pytest has set up its streams."""
    made = []

    def make():
        made.append(Housekeeping())
        return made[0]

    yield make
    os.close(made[0]._memory_fd)


def test_a_trial_that_leaves_nothing_leaves_its_worker_usable(begin):
    housekeeping = begin()
    assert housekeeping.tidy_up()


def test_the_working_directory_is_put_back(begin, tmp_path):
    housekeeping = begin()
    before = Path.cwd()
    gone = tmp_path / "gone"
    gone.mkdir()
    for folder in (tmp_path, gone):
        os.chdir(folder)
        if folder is gone:
            gone.rmdir()
        assert housekeeping.tidy_up()
        assert Path.cwd() == before


def test_a_working_directory_that_is_gone_for_good_is_borne(begin, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    housekeeping = begin()
    folder.rmdir()
    assert housekeeping.tidy_up()


def test_streams_are_flushed_and_put_back(begin, capfd):
    housekeeping = begin()

    class Broken(io.StringIO):
        def flush(self):
            raise ZeroDivisionError

    housekeeping = begin()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Broken(), None
    assert housekeeping.tidy_up()
    assert (sys.stdout, sys.stderr) == before
    sys.stdout.write("unflushed")
    ctypes.CDLL(None).printf(b" and from C")
    assert housekeeping.tidy_up()
    assert capfd.readouterr().out == "unflushed and from C"


def test_streams_that_lead_elsewhere_are_noticed(begin, tmp_path):
    housekeeping = begin()
    kept = os.dup(1)
    with (tmp_path / "file").open("w") as file:
        os.dup2(file.fileno(), 1)
        assert not housekeeping.tidy_up()
    os.close(1)
    assert not housekeeping.tidy_up()
    os.dup2(kept, 1)
    os.close(kept)
    assert housekeeping.tidy_up()


def test_closed_streams_are_noticed(begin, tmp_path):
    with (tmp_path / "file").open("w") as file, contextlib.redirect_stdout(file):
        housekeeping = begin()
        file.close()
        assert not housekeeping.tidy_up()


def test_alarms_are_cancelled(begin):
    housekeeping = begin()
    signal.alarm(1000)
    housekeeping.tidy_up()
    assert signal.alarm(0) == 0


def test_children_and_threads_are_noticed(begin):
    housekeeping = begin()
    with subprocess.Popen(["sleep", "600"]) as child:
        assert not housekeeping.tidy_up()
        child.kill()
    assert housekeeping.tidy_up()
    for daemon in (True, False):
        over = threading.Event()
        thread = threading.Thread(target=over.wait, daemon=daemon)
        thread.start()
        assert housekeeping.tidy_up() is daemon
        over.set()
        thread.join()
    assert housekeeping.tidy_up()


def test_memory_is_what_is_held_now(begin, monkeypatch):
    housekeeping = begin()
    monkeypatch.setattr(leftovers, "_MEMORY_EVERY_S", 0.0)
    before = housekeeping.memory_kib()
    hoard = bytearray(b"x" * (100 << 20))
    during = housekeeping.memory_kib()
    assert during - before > 90 << 10
    del hoard
    assert during - housekeeping.memory_kib() > 90 << 10


def test_memory_is_not_looked_at_all_the_time(begin, monkeypatch):
    housekeeping = begin()
    monkeypatch.setattr(leftovers, "_MEMORY_EVERY_S", 1000.0)
    first = housekeeping.memory_kib()
    hoard = bytearray(b"x" * (100 << 20))
    assert housekeeping.memory_kib() == first
    del hoard


def test_where_memory_cannot_be_read_its_peak_stands_for_it(monkeypatch, capfd):
    monkeypatch.setattr(leftovers, "_MEMORY_FILE", "/nowhere")
    assert 10 << 10 < Housekeeping().memory_kib() < 10 << 20
