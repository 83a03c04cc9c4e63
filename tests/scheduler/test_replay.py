from pathlib import Path

import pytest

import agcore as ag
from agcore.errors import JournalError
from agcore.history import RunHistory
from agcore.journal import NoJournal
from agcore.policy import HyperbandPolicy
from agcore.records import Reported, RunStarted, TrialEnded, TrialProposed, TrialStarted, TrialState
from agcore.scheduler.checkpoints import CheckpointKeeper
from agcore.scheduler.clock import SystemClock
from agcore.scheduler.feed import SearcherFeed
from agcore.scheduler.parts import Parts
from agcore.scheduler.proposals import Proposals
from agcore.scheduler.replay import Replay
from agcore.scheduler.rewards import OneReward
from agcore.scheduler.settings import RunSettings
from agcore.scheduler.starts import CUT_OFF
from agcore.searcher import RandomSearcher
from agcore.space import SearchSpace
from agcore.trial_folders import TrialFolders


def replayed(events, kind="promotion"):
    space = SearchSpace({"x": ag.Real(0, 1)})
    searcher, history = RandomSearcher(space), RunHistory()
    parts = Parts(
        policy=HyperbandPolicy(9, type=kind),
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
    replay = Replay(parts, RunSettings())
    replay.apply_all(events)
    return replay, parts


PROPOSED = TrialProposed(0, 1.0, {"x": 0.25}, "random")
STARTED = TrialStarted(0, 1.0, milestone=1)


def test_a_trial_that_was_only_proposed_starts_for_the_first_time():
    replay, parts = replayed([RunStarted(0.0, 0, {}, {}, {}), PROPOSED])
    (launch,) = replay.launches
    assert launch.reason == ""
    assert launch.wish is not None
    assert parts.searcher.is_known({"x": 0.25})


def test_a_trial_that_ran_starts_again_without_asking_the_policy():
    replay, _ = replayed([PROPOSED, STARTED])
    (launch,) = replay.launches
    assert (launch.live.trial.attempts, launch.reason, launch.wish) == (1, CUT_OFF, None)


def test_a_verdict_that_was_cut_off_is_carried_out():
    replay, parts = replayed([PROPOSED, STARTED, Reported(0, 2.0, 1, 0.5, {"acc": 0.5})])
    assert [type(event).__name__ for event in replay.missing] == ["Decided", "TrialEnded"]
    assert parts.history.trials[0].state is TrialState.PAUSED
    assert replay.launches == []


def test_a_run_that_ended_leaves_nothing_to_start():
    ended = TrialEnded(0, 3.0, TrialState.FAILED, "boom")
    replay, parts = replayed([PROPOSED, STARTED, ended])
    assert (replay.launches, replay.missing) == ([], [])
    assert parts.history.num_failures == 1


def test_events_that_do_not_follow_are_one_clear_error():
    with pytest.raises(JournalError, match="event 1 of the journal does not follow"):
        replayed([STARTED])


def test_a_trial_between_two_rungs_goes_on_towards_the_next_one():
    reports = [Reported(0, 2.0, epoch, 0.5, {"acc": 0.5}) for epoch in (1, 2)]
    replay, _ = replayed([PROPOSED, STARTED, *reports], "stopping")
    (launch,) = replay.launches
    assert (launch.live.known, launch.live.milestone) == (2, 3)
