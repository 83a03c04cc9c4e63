"""Learning rates over the course of a run."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from agcore.errors import SpecError
from agcore_contrib.vision.schedules import SCHEDULES, Schedule


@pytest.mark.parametrize("kind", ["cosine", "poly"])
def test_they_begin_at_one_and_end_at_zero(kind):
    schedule = Schedule(kind, epochs=10)
    assert schedule.factor(0) == 1
    assert schedule.factor(10) == pytest.approx(0)


@given(
    kind=st.sampled_from(SCHEDULES),
    epochs=st.integers(1, 30),
    warmup=st.floats(0, 3),
    done=st.floats(0, 40),
)
def test_a_factor_is_never_above_one_or_below_zero(kind, epochs, warmup, done):
    assert 0 <= Schedule(kind, epochs, warmup).factor(done) <= 1


def test_a_warm_up_rises_to_the_full_rate():
    schedule = Schedule("constant", epochs=10, warmup_epochs=2)
    assert [schedule.factor(done) for done in (0, 1, 2, 9)] == [0, 0.5, 1, 1]


def test_steps_fall_after_their_epochs():
    schedule = Schedule("step", epochs=9, decay=0.1, decay_epochs=4)
    assert [schedule.factor(done) for done in (3.9, 4, 8)] == pytest.approx([1, 0.1, 0.01])


def test_poly_falls_with_its_power():
    assert Schedule("poly", epochs=4, power=3).factor(2) == pytest.approx(0.125)


def test_an_unknown_schedule_is_answered_with_a_known_one():
    with pytest.raises(SpecError, match="did you mean 'cosine'"):
        Schedule("cosin", epochs=3)
