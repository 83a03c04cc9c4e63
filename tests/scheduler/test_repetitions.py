import logging

from agcore.history import RunHistory
from agcore.records import Reported, TrialProposed
from agcore.scheduler.repetitions import Repetitions
from agcore.scheduler.rewards import OneReward


def test_a_difference_is_said_once_and_in_the_units_of_the_user(caplog):
    history = RunHistory(sign=-1)
    history.apply(TrialProposed(0, 1.0, {}, "random"))
    history.apply(Reported(0, 2.0, 1, -0.5, {"loss": 0.5}))
    repetitions = Repetitions(OneReward("loss", -1), "epoch")
    with caplog.at_level(logging.WARNING, logger="agcore"):
        repetitions.compare(history.trials[0], 1, {"loss": 0.5})
        repetitions.compare(history.trials[0], 2, {"loss": 0.9})  # nothing to compare it with
        assert not caplog.records
        repetitions.compare(history.trials[0], 1, {"loss": 0.75})
        repetitions.compare(history.trials[0], 1, {"loss": 0.8})
    (record,) = caplog.records
    assert "reports loss=0.75 at epoch=1, but 0.5 is recorded" in record.getMessage()
