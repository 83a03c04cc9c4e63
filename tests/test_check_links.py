"""The check of links finds links that lead nowhere, and no others."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "docs" / "check_links.py"


@pytest.fixture
def broken_links(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "check_links", module)  # dataclasses look there
    spec.loader.exec_module(module)
    (tmp_path / "guides").mkdir()
    (tmp_path / "index.html").write_text('<h1 id="top">x</h1><a name="old"></a>')

    def check(link):
        (tmp_path / "guides" / "page.html").write_text(f'<p id="here"></p><a href="{link}">y</a>')
        return module.broken_links(tmp_path)

    return check


@pytest.mark.parametrize(
    "link",
    [
        *("", "#", "#here", "page.html#here", "..", "../index.html"),
        *("../index.html#top", "../index.html#old"),
        *("https://example.org/a#b", "mailto:a@example.org", "data:image/svg+xml,x"),
    ],
)
def test_links_that_lead_somewhere_are_fine(broken_links, link):
    assert broken_links(link) == []


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("#there", "no such place"),
        ("../index.html#bottom", "no such place"),
        ("index.html", "no such file"),
        ("../page.md", "no such file"),
        ("http://example.org", "not a whole https address"),
        ("https://nowhere", "not a whole https address"),
    ],
)
def test_links_that_lead_nowhere_are_named(broken_links, link, wrong):
    (line,) = broken_links(link)
    assert line.startswith(f"guides/page.html: {link}: ")
    assert wrong in line


def test_pictures_count_as_links(broken_links):
    assert broken_links('"><img src="missing.svg') == [
        "guides/page.html: missing.svg: no such file"
    ]
