import math

import pytest
from hypothesis import given, strategies as st

import agcore as ag
from agcore.curves.neighbours import Neighbourhood, blended
from agcore.curves.recording import RecordedCurve
from agcore.space import SearchSpace

SPACE = SearchSpace({"x": ag.Real(0, 10), "net": ag.Categorical("a", "b")})


def curve(*values, cost=1.0, start=1):
    reports = tuple({"epoch": e, "loss": v} for e, v in enumerate(values, start))
    return RecordedCurve({}, reports, (cost,) * len(values))


def test_the_nearest_come_first():
    configs = [{"x": x, "net": net} for x in (0.0, 4.0, 10.0) for net in "ab"]
    near = Neighbourhood(SPACE, configs).nearest({"x": 5.0, "net": "b"}, 3)
    assert [configs[i] for _, i in near] == [{"x": x, "net": "b"} for x in (4.0, 0.0, 10.0)]
    assert [d for d, _ in near] == pytest.approx([0.1, 0.5, 0.5])
    assert len(Neighbourhood(SPACE, configs[:2]).nearest({"x": 5.0, "net": "b"}, 3)) == 2


def test_means_are_weighted_by_the_inverse_of_the_distance():
    steps = list(blended([curve(1, 2), curve(4, 8, cost=4.0)], [0.1, 0.2], "epoch"))
    assert [metrics["epoch"] for metrics, _ in steps] == [1, 2]
    assert [metrics["loss"] for metrics, _ in steps] == pytest.approx([2.0, 4.0])
    assert [seconds for _, seconds in steps] == pytest.approx([2.0, 2.0])


def test_others_take_part_where_they_have_reported():
    steps = blended([curve(1, 1, 1), curve(4, start=2)], [1.0, 1.0], "epoch")
    assert [metrics["loss"] for metrics, _ in steps] == [1.0, 2.5, 1.0]


def test_what_is_no_finite_number_is_taken_from_the_nearest():
    first = RecordedCurve(
        {}, ({"epoch": 1, "a": math.nan, "b": "text", "c": 1.0, "d": True},), (1,)
    )
    other = RecordedCurve({}, ({"epoch": 1, "a": 1.0, "b": 2.0, "c": math.inf, "e": 1.0},), (3,))
    ((metrics, seconds),) = blended([first, other], [1.0, 1.0], "epoch")
    assert math.isnan(metrics.pop("a"))
    assert (metrics, seconds) == ({"epoch": 1, "b": "text", "c": 1.0, "d": True}, 2.0)


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6),
    distances=st.lists(st.floats(1e-9, 3), min_size=6, max_size=6),
)
def test_a_mean_lies_between_the_smallest_and_the_largest(values, distances):
    curves = [curve(value) for value in values]
    ((metrics, seconds),) = blended(curves, distances[: len(values)], "epoch")
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= metrics["loss"] <= max(values) + slack
    assert seconds == pytest.approx(1.0)
