"""Around a run: pictures that cannot be saved, warnings that repeat themselves."""

import logging

import pytest

from agcore.cli.options import DEFAULT_PICTURE, RunRequest
from agcore.cli.running import _check_picture, _warnings_shown
from agcore.errors import SpecError

logger = logging.getLogger("agcore.test")


def request(**changed):
    options = {
        "scheduler": "fifo",
        "searcher": "random",
        "time_out": None,
        "num_trials": 1,
        "workers": None,
        "num_cpus": 1,
        "seed": None,
        "plot": None,
        "no_plot": False,
        "quiet": True,
        "debug_log": False,
    }
    return RunRequest(**options | changed)


def test_the_picture_goes_where_it_was_asked_for(tmp_path):
    assert request().picture == DEFAULT_PICTURE
    assert request(plot=tmp_path / "x.png").picture == tmp_path / "x.png"
    assert request(plot=tmp_path / "x.png", no_plot=True).picture is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/best.png", "does not exist"),
        ("best.docx", "must end in .png, .svg or .pdf"),
    ],
)
def test_a_picture_that_cannot_be_saved_is_refused_before_the_run(tmp_path, name, message):
    with pytest.raises(SpecError, match=message):
        _check_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["best.png", "best.SVG", "best.pdf", "best"])
def test_a_picture_that_can_be_saved_is_not(tmp_path, name):
    _check_picture(tmp_path / name)


def test_of_a_warning_the_first_line_is_shown(capsys):
    with _warnings_shown():
        logger.warning("trial %d failed\nTraceback ...", 3)
        logger.info("trial 4 starts")
    logger.debug("afterwards")
    assert capsys.readouterr().err == "trial 3 failed\n"


def test_a_warning_that_repeats_itself_is_shown_five_times(capsys):
    with _warnings_shown():
        for trial_id in range(100):
            logger.warning("trial %d has ended without a report", trial_id)
        logger.warning("another")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[4] == "trial 4 has ended without a report  (more of these are not shown)"
    assert lines[5] == "another"
