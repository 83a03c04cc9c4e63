"""The user's history callback: called now and then, with what it takes, whatever it does."""

import logging

import pytest

from agcore.callbacks import HistoryCallback
from agcore.errors import SpecError


def no_state():
    return {"schema": 1}


def test_it_is_called_once_per_block_of_time_and_at_the_end(scripted):
    calls = []
    run = scripted(
        HistoryCallback(lambda history, start: calls.append(len(history["0"])), 10, dict)
    )
    run.start()
    run.trial(0)
    for epoch in range(1, 26):
        run.now_s += 1
        run.report(0, epoch / 100, epoch)
    run.end()
    assert calls == [1, 10, 20, 25]


def test_it_is_not_called_at_the_end_when_nothing_is_new(scripted):
    calls = []
    run = scripted(HistoryCallback(lambda history, start: calls.append(start), 10, dict))
    run.start()
    run.trial(0)
    run.report(0, 0.5)
    run.end()
    run.callback.on_end("again")
    assert calls == [1000.0]


def test_only_the_keywords_it_takes_are_given(scripted):
    seen = {}

    def plain(history, start_time):
        seen["plain"] = history

    def with_configs(history, start_time, config_history):
        seen["configs"] = config_history

    def with_all(history, start_time, **keywords):
        seen["all"] = keywords

    for function in (plain, with_configs, with_all):
        run = scripted(HistoryCallback(function, 60, no_state))
        run.start()
        run.trial(0, {"lr": 0.5})
        run.report(0, 0.25)
    assert seen["plain"] == {"0": [{"acc": 0.25, "epoch": 1}]}
    assert seen["configs"] == {"0": {"lr": 0.5}}
    assert seen["all"] == {"config_history": {"0": {"lr": 0.5}}, "state_dict": {"schema": 1}}


def test_an_exception_in_it_is_logged_once_and_the_run_goes_on(scripted, caplog):
    def broken(history, start_time):
        raise RuntimeError("disk full")

    run = scripted(HistoryCallback(broken, 1, dict))
    run.start()
    run.trial(0)
    with caplog.at_level(logging.WARNING, "agcore"):
        for epoch in range(1, 5):
            run.now_s += 2
            run.report(0, 0.5, epoch)
    assert [r.getMessage() for r in caplog.records] == [
        "training_history_callback raised RuntimeError('disk full'); the run goes on"
    ]


@pytest.mark.parametrize("seconds", [0, -1, 1.5, True])
def test_a_block_is_a_whole_number_of_seconds(seconds):
    with pytest.raises(SpecError, match="delta_secs"):
        HistoryCallback(print, seconds, dict)


def test_it_must_be_a_function():
    with pytest.raises(SpecError, match="must be a function"):
        HistoryCallback("log", 60, dict)
