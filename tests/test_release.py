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
    folder = resources.files("agcore.datasets")
    shipped = [file.name for file in folder.iterdir() if file.name.endswith(".gz")]
    assert shipped
    for name in shipped:
        assert f"agcore/datasets/{name}" in text_of("NOTICE")


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
