import pytest
from hypothesis import given, strategies as st

from agcore_contrib.otx.learning import learnt_minimum


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], 1),  # never gets worse
        ([6, 5, 4, 3, 2, 1], 6),  # always does: Rm // eta
        ([5, 1, 2, 3, 4, 5], 3),  # smoothed: 5, 3, 2.5, 2.75, ...
        ([1, 1, 1, 1, 1, 1], 1),
        ([9, 1, 9, 1, 9, 9], 4),  # smoothed: 9, 5, 7, 4, 6.5, 7.75
        ([5], 1),
        ([], 6),
    ],
)
def test_the_minimum_is_where_the_curve_stops_getting_worse(scores, expected):
    curve = dict(enumerate(scores, 1))
    later = {20: -99.0}  # beyond Rm // eta, so not looked at
    assert learnt_minimum({**curve, **later}, 20, 3, "max") == expected
    turned = {epoch: -score for epoch, score in curve.items()}
    assert learnt_minimum(turned, 20, 3, "min") == expected


@given(st.dictionaries(st.integers(1, 50), st.floats(-9, 9)), st.integers(1, 50), st.integers(2, 5))
def test_the_minimum_is_a_number_of_epochs_within_the_lowest_share(scores, maximum, eta):
    assert 1 <= learnt_minimum(scores, maximum, eta, "max") <= max(1, maximum // eta)
