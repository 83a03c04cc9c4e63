"""The command itself: help, version, exit codes, and no traceback for what users do wrong."""

import subprocess
import sys

import pytest

from agcore.cli import app
from agcore.errors import SpecError, TrialFailed
from agcore.version import __version__


def test_help_shows_the_commands_and_examples(agcore):
    done = agcore("--help")
    assert done.returncode == 0
    for text in ("Usage: agcore", "demo", "tune", "why", "replay", "Examples:", "Exit codes:"):
        assert text in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([name, "--help"] for name in ("demo", "tune", "why", "replay"))],
)
def test_help_fits_eighty_columns(agcore, arguments):
    done = agcore(*arguments)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Examples:" in done.stdout


def test_help_of_tune_shows_code_line_by_line(agcore):
    shown = agcore("tune", "--help").stdout
    assert "    @ag.args(lr=ag.Real(1e-4, 1, log=True), epochs=9)\n    def train(" in shown


def test_every_option_of_the_issue_is_there(agcore):
    options = "--scheduler --searcher --time-out --num-trials --workers --seed --plot --no-plot"
    own = "--reward-attr --time-attr --mode --max-t --grace-period --reduction-factor --brackets"
    shown = agcore("tune", "--help").stdout
    for option in f"{options} {own} --quiet --debug-log --num-cpus --num-gpus".split():
        assert option in shown
    demo = agcore("demo", "--help").stdout
    for option in f"{options} --framework".split():
        assert option in demo


def test_version_is_the_packages(agcore):
    assert agcore("--version").stdout == f"agcore {__version__}\n"


def test_help_answers_without_loading_numeric_libraries():
    code = (
        "import sys\n"
        "from agcore.cli.app import agcore\n"
        "agcore.main(['tune', '--help'], standalone_mode=False)\n"
        "assert not {'numpy', 'pandas', 'matplotlib'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tuna"], "No such command 'tuna'"),
        (["tune"], "Missing argument 'FILE.py:FN'"),
        (["why"], "Missing argument 'RUN'"),
        (["demo", "--workers", "0"], "Invalid value for '--workers'"),
        (["demo", "--time-out", "soon"], "Invalid value for '--time-out'"),
        (["demo", "--scheduler", "hb"], "Invalid value for '--scheduler'"),
        (["demo", "--num-trial", "3"], "--num-trials"),
    ],
)
def test_a_wrong_call_is_answered_with_usage_and_exit_code_2(agcore, arguments, message):
    done = agcore(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: agcore" in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("x=1 must be 2"), 2),
        (TrialFailed("3 of 3 trials failed"), 1),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(32, "Broken pipe"), 1),
    ],
)
def test_an_exception_becomes_a_message_and_an_exit_code(monkeypatch, capfd, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(app.agcore, "main", fail)
    monkeypatch.setattr(app.os, "dup2", lambda *_: None)  # pytest's own stdout is to stay
    assert app._exit_code([]) == code
    message = capfd.readouterr().err
    assert message in (f"Error: {error}\n", "Interrupted.\n", "")


def test_a_bug_keeps_its_traceback(monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(app.agcore, "main", fail)
    with pytest.raises(OSError, match="Input/output"):
        app._exit_code([])


def test_output_into_a_closed_pipe_ends_quietly(environment, folder):
    done = subprocess.run(
        f"{sys.executable} -m agcore tune --help | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Usage" in done.stdout
