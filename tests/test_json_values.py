import json
import math

from hypothesis import given, strategies as st

from agcore.json_values import name_of, with_names, with_numbers

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=10,
)


@given(values)
def test_values_come_back_through_strict_json(value):
    text = json.dumps(with_names(value), allow_nan=False)
    assert with_numbers(json.loads(text)) == value


def test_numbers_that_are_not_finite_have_names():
    assert [name_of(v) for v in (math.nan, math.inf, -math.inf)] == ["NaN", "Infinity", "-Infinity"]
    assert math.isnan(with_numbers("NaN"))
    assert with_names({"a": [math.inf, 1.0], 2: (True,)}) == {"a": ["Infinity", 1.0], "2": [True]}
