"""What a release consists of agrees with itself."""

import re
from importlib import resources
from pathlib import Path

import pytest
import yaml

import agcore

ROOT = Path(__file__).resolve().parents[1]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_citation_has_the_version_of_the_code():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == agcore.__version__
    assert citation["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_version_stands_nowhere_else():
    assert f'"{agcore.__version__}"' not in text_of("pyproject.toml")
    assert f"## {agcore.__version__}" in text_of("CHANGELOG.md")


def test_the_notice_names_every_file_of_data_that_ships():
    packages = {"agcore.datasets": "", "agcore_contrib.vision": "data"}
    for package, below in packages.items():
        files = resources.files(package).joinpath(below).iterdir()
        shipped = [file.name for file in files if file.name.endswith((".gz", ".xz"))]
        assert shipped
        for name in shipped:
            path = "/".join([*package.split("."), below, name]).replace("//", "/")
            assert path in text_of("NOTICE")


def test_the_notice_names_only_what_is_there():
    named = re.findall(r"^(\w+/\S+)$", text_of("NOTICE"), re.MULTILINE)
    assert len(named) >= 5
    for path in named:
        assert (ROOT / path).is_file() or (ROOT / "contrib" / path).is_file(), path


@pytest.mark.parametrize("folder", ["agcore", "contrib/agcore_contrib"])
def test_the_packages_say_that_they_are_typed(folder):
    assert (ROOT / folder / "py.typed").is_file()
    _, _, package_data = text_of("pyproject.toml").partition("[tool.setuptools.package-data]\n")
    line = next(line for line in package_data.splitlines() if line.startswith(Path(folder).name))
    assert '"py.typed"' in line


def test_the_hooks_run_what_the_ci_runs():
    config = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    lines = CI.splitlines()
    for repository in config["repos"]:
        assert repository["repo"] == "local", "hooks of others would be downloaded"
        for hook in repository["hooks"]:
            assert hook["entry"] in lines


@pytest.mark.parametrize(
    "step", ["sphinx-build", "check_links.py", "python -m build", "twine check"]
)
def test_the_ci_builds_and_checks_what_is_released(step):
    assert step in CI


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE", "SECURITY.md", "CONTRIBUTING.md"])
def test_links_of_the_root_pages_lead_somewhere(name):
    for link in re.findall(r"\]\((?!https:)([^)#]+)", text_of(name)):
        assert (ROOT / link).exists(), link
