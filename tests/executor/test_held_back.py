from __future__ import annotations

import signal
import threading

import pytest

from agcore.executor.held_back import HeldBackInterrupts


def test_ctrl_c_waits_until_the_work_is_done():
    woken, done = [], []
    with (
        pytest.raises(KeyboardInterrupt),
        HeldBackInterrupts(lambda: woken.append(1)) as interrupts,
    ):
        assert not interrupts.seen
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.seen
        done.append("the work")
    assert (woken, done) == ([1, 1], ["the work"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_ctrl_c_nothing_happens():
    with HeldBackInterrupts(lambda: None):
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_programs_own_handler_is_called_once_at_the_end():
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append("handled"))
    try:
        with HeldBackInterrupts(lambda: None):
            signal.raise_signal(signal.SIGINT)
            calls.append("the work")
        assert calls == ["the work", "handled"]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_who_ignores_ctrl_c_goes_on_ignoring_it():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with HeldBackInterrupts(lambda: None) as interrupts:
            signal.raise_signal(signal.SIGINT)
        assert not interrupts.seen
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_are_left_alone():
    def works():
        with HeldBackInterrupts(lambda: None):
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    thread = threading.Thread(target=works)
    thread.start()
    thread.join()
