import time

from hypothesis import given, strategies as st

from agcore.executor.virtual_clock import VirtualClock, microseconds


def test_time_stands_still_unless_it_is_told_to_pass():
    clock = VirtualClock()
    assert (clock.now_s(), clock.monotonic_s(), clock.now_us) == (0.0, 0.0, 0)
    clock.advance_to(1_500_000)
    clock.advance_to(1_000_000)  # never back
    assert (clock.now_s(), clock.monotonic_s()) == (1.5, 1.5)


def test_while_it_runs_it_takes_real_time_and_keeps_it():
    clock = VirtualClock()
    clock.advance_to(10)
    clock.hold()  # holding what stands still does nothing
    assert clock.now_us == 10
    clock.run()
    clock.run()
    began_ns = time.perf_counter_ns()
    while time.perf_counter_ns() < began_ns + 2_000_000:
        pass
    clock.hold()
    assert clock.now_us >= 2_010
    assert clock.now_us == clock.now_us


@given(time_us=st.integers(0, 2**52))
def test_a_journal_brings_every_time_back(time_us):
    clock = VirtualClock()
    clock.advance_to(time_us)
    assert microseconds(float(f"{clock.now_s():.6f}")) == time_us


def test_a_moment_has_one_number():
    clock = VirtualClock()
    clock.advance_to(1_234_567)
    assert clock.now_s() is clock.now_s()
    assert clock.monotonic_s() is clock.now_s()
