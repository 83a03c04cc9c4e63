import itertools

import pytest

import agcore as ag
from agcore.checkpoints import TrialCheckpoints
from agcore.history import RunHistory
from agcore.journal import JournalWriter
from agcore.records import Reported, TrialEnded, TrialProposed, TrialStarted, TrialState
from agcore.scheduler.checkpoints import CheckpointKeeper
from agcore.trial_folders import TrialFolders


class Run:
    """A history and its checkpoints; each report comes with one of 100 bytes."""

    def __init__(self, tmp_path, trial_value="best", **options):
        self.folders = TrialFolders(tmp_path / "trials")
        self.history = RunHistory(trial_value=trial_value)
        self.keeper = CheckpointKeeper(self.folders, self.history, **options)

    def starts(self, trial_id, attempt=0):
        if not attempt:
            self.history.apply(TrialProposed(trial_id, 0.0, {"x": trial_id}, "random"))
        self.history.apply(TrialStarted(trial_id, 0.0, attempt))

    def reports(self, trial_id, resource, reward, *, saves=True):
        size = None
        if saves:
            checkpoints = TrialCheckpoints(self.folders.checkpoints(trial_id))
            (checkpoints.open_folder / "model").write_bytes(bytes(100))
            size = checkpoints.commit(resource)
        self.history.apply(Reported(trial_id, 0.0, resource, reward, {}, size))
        if size is not None:
            self.keeper.add(trial_id, resource, size)
        self.keeper.tidy()

    def ends(self, trial_id, state=TrialState.COMPLETED):
        self.history.apply(TrialEnded(trial_id, 1.0, state))
        self.keeper.on_exit(self.history.trials[trial_id])
        self.keeper.tidy()

    def on_disk(self, trial_id):
        folder = self.folders.checkpoints(trial_id)
        return sorted(int(entry.name) for entry in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_a_running_trial_keeps_its_last_checkpoint_and_that_of_its_best_report(run):
    run.starts(0)
    for resource, reward in enumerate((0.1, 0.9, 0.5, 0.4), start=1):
        run.reports(0, resource, reward)
    assert run.on_disk(0) == [2, 4]
    trial = run.history.trials[0]
    assert run.keeper.latest(trial).resource == 4
    assert run.keeper.best(trial).path == run.folders.checkpoint(0, 2)


def test_a_best_report_without_a_checkpoint_has_the_one_before_it(run):
    run.starts(0)
    run.reports(0, 1, 0.1)
    run.reports(0, 2, 0.9, saves=False)
    run.reports(0, 3, 0.2)
    assert run.on_disk(0) == [1, 3]
    assert run.keeper.best(run.history.trials[0]).resource == 1


def test_of_trials_that_have_ended_only_the_best_keeps_its_files(run):
    for trial_id, reward in enumerate((0.5, 0.9, 0.7)):
        run.starts(trial_id)
        run.reports(trial_id, 1, reward)
        run.reports(trial_id, 2, reward - 0.1)
        run.ends(trial_id)
    assert [run.on_disk(i) for i in range(3)] == [[], [1, 2], []]
    assert run.keeper.latest(run.history.trials[0]) is None
    assert run.keeper.best(run.history.trials[0]) is None


def test_who_was_the_best_loses_its_files_to_the_next(run):
    run.starts(0)
    run.reports(0, 1, 0.5)
    run.ends(0)
    assert run.on_disk(0) == [1]
    run.starts(1)
    run.reports(1, 1, 0.6)
    assert (run.on_disk(0), run.on_disk(1)) == ([1], [1])  # it may fail yet
    run.ends(1)
    assert (run.on_disk(0), run.on_disk(1)) == ([], [1])


def test_who_was_the_best_is_so_again_when_a_better_one_fails(run):
    run.starts(0)
    run.reports(0, 1, 0.5)
    run.ends(0)
    run.starts(1)
    run.reports(1, 1, 0.6)
    run.ends(1, TrialState.FAILED)
    assert (run.on_disk(0), run.on_disk(1)) == ([1], [])
    assert run.keeper.best(run.history.trials[0]).resource == 1


def test_who_was_the_best_is_so_again_when_a_better_one_falls_back(tmp_path):
    run = Run(tmp_path, trial_value="last")
    run.starts(0)
    run.reports(0, 1, 0.5)
    run.ends(0)
    run.starts(1)
    run.reports(1, 1, 0.6)
    run.reports(1, 2, 0.4)
    run.ends(1)
    assert (run.on_disk(0), run.on_disk(1)) == ([1], [])


@pytest.mark.parametrize("state", [TrialState.PAUSED, TrialState.INTERRUPTED])
def test_trials_that_may_go_on_keep_their_files(run, state):
    run.starts(0)
    run.reports(0, 1, 0.9)
    run.starts(1)
    run.reports(1, 1, 0.5)
    run.ends(1, state)
    assert run.on_disk(1) == [1]


def test_a_lost_trial_keeps_its_files_as_long_as_it_will_be_tried_again(tmp_path):
    run = Run(tmp_path, max_retries=1)
    run.starts(0)
    run.reports(0, 1, 0.9)
    run.starts(1)
    run.reports(1, 1, 0.5)
    run.ends(1, TrialState.LOST)
    assert run.on_disk(1) == [1]
    run.starts(1, attempt=1)
    run.ends(1, TrialState.LOST)
    assert run.on_disk(1) == []


def test_after_a_crash_only_what_the_record_knows_is_found(run):
    run.starts(0)
    run.reports(0, 1, 0.5)
    checkpoints = TrialCheckpoints(run.folders.checkpoints(0))
    (checkpoints.open_folder / "model").write_bytes(bytes(10))
    checkpoints.commit(2)  # its report did not reach the journal
    (checkpoints.open_folder / "half").write_bytes(bytes(10))
    again = CheckpointKeeper(run.folders, run.history)
    again.restore()
    assert run.on_disk(0) == [1]
    assert again.latest(run.history.trials[0]).resource == 1


def test_files_that_somebody_has_deleted_are_not_offered(run):
    run.starts(0)
    run.reports(0, 1, 0.5)
    (run.folders.checkpoint(0, 1) / "model").unlink()
    run.folders.checkpoint(0, 1).rmdir()
    run.keeper.restore()
    assert run.keeper.latest(run.history.trials[0]) is None


def test_a_limit_takes_the_least_promising_of_the_paused_trials_first(tmp_path):
    run = Run(tmp_path, max_bytes=250)
    for trial_id, reward in enumerate((0.3, 0.9, 0.5)):
        run.starts(trial_id)
        run.reports(trial_id, 1, reward)
        run.ends(trial_id, TrialState.PAUSED)
    assert [run.on_disk(i) for i in range(3)] == [[], [1], [1]]


def test_a_limit_takes_earlier_best_checkpoints_before_those_to_go_on_from(tmp_path):
    run = Run(tmp_path, max_bytes=350)
    run.starts(0)
    run.reports(0, 1, 0.9)
    run.starts(1)
    run.reports(1, 1, 0.5)
    run.reports(1, 2, 0.4)
    run.reports(0, 2, 0.8)
    assert (run.on_disk(0), run.on_disk(1)) == ([1, 2], [2])


def test_what_is_needed_stays_beyond_the_limit_with_one_warning(tmp_path, caplog):
    run = Run(tmp_path, max_bytes=50)
    run.starts(0)
    run.reports(0, 1, 0.9)
    run.reports(0, 2, 0.8)
    assert run.on_disk(0) == [1, 2]
    warnings = [record for record in caplog.records if "max_checkpoint_gb" in record.message]
    assert len(warnings) == 1


def test_files_are_deleted_only_after_what_says_so_is_written(tmp_path, monkeypatch):
    """A trial whose end is not in the journal goes on from its checkpoint after a crash."""
    order = []
    commit, tidy = JournalWriter.commit, CheckpointKeeper.tidy

    def noted_commit(self):
        order.append(f"write {len(self.unwritten)}")
        commit(self)

    def noted_tidy(self):
        if self.may_tidy:
            order.append("delete")
        tidy(self)

    monkeypatch.setattr(JournalWriter, "commit", noted_commit)
    monkeypatch.setattr(CheckpointKeeper, "tidy", noted_tidy)

    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        for epoch in (1, 2):
            (reporter.checkpoint_dir / "file").write_text("x")
            reporter(epoch=epoch, accuracy=args.x)

    ag.scheduler.FIFOScheduler(
        train, num_trials=3, executor="inline", checkpoint=tmp_path, progress=False
    ).run()
    assert "delete" in order
    for before, now in itertools.pairwise(order):
        assert now != "delete" or before.startswith("write")


def test_a_checkpoint_whose_report_is_still_to_come_is_left_alone(run):
    run.starts(0)
    run.starts(1)
    run.reports(0, 1, 0.5)  # the best
    ahead = TrialCheckpoints(run.folders.checkpoints(0))
    (ahead.open_folder / "model").write_bytes(bytes(100))
    ahead.commit(2)
    run.reports(1, 1, 0.9)  # another is the best now
    assert 2 in run.on_disk(0)


def begins_as_a_copy(run, trial_id, parent_id):
    run.history.apply(TrialProposed(trial_id, 0.0, {"x": 1}, "explore", parent=parent_id))
    trials = run.history.trials
    found = run.keeper.inherit(trials[trial_id], trials[parent_id])
    begin = 0 if found is None else found.resource
    parent = parent_id if begin else None
    run.history.apply(TrialStarted(trial_id, 0.0, 0, begin, parent=parent))
    return found


def test_a_copy_has_the_latest_checkpoint_of_its_parent_as_its_own(run):
    run.starts(0)
    run.reports(0, 1, 0.9)
    run.reports(0, 2, 0.5)
    found = begins_as_a_copy(run, 1, 0)
    assert found == (2, run.folders.checkpoint(1, 2))
    run.ends(0, TrialState.STOPPED)
    trial = run.history.trials[1]
    assert run.keeper.latest(trial) == found
    run.reports(1, 3, 0.1)
    assert run.on_disk(1) == [3]


def test_a_parent_without_a_checkpoint_has_none_to_give(run):
    run.starts(0)
    run.reports(0, 1, 0.9, saves=False)
    assert begins_as_a_copy(run, 1, 0) is None
    assert not run.folders.trial(1).exists()


def test_after_a_crash_a_copy_has_what_it_began_with_and_no_more(run):
    run.starts(0)
    run.reports(0, 4, 0.9)
    begins_as_a_copy(run, 1, 0)
    unknown = TrialCheckpoints(run.folders.checkpoints(1))
    (unknown.open_folder / "model").write_bytes(bytes(100))
    unknown.commit(5)
    again = CheckpointKeeper(run.folders, run.history)
    again.restore()
    assert run.on_disk(1) == [4]
    assert again.latest(run.history.trials[1]).resource == 4
    # A copy that was made for a trial whose start is not in the record is not found.
    run.history.apply(TrialProposed(2, 0.0, {"x": 2}, "explore", parent=0))
    again.inherit(run.history.trials[2], run.history.trials[0])
    CheckpointKeeper(run.folders, run.history).restore()
    assert run.on_disk(2) == []
