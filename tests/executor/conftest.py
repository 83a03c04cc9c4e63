"""What the tests of executors share: every one of them checks that no process is left."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from agcore.executor.departures import GracePeriods
from agcore.executor.guard import TAG_VARIABLE, tagged_processes
from agcore.executor.local import LocalExecutor
from agcore.testing.executor import Driver, task_of

ROOT = Path(__file__).resolve().parents[2]
QUICK = GracePeriods(stop_s=0.2, term_s=0.2, close_s=5.0)


def living(processes):
    """Those of some processes that have not ended."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def described(processes):
    """Command lines, for messages."""
    lines = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            lines.append(f"{process.pid}: {' '.join(process.cmdline())}")
    return lines


@pytest.fixture(autouse=True)
def test_tag(monkeypatch):
    """Marks all that a test starts; nothing of it may be left at the end."""
    tag = f"test-{uuid.uuid4().hex}."
    monkeypatch.setenv(TAG_VARIABLE, os.environ.get(TAG_VARIABLE, "") + tag)
    before = set(psutil.Process().children(recursive=True))
    yield tag
    left = set(living(psutil.Process().children(recursive=True))) - before
    left |= set(living(with_tag(tag)))
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left, f"processes are left: {described(left)}"


def with_tag(tag):
    """The processes that carry a tag."""
    found = []
    for pid in tagged_processes(tag):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


@pytest.fixture
def gone():
    """Waits until a process, given by its id, has ended, reaped or not."""

    def wait(pid):
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            ended, _, _ = select.select([pidfd], [], [], 30)
            os.close(pidfd)
            assert ended, described([psutil.Process(pid)])

    return wait


@pytest.fixture
def all_gone(test_tag, gone):
    """Waits until nothing is left of what the test has started outside this process."""

    def wait():
        while pids := tagged_processes(test_tag):
            for pid in pids:
                gone(pid)

    return wait


@pytest.fixture
def drive():
    """Opens local executors, one worker each unless told otherwise, and closes them."""
    with contextlib.ExitStack() as stack:

        def start(function, judge=None, *, rules=None, arguments=None, **options):
            executor = LocalExecutor(**{"num_workers": 1, "grace": QUICK, **options})
            task = task_of(function, rules, **(arguments or {}))
            return stack.enter_context(Driver(executor, task, judge))

        yield start


class Script:
    """A Python program in a process of its own, in a session of its own."""

    def __init__(self, command, folder, environment=()):
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []

    def line(self, start):
        """The rest of the next line that begins so; all others are skipped."""
        for text in self.process.stdout:
            self.lines.append(text)
            if text.startswith(start):
                return text[len(start) :].strip()
        raise AssertionError(f"no line {start!r}:\n{''.join(self.lines)}")

    def output(self):
        """All that it prints until its end, and its exit code."""
        self.lines.append(self.process.stdout.read())
        return "".join(self.lines), self.process.wait(60)


@pytest.fixture
def script(tmp_path):
    """Starts programs: source text in a file, or a whole command."""
    started = []

    def start(source="", *, command=None, folder=tmp_path, name="script.py", environment=()):
        if command is None:
            (folder / name).write_text(source)
            command = [sys.executable, name]
        started.append(Script(command, folder, environment))
        return started[-1]

    yield start
    for program in started:
        if program.process.poll() is None:
            program.process.kill()
        program.process.stdout.close()
        program.process.wait()
