"""A callback needs to define only what it wants to know."""

from agcore.callbacks import Callback


def test_a_callback_that_defines_nothing_can_watch_a_run(scripted):
    run = scripted(Callback())
    run.start()
    run.trial(0)
    run.report(0, 0.5)
    run.tick(1)
    run.end_trial(0)
    run.end()
