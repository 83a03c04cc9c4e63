"""Files that several processes need and one of them makes."""

import multiprocessing
import os
import signal
import time

import pytest

from agcore_contrib.vision.once import made_once


def make_slowly(path):
    (path.parent / f"made-{os.getpid()}").touch()
    time.sleep(0.3)
    path.write_text("done")


def ask(path, answers):
    answers.put(made_once(path, make_slowly).read_text())


def die(path):
    made_once(path, lambda unfinished: os.kill(os.getpid(), signal.SIGKILL))


def test_of_several_processes_one_makes_it(tmp_path):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    path = tmp_path / "file"
    processes = [context.Process(target=ask, args=(path, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=30) for _ in processes] == ["done"] * 3
    for process in processes:
        process.join()
    assert len(list(tmp_path.glob("made-*"))) == 1


def test_whoever_comes_after_a_maker_that_was_killed_makes_it(tmp_path):
    path = tmp_path / "file"
    process = multiprocessing.get_context("fork").Process(target=die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert made_once(path, lambda unfinished: unfinished.write_text("done")).read_text() == "done"


def test_a_maker_that_raises_leaves_nothing(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        made_once(tmp_path / "file", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["file.lock"]
