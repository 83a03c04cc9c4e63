import sys

import pytest

from agcore.errors import MissingExtraError, SpecError
from agcore_contrib.otx.marked_yaml import parse_marked_yaml, read_marked_yaml


def test_entries_know_their_lines():
    document = parse_marked_yaml("a: 1\n\nb:\n  - x\n  - c:\n      d: 2\n")
    assert document.value == {"a": 1, "b": ["x", {"c": {"d": 2}}]}
    lines = document.lines
    assert (lines["a",], lines["b",], lines["b", 0], lines["b", 1, "c", "d"]) == (1, 3, 4, 6)
    assert str(document.error(("b", 1, "no such"), "is bad")) == "the YAML text, line 5: is bad"


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001"])
def test_numbers_need_no_dot(text):
    assert parse_marked_yaml(f"a: {text}").value == {"a": 1e-4}


def test_what_looks_like_a_number_in_quotes_stays_a_string():
    assert parse_marked_yaml("a: '1e-4'").value == {"a": "1e-4"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' occurs twice, first on line 1"),
        ("a: [1\nb: 2\n", "line 2: not YAML"),
        ("a: 1\n---\na: 2\n", "line 2: not YAML: but found another document"),
        ("a: !!python/object/apply:os.getcwd []\n", "line 1: not YAML: could not determine"),
        ("a: \x07", "not YAML"),
    ],
)
def test_what_is_no_safe_yaml_is_refused_with_its_line(text, message):
    with pytest.raises(SpecError, match=message):
        parse_marked_yaml(text)


def test_an_empty_file_holds_nothing():
    assert parse_marked_yaml("# only a comment\n").value is None


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        read_marked_yaml(tmp_path / "no.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(SpecError, match="cannot be read"):
        read_marked_yaml(tmp_path / "latin.yaml")


def test_a_missing_library_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(
        MissingExtraError, match=r"hpo_config.yaml needs.*'agcore\[otx\]'"
    ) as caught:
        parse_marked_yaml("a: 1")
    assert len(str(caught.value).splitlines()) == 1
