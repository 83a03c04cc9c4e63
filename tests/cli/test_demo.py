"""``agcore demo``: the whole way, on real data, in pipes and on a terminal."""

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time

import pytest

LIMIT_S = 60


def test_the_demo_tunes_the_network_and_tells_the_story(agcore, folder):
    done = agcore("demo", "--num-trials", "2", "--workers", "2")
    assert done.returncode == 0, done.stderr
    for name in ("n_units_1", "dropout_2", "learning_rate", "batch_size", "scale_2"):
        assert re.search(rf"^  {name} +\d", done.stdout, re.MULTILINE)
    assert re.search(r"Best objective: 0\.\d+ in trial \d at epoch \d", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (folder / "agcore-incumbent.png").read_bytes().startswith(b"\x89PNG")


def test_a_time_out_ends_the_demo(agcore):
    began = time.monotonic()
    done = agcore("demo", "--time-out", "2", "--no-plot", "--quiet", "--scheduler", "fifo")
    assert time.monotonic() - began < 20
    assert "FIFOScheduler, random" in done.stdout or "in time" in done.stderr


def test_an_unknown_framework_is_answered_with_a_known_one(agcore):
    done = agcore("demo", "--framework", "sklaern")
    assert done.returncode == 2
    assert "did you mean 'sklearn'" in done.stderr


@pytest.mark.parametrize("framework", ["mxnet", "torch"])
def test_a_framework_that_is_missing_is_answered_with_its_extra(
    agcore, folder, environment, framework
):
    # Python runs this file when it starts, and takes None for a package that is not there.
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{framework!r}] = None\n")
    path = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    done = agcore("demo", "--framework", framework, PYTHONPATH=path)
    assert done.returncode == 2
    assert f"pip install 'agcore[{framework}]'" in done.stderr


def on_a_terminal(command, folder, environment, columns=80, rows=24):
    """What a command writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError as error:  # how Linux says that nobody holds the other end any more
        assert error.errno == errno.EIO
    finally:
        os.close(ours)
    return process.wait(LIMIT_S), shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_shows_live_lines_and_then_the_result(folder, environment, command, columns):
    run = [*command, "tune", "train.py:endless", "--time-out", "2"]
    code, shown = on_a_terminal(run, folder, environment, columns)
    assert code == 0
    live, _, result = shown.partition("The best so far, each time it changed")
    assert live.count("best accuracy") >= 2  # drawn again and again
    assert "no accuracy yet" in live
    assert "\x1b[2K" in live  # over what was there
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")  # the cursor is back
    assert "\x1b[1mBest accuracy" in result
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", live).splitlines()
    assert all(len(line) <= columns for line in lines if "seed" not in line)


def test_no_color_leaves_no_colours(folder, environment, command):
    run = [*command, "tune", "train.py:train", "--num-trials", "2", "--no-plot"]
    _, shown = on_a_terminal(run, folder, environment | {"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[\d;]*3\d", shown)


def test_quiet_shows_the_result_only(folder, environment, command):
    run = [*command, "tune", "train.py:train", "--num-trials", "2", "--no-plot", "--quiet"]
    _, shown = on_a_terminal(run, folder, environment)
    assert "running" not in shown
    assert "Best accuracy" in shown
