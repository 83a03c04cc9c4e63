import logging
import subprocess
import sys

import pytest

from agcore.scheduler.debug_log import decisions_shown

SCRIPT = """
import logging, sys
from agcore.scheduler.debug_log import decisions_shown
{setup}
with decisions_shown({wanted}):
    logging.getLogger("agcore").info("a decision")
logging.getLogger("agcore").info("later")
assert logging.getLogger("agcore").level == logging.NOTSET
"""


@pytest.mark.parametrize(
    ("setup", "wanted", "count"),
    [
        ("", True, 1),
        ("", False, 0),
        # The program shows INFO already: once is enough.
        ("logging.basicConfig(level=logging.INFO)", True, 1),
        # It shows warnings only: its handler would pass what its level holds back.
        ("logging.basicConfig()", True, 1),
    ],
)
def test_a_decision_is_shown_once_if_wanted(setup, wanted, count):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(setup=setup, wanted=wanted)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("a decision") == count
    assert done.stdout == ""


def test_nothing_is_left_behind_after_an_error():
    logger = logging.getLogger("agcore")
    with pytest.raises(RuntimeError), decisions_shown(True):
        raise RuntimeError
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)
