"""Runs the command line as a user does: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TRAIN_FILE = """
import time
import agcore as ag

@ag.args(x=ag.Real(0, 1), kind=ag.Categorical("a", "b"), epochs=9)
def train(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * (1 - 0.5 ** epoch), loss=1 - args.x)

@ag.args(n=ag.Int(1, 20))
def sometimes(args, reporter):
    print("trying", args.n)
    if args.n % 5 == 0:
        raise ValueError("n is a multiple of five")
    reporter(accuracy=args.n / 20)

@ag.args(x=ag.Real(0, 1))
def never(args, reporter):
    raise RuntimeError("out of luck")

@ag.args(x=ag.Real(0, 1))
def silent(args, reporter):
    pass

@ag.args(x=ag.Real(0, 1), epochs=10_000)
def endless(args, reporter):
    for epoch in range(1, args.epochs + 1):
        time.sleep(0.02)
        reporter(epoch=epoch, accuracy=args.x)

def plain(args, reporter):
    reporter(accuracy=1.0)

NUMBER = 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of train functions."""
    (tmp_path / "train.py").write_text(TRAIN_FILE)
    return tmp_path


def _environment(**changed):
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONPATH": str(ROOT), **changed}


@pytest.fixture
def environment():
    """The environment of the command, without what would change how it looks."""
    return _environment()


COMMAND = [sys.executable, "-m", "agcore"]


@pytest.fixture
def command():
    """How ``agcore`` is started."""
    return COMMAND


@pytest.fixture
def forgetful_imports(monkeypatch):
    """Puts ``sys.path`` back and forgets what was imported from test folders."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in set(sys.modules) - before:
        if "pytest-of-" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def agcore(folder):
    """Runs ``agcore`` in that folder, its output in pipes."""

    def run(*arguments, **changed):
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env=_environment(**changed),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def started(folder):
    """Starts ``agcore`` in that folder; whoever asks for it has to wait for its end."""
    processes = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=_environment(),
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
