import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore_contrib import hpopt
from agcore_contrib.hpopt.batch_bounds import BatchBounds
from agcore_contrib.hpopt.hyperparameters import hyperparameters


def bounds(range, type="quniform"):
    return BatchBounds(hyperparameters({"bs": hpopt.SearchSpace(type, range)}), "bs")


def test_the_trace_of_the_specification():
    batch = bounds([8, 64, 8])
    assert batch.after([]) == (8, 64)
    assert batch.after([56]) == (8, 48)
    assert batch.after([56, 24]) == (8, 16)
    assert batch.after([56, 24, 16]) == (8, 8)
    with pytest.raises(ValueError, match="bs: memory ran out at 8, and no smaller value is left"):
        batch.after([56, 24, 16, 8])


def test_a_late_failure_of_a_larger_batch_does_not_raise_the_bound_again():
    assert bounds([8, 64, 8]).after([24, 56]) == (8, 16)


def test_the_lower_bound_falls_to_half_of_the_upper_one_and_not_below_two():
    batch = bounds([48, 64, 8])
    assert batch.after([48]) == (20, 40)
    assert [batch.widened().from_unit(u / 50) for u in (0, 50)] == [8, 64]
    assert bounds([4, 64, 2]).after([4]) == (2, 2)
    with pytest.raises(SpecError, match="no smaller value"):
        bounds([4, 64, 4]).after([4])


@given(
    st.integers(1, 40),
    st.integers(1, 16),
    st.integers(1, 20),
    st.lists(st.integers(0, 19), max_size=8),
)
@settings(derandomize=True, deadline=None)
def test_bounds_only_fall_and_always_hold_a_value_of_the_grid(low, step, num_steps, picks):
    batch = bounds([low, low + num_steps * step, step])
    grid = batch.widened()
    values = {grid.from_unit(u / 500) for u in range(501)}
    highest, failed = low + num_steps * step, []
    for pick in picks:
        within = sorted(v for v in values if batch.after(failed)[0] <= v <= highest)
        assert within
        failed.append(within[pick % len(within)])
        try:
            _, high = batch.after(failed)
        except SpecError:
            return
        assert high < highest
        highest = high


def test_only_a_quantised_hyperparameter_can_be_the_batch_size():
    with pytest.raises(SpecError, match=r"batch_size_name='bss' is not in the .*did you mean 'bs'"):
        BatchBounds(hyperparameters({"bs": hpopt.SearchSpace("uniform", [1, 8])}), "bss")
    with pytest.raises(SpecError, match="no next smaller value"):
        bounds([1, 8], "uniform")
