import time

from agcore.scheduler.clock import SystemClock


def test_the_system_clock_tells_the_time_and_never_goes_back():
    clock = SystemClock()
    before, first = time.time(), clock.monotonic_s()
    assert abs(clock.now_s() - before) < 60
    assert clock.monotonic_s() >= first
    assert not clock.jumps
