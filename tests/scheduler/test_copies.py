import types

import pytest

from agcore.errors import SpecError
from agcore.history import Trial
from agcore.policy import FIFOPolicy, PopulationPolicy
from agcore.records import NewTrial, Reported
from agcore.scheduler.checkpoints import Checkpoint
from agcore.scheduler.copies import Copies


class Checkpoints:
    """The answer of a keeper, or its error."""

    def __init__(self, answer):
        self.answer = answer

    def inherit(self, trial, parent):
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def make(answer=None, *, policy=None, **executor):
    parts = types.SimpleNamespace(
        explorer=None,
        checkpoints=Checkpoints(answer),
        policy=policy or PopulationPolicy(9, perturbation_interval=3),
        executor=types.SimpleNamespace(**executor),
    )
    return Copies(parts, "epoch")


PARENT = Trial(2, {"lr": 0.01}, "random", {}, 0, reports=[Reported(2, 0.0, 4, 0.5, {})])
WISH = NewTrial(0, 6, 2, 4, "a copy of trial 2 (reward 0.5)")


def child():
    return Trial(5, {"lr": 0.012}, "explore", {}, 0, parent=2)


def test_a_copy_goes_on_where_the_checkpoint_is(tmp_path):
    wish, reason = make(Checkpoint(2, tmp_path)).ready(WISH, child(), PARENT)
    assert wish == NewTrial(0, 3, 2, 2, WISH.reason)
    assert reason == "a copy of trial 2 (reward 0.5) from epoch=2 on, with lr 0.01 -> 0.012"


def test_without_a_checkpoint_it_begins_anew_with_one_warning(caplog):
    copies = make()
    for _ in range(2):
        wish, reason = copies.ready(WISH, child(), PARENT)
        assert (wish.resume_from, wish.first_milestone) == (0, 3)
        assert "from the beginning, with lr" in reason
    (record,) = caplog.records
    assert "trial 2 has saved no checkpoint, so trial 5, a copy of it, begins" in record.message


def test_a_checkpoint_that_cannot_be_copied_is_told_with_its_error(caplog):
    make(OSError("no space left")).ready(WISH, child(), PARENT)
    assert "cannot be copied (no space left)" in caplog.text


def test_an_executor_that_keeps_progress_needs_no_files(caplog):
    wish, _ = make(keeps_progress=True).ready(WISH, child(), PARENT)
    assert (wish.resume_from, wish.first_milestone) == (4, 6)
    fresh = Trial(6, {"lr": 1.0}, "explore", {}, 0, parent=2, begin=3)  # has not reported yet
    assert make(keeps_progress=True).ready(WISH, child(), fresh)[0].resume_from == 3
    assert make(keeps_progress=False).ready(WISH, child(), PARENT)[0].resume_from == 0
    assert not caplog.records


def test_a_policy_without_milestones_has_none_for_copies_either(tmp_path):
    copies = make(Checkpoint(2, tmp_path), policy=FIFOPolicy())
    assert copies.ready(WISH, child(), PARENT)[0].first_milestone is None


def test_a_scheduler_that_explores_nothing_makes_no_copies():
    with pytest.raises(SpecError, match="pass explorer="):
        make().config(PARENT, 5)
