"""Commands of other packages, found by real entry points in a folder of ``sys.path``."""

import click
import pytest

from agcore.cli import app
from agcore.cli.plugins import ExtensibleGroup

MODULE = """
import click

@click.command()
@click.option("--name")
def greet(name):
    "Greet somebody."
    click.echo(f"hello {name}")

number = 3
"""
ENTRY_POINTS = """\
[agcore.commands]
greet = agcore_test_plugin:greet
number = agcore_test_plugin:number
gone = agcore_test_plugin:gone
missing = agcore_test_not_there:command
tune = agcore_test_plugin:greet
"""


@pytest.fixture
def installed(tmp_path, monkeypatch, forgetful_imports):
    """Installs a package with commands, good and bad."""
    (tmp_path / "agcore_test_plugin.py").write_text(MODULE)
    info = tmp_path / "agcore_test_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: agcore-test-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)


def test_commands_of_packages_run(installed, capsys):
    assert app._exit_code(["greet", "--name", "Ada"]) == 0
    assert capsys.readouterr().out == "hello Ada\n"


def test_help_lists_them_and_says_which_are_broken(installed, capsys):
    assert app._exit_code(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "  greet    Greet somebody.\n" in shown
    assert "  missing  (Cannot be loaded from agcore-test-plugin.)\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "ModuleNotFoundError: No module named 'agcore_test_not_there'"),
        ("gone", "AttributeError"),
        ("number", "agcore_test_plugin:number is no click command"),
    ],
)
def test_a_broken_command_is_one_line_whatever_it_is_given(installed, capsys, name, reason):
    assert app._exit_code([name, "--some", "option", "--help"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: the command {name!r} of agcore-test-plugin cannot be loaded: ")
    assert reason in line
    assert line.endswith("; reinstall agcore-test-plugin, or uninstall it")


def test_no_package_takes_the_place_of_a_command_of_agcore(installed, capsys):
    assert app._exit_code(["tune", "--help"]) == 0
    assert "FILE.py:FN" in capsys.readouterr().out


def test_own_commands_are_found_without_a_look_at_what_is_installed(monkeypatch):
    def fail(**_):
        raise AssertionError("packages were looked through")

    monkeypatch.setattr("importlib.metadata.entry_points", fail)
    group = ExtensibleGroup("agcore", commands={"own": click.Command("own")})
    assert group.get_command(click.Context(group), "own").name == "own"
