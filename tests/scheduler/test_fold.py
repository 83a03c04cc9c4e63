from pathlib import Path

import pytest

import agcore as ag
from agcore.errors import JournalError, ReportError
from agcore.history import RunHistory
from agcore.journal import NoJournal
from agcore.policy import HyperbandPolicy
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)
from agcore.scheduler.checkpoints import CheckpointKeeper
from agcore.scheduler.clock import SystemClock
from agcore.scheduler.feed import SearcherFeed
from agcore.scheduler.fold import Fold
from agcore.scheduler.parts import Parts
from agcore.scheduler.proposals import Proposals
from agcore.scheduler.rewards import OneReward
from agcore.scheduler.settings import RunSettings
from agcore.searcher import RandomSearcher
from agcore.space import SearchSpace
from agcore.trial_folders import TrialFolders

PROPOSED = TrialProposed(0, 1.0, {"x": 0.25}, "random")
STARTED = TrialStarted(0, 1.0, milestone=1)
REPORTED = Reported(0, 2.0, 1, 0.5, {"epoch": 1, "accuracy": 0.5})


@pytest.fixture
def fold():
    space = SearchSpace({"x": ag.Real(0, 1)})
    searcher, history = RandomSearcher(space), RunHistory()
    parts = Parts(
        policy=HyperbandPolicy(9, type="promotion"),
        searcher=searcher,
        proposals=Proposals(searcher, space),
        feed=SearcherFeed(searcher, "rungs", history),
        executor=None,
        history=history,
        journal=NoJournal(),
        clock=SystemClock(),
        checkpoints=CheckpointKeeper(TrialFolders(Path("nowhere"), True), history),
        rewards=OneReward("accuracy", 1),
    )
    made = Fold(parts, RunSettings(max_reward=0.9, max_retries=1))
    made.history = history
    return made


def test_it_knows_what_is_under_way(fold):
    fold.apply(PROPOSED)
    assert list(fold.unstarted) == [0]
    fold.apply(STARTED)
    assert (list(fold.unstarted), list(fold.live)) == ([], [0])
    fold.apply(TrialEnded(0, 2.0, TrialState.INTERRUPTED))
    assert (list(fold.live), list(fold.cut_off)) == ([0], [0])
    fold.apply(TrialStarted(0, 3.0, 1, milestone=1, again=True))
    assert (list(fold.live), list(fold.cut_off)) == ([0], [])
    fold.apply(TrialEnded(0, 4.0, TrialState.LOST))
    assert list(fold.cut_off) == [0]  # one retry is left
    fold.apply(TrialStarted(0, 5.0, 2, milestone=1, again=True))
    fold.apply(TrialEnded(0, 6.0, TrialState.LOST))
    assert (list(fold.live), list(fold.cut_off)) == ([], [])


def test_a_verdict_is_unsettled_until_it_is_recorded(fold):
    for event in (PROPOSED, STARTED):
        fold.apply(event)
    assert fold.report(REPORTED).action is Action.PAUSE
    (trial,) = fold.unsettled.values()
    decided, ended = fold.carry_out(trial)
    assert (type(decided), type(ended)) == (Decided, TrialEnded)
    assert (decided.time_s, ended.time_s) == (2.0, 2.0)
    assert trial.state is TrialState.PAUSED
    assert (fold.unsettled, fold.live, fold.carry_out(trial)) == ({}, {}, [])


def test_the_decision_of_the_record_is_kept(fold):
    for event in (PROPOSED, STARTED, REPORTED):
        fold.apply(event)
    stop = Decision(Action.STOP, "so it was")
    fold.apply(Decided(0, 2.0, 1, stop))
    (trial,) = fold.unsettled.values()
    (ended,) = fold.carry_out(trial)
    assert ended.state is TrialState.STOPPED


def test_a_report_that_the_policy_refuses_changes_nothing(fold):
    for event in (PROPOSED, STARTED):
        fold.apply(event)
    with pytest.raises(ReportError, match="jumped over the rung"):
        fold.report(Reported(0, 2.0, 2, 0.5, {}))
    assert fold.history.trials[0].reports == []
    assert len(fold.history.events) == 2
    assert fold.report(REPORTED).action is Action.PAUSE


def test_once_the_reward_is_reached_every_report_is_answered_with_a_stop(fold):
    fold.apply(PROPOSED)
    fold.apply(STARTED)
    assert fold.report(Reported(0, 2.0, 1, 0.95, {})).reason == "the run ends: max_reward"
    assert fold.is_stopping


def test_an_event_that_does_not_follow_is_named_by_its_number(fold):
    fold.apply(PROPOSED)
    with pytest.raises(JournalError, match="event 2 of the journal does not follow"):
        fold.apply(TrialStarted(7, 1.0))
