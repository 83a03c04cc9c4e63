import os
import signal
import threading

import pytest

from agcore.scheduler.interrupts import Interrupts


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_sets_a_flag_and_wakes_the_second_raises():
    woken = []
    with Interrupts(lambda: woken.append(1)) as interrupts:
        ctrl_c()
        assert interrupts.seen
        assert woken == [1]
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_programs_own_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with Interrupts(lambda: None) as interrupts:
            ctrl_c()
        assert seen == [1]
        assert not interrupts.seen
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nothing_is_changed():
    handlers = []

    def use():
        with Interrupts(lambda: None):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
