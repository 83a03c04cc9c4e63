import pytest
from hypothesis import example, given, strategies as st

from agcore.errors import SpecError
from agcore_contrib.otx.marked_yaml import parse_marked_yaml
from agcore_contrib.otx.yaml_values import with_values, yaml_value

TEXT = """\
# The model
rates: {first: 0.1, second: '7'}  # two of them
sizes:
  batch: 64   # samples
  empty:
  list: [1, 2]
  block:
    - 1
"""


def test_only_the_values_change():
    changed = with_values(
        TEXT, {("sizes", "batch"): 128, ("rates", "second"): 1e-5, ("sizes", "list"): "a: b"}
    )
    assert changed == TEXT.replace("64", "128").replace("'7'", "1.0e-05").replace(
        "[1, 2]", "'a: b'"
    )


def test_an_empty_value_is_filled():
    assert "  empty: 3\n" in with_values(TEXT, {("sizes", "empty"): 3})


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
words = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=9)


@given(value=values | words)
@example(value="1e-4")  # a number to the reader, a word to PyYAML
def test_a_value_comes_back_as_it_was(value):
    place = ("sizes", "batch")
    document = parse_marked_yaml(with_values(TEXT, {place: value}))
    found = document.value["sizes"]["batch"]
    assert (found, type(found)) == (value, type(value))
    assert document.value["rates"] == {"first": 0.1, "second": "7"}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("sizes", "width"), "line 3: sizes.width is missing; add it"),
        (("sizes", "block"), "line 7: sizes.block must be a value on one line"),
        (("no", "such"), "line 2: no.such is missing"),
    ],
)
def test_what_cannot_be_changed_is_told_with_its_line(place, message):
    with pytest.raises(SpecError, match=message):
        with_values(TEXT, {place: 1})


def test_a_value_is_one_line():
    assert yaml_value([1, "a" * 200, None]) == f"[1, {'a' * 200}, null]"
