from pathlib import Path

import agcore as ag
from agcore.history import RunHistory
from agcore.jobs import Resume, Start
from agcore.journal import NoJournal
from agcore.policy import FIFOPolicy
from agcore.records import Pending, ResumeTrial
from agcore.scheduler.checkpoints import CheckpointKeeper
from agcore.scheduler.clock import SystemClock
from agcore.scheduler.feed import SearcherFeed
from agcore.scheduler.parts import Parts
from agcore.scheduler.proposals import Proposals
from agcore.scheduler.rewards import OneReward
from agcore.scheduler.settings import Limits, RunSettings
from agcore.scheduler.starts import PendingTrials, Starts
from agcore.searcher import GridSearcher
from agcore.space import SearchSpace
from agcore.trial_folders import TrialFolders


def make_starts(policy=None, num_trials=10):
    space = SearchSpace({"kind": ag.Categorical("a", "b")})
    searcher, history = GridSearcher(space), RunHistory()
    parts = Parts(
        policy or FIFOPolicy(),
        searcher,
        Proposals(searcher, space),
        SearcherFeed(searcher, "trial", history),
        executor=None,
        history=history,
        journal=NoJournal(),
        clock=SystemClock(),
        checkpoints=CheckpointKeeper(TrialFolders(Path("nowhere"), True), history),
        rewards=OneReward("accuracy", 1),
    )
    return Starts(parts, RunSettings(), Limits(num_trials), history.apply, []), history


def test_new_trials_get_consecutive_ids_and_a_seed_each():
    starts, history = make_starts()
    jobs = [starts.job(starts.next([], 0.0).live) for _ in range(2)]
    assert [(type(j), j.trial_id, j.config) for j in jobs] == [
        (Start, 0, {"kind": "a"}),
        (Start, 1, {"kind": "b"}),
    ]
    assert jobs[0].seed != jobs[1].seed
    assert list(history.trials) == [0, 1]


def test_nothing_starts_when_the_configs_or_the_trials_are_used_up():
    starts, _ = make_starts()
    assert [starts.next([], 0.0) is None for _ in range(3)] == [False, False, True]
    limited, _ = make_starts(num_trials=1)
    assert [limited.next([], 0.0) is None for _ in range(2)] == [False, True]


def test_when_no_config_is_left_a_paused_trial_may_still_go_on():
    class Promotes(FIFOPolicy):
        def next_job(self, now_s, *, allow_new=True):
            if allow_new:
                return super().next_job(now_s)
            return ResumeTrial(0, 1, 3, 0, "it is the best")

    starts, history = make_starts(Promotes())
    starts.next([], 0.0)
    starts.next([], 0.0)
    launch = starts.next([], 0.0)
    assert isinstance(starts.job(launch.live), Resume)
    assert launch.reason == "it is the best"
    assert launch.announcement() == "trial 0 resumes from 1 up to 3: it is the best"
    assert len(history.trials) == 2


def test_the_announcement_names_origin_and_values():
    starts, _ = make_starts()
    assert starts.next([], 0.0).announcement() == "trial 0 starts (grid): kind='a'"


def test_pending_trials_are_found_out_once_and_only_if_they_are_read():
    expected = Pending(0, {}), Pending(1, {}, 3)
    calls = []

    def find():
        calls.append(1)
        return expected

    pending = PendingTrials(find)
    assert not calls
    assert (len(pending), pending[1], pending[:1]) == (2, expected[1], expected[:1])
    assert tuple(pending) == expected
    assert repr(pending) == repr(expected)
    assert calls == [1]
