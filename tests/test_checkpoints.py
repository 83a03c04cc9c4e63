import os

import pytest

from agcore.checkpoints import TrialCheckpoints, clean_up, complete_checkpoints, discard_others


def save(checkpoints, resource, text):
    (checkpoints.open_folder / "model.txt").write_text(text)
    return checkpoints.commit(resource)


def test_what_was_written_between_two_commits_is_one_checkpoint(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    assert checkpoints.latest is None
    assert save(checkpoints, 1, "one") == 3
    assert checkpoints.latest == tmp_path / "checkpoint" / "1"
    assert list(checkpoints.open_folder.iterdir()) == []
    assert save(checkpoints, 2, "second") == 6
    assert (checkpoints.latest / "model.txt").read_text() == "second"
    assert complete_checkpoints(tmp_path / "checkpoint") == {1, 2}


def test_nothing_written_is_no_checkpoint_and_no_folder(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    assert checkpoints.commit(1) is None
    assert not (tmp_path / "checkpoint").exists()
    assert checkpoints.open_folder.is_dir()
    assert checkpoints.commit(2) is None
    assert checkpoints.latest is None


def test_files_in_folders_count_and_links_are_not_followed(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    (checkpoints.open_folder / "deep" / "er").mkdir(parents=True)
    (checkpoints.open_folder / "deep" / "er" / "a.bin").write_bytes(bytes(1000))
    (tmp_path / "large").write_bytes(bytes(5000))
    (checkpoints.open_folder / "link").symlink_to(tmp_path / "large")
    assert checkpoints.commit(3) == 1000
    assert (checkpoints.latest / "deep" / "er" / "a.bin").exists()


def test_a_checkpoint_of_the_same_resource_is_replaced(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    save(checkpoints, 1, "first")
    save(checkpoints, 1, "again")
    assert (checkpoints.latest / "model.txt").read_text() == "again"
    assert [entry.name for entry in (tmp_path / "checkpoint").iterdir()] == ["1"]


def test_what_an_attempt_that_was_cut_off_left_open_is_never_seen(tmp_path):
    first = TrialCheckpoints(tmp_path / "checkpoint")
    save(first, 1, "whole")
    (first.open_folder / "half.txt").write_text("ha")
    second = TrialCheckpoints(tmp_path / "checkpoint", first.latest)
    assert second.latest == tmp_path / "checkpoint" / "1"
    assert complete_checkpoints(tmp_path / "checkpoint") == {1}
    assert list(second.open_folder.iterdir()) == []


def test_without_a_folder_the_files_go_with_the_object():
    checkpoints = TrialCheckpoints()
    save(checkpoints, 1, "one")
    home = checkpoints.latest.parent
    assert home.is_dir()
    del checkpoints
    assert not home.exists()


def test_others_are_discarded_also_those_half_written(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    for resource in (1, 2, 3):
        save(checkpoints, resource, "x")
    assert checkpoints.open_folder.is_dir()
    discard_others(tmp_path / "checkpoint", frozenset({2}))
    assert checkpoints.open_folder.is_dir()  # its trial may be writing
    clean_up(tmp_path / "checkpoint")
    assert [entry.name for entry in (tmp_path / "checkpoint").iterdir()] == ["2"]
    discard_others(tmp_path / "nowhere", frozenset())
    clean_up(tmp_path / "nowhere")


def test_a_checkpoint_that_was_about_to_be_replaced_is_put_back(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    save(checkpoints, 3, "x")
    (tmp_path / "checkpoint" / "3").rename(tmp_path / "checkpoint" / ".replaced-3")
    clean_up(tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint" / "3" / "model.txt").read_text() == "x"
    (tmp_path / "checkpoint" / "3").rename(tmp_path / "checkpoint" / ".deleted-3")
    clean_up(tmp_path / "checkpoint")
    assert not (tmp_path / "checkpoint").exists()


def test_a_full_disk_is_an_error_and_the_checkpoint_before_stays(tmp_path, monkeypatch):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    save(checkpoints, 1, "one")
    (checkpoints.open_folder / "model.txt").write_text("two")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.commit(2)
    assert complete_checkpoints(tmp_path / "checkpoint") == {1}
    assert checkpoints.latest == tmp_path / "checkpoint" / "1"
