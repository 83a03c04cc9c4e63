"""What all tests share."""

import signal

import psutil
import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no wrong result
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Where tests run in the background, a shell has them ignore Ctrl-C; some of them send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _no_process_is_left():
    """A child that a test leaves behind fails others, far away, that look for children."""
    yield
    left = psutil.Process().children()
    _, left = psutil.wait_procs(left, timeout=10) if left else ([], [])
    assert not left, f"the tests of this file have left {left}"
