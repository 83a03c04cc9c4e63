import logging

import pytest

from agcore_contrib.otx.display import TrialDisplay
from agcore_contrib.otx.trial import Trial

logger = logging.getLogger("agcore_contrib.otx.loop")


class Algorithm:
    best_trial = None


@pytest.fixture
def algorithm():
    one = Algorithm()
    one.best_trial = Trial("4", {})
    one.best_trial.register_score(0.93, 1)
    return one


def test_a_pipe_gets_whole_lines_now_and_then(capsys, algorithm):
    with TrialDisplay("HPO", "accuracy", "max") as display:
        display.progress(0)
        display.follow(algorithm)
        for percent in range(1, 25):
            display.progress(percent)
        logger.info("trial %s starts", 5)
        logger.warning("trial 5 has failed\nin two lines")
    logger.info("not shown any more")
    assert capsys.readouterr().err.splitlines() == [
        "HPO   0 %",
        "HPO  10 %, best accuracy 0.93 (trial 4)",
        "HPO  20 %, best accuracy 0.93 (trial 4)",
        "trial 5 starts",
        "Warning: trial 5 has failed",
    ]


def test_a_terminal_has_one_line_of_progress_below_the_others(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with TrialDisplay("HPO", "accuracy", "max") as display:
        display.progress(1)
        logger.info("trial 5 starts")
    shown = capsys.readouterr().err
    assert shown == "\r\033[KHPO   1 %\r\033[Ktrial 5 starts\nHPO   1 %\n"


def test_quiet_shows_warnings_only(capsys, algorithm):
    with TrialDisplay("HPO", "accuracy", "max", is_quiet=True) as display:
        display.progress(50)
        logger.info("trial 5 starts")
        logger.warning("trial 5 has failed")
    assert capsys.readouterr().err == "Warning: trial 5 has failed\n"


def test_one_training_is_not_called_a_trial(capsys, algorithm):
    with TrialDisplay("Training", "loss", "min", names_trials=False) as display:
        display.follow(algorithm)
        logger.info("trial 4 starts")
        display.progress(50)
    assert capsys.readouterr().err == "Training  50 %, best loss 0.93\n"


def test_loggers_are_left_as_they_were():
    root = logging.getLogger("agcore_contrib")
    before = root.level, list(root.handlers)
    with TrialDisplay("HPO", "accuracy", "max"):
        assert root.level == logging.INFO
    assert (root.level, root.handlers) == before
