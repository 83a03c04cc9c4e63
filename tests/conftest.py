"""What all tests share."""

import signal


def pytest_configure() -> None:
    """Where tests run in the background, a shell has them ignore Ctrl-C; some of them send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
