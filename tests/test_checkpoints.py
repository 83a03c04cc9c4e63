import errno
import os
import shutil
import threading

import pytest

from agcore.checkpoints import (
    TrialCheckpoints,
    checkpoint_bytes,
    clean_up,
    complete_checkpoints,
    copy_checkpoint,
    discard,
    discard_others,
)


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


def test_a_copy_is_whole_and_independent(tmp_path):
    parent = TrialCheckpoints(tmp_path / "parent")
    (parent.open_folder / "deep").mkdir()
    (parent.open_folder / "deep" / "a").write_text("abc")
    (parent.open_folder / "link").symlink_to(tmp_path)
    save(parent, 7, "model")
    (parent.open_folder / "half.txt").write_text("not yet")
    folder = tmp_path / "child" / "checkpoint"
    assert copy_checkpoint(parent.latest, folder) == checkpoint_bytes(parent.latest) == 8
    assert complete_checkpoints(folder) == {7}
    (parent.latest / "model.txt").write_text("other")
    assert (folder / "7" / "model.txt").read_text() == "model"
    assert (folder / "7" / "link").is_symlink()
    assert [entry.name for entry in folder.iterdir()] == ["7"]


def test_there_is_no_copy_of_what_is_not_there(tmp_path):
    assert copy_checkpoint(tmp_path / "parent" / "7", tmp_path / "child") is None
    assert not (tmp_path / "child").exists()


def test_a_copy_is_never_a_mixture_while_the_same_resource_is_saved_again(tmp_path):
    parent = TrialCheckpoints(tmp_path / "parent")

    def rewrite(text):
        for number in range(30):
            (parent.open_folder / str(number)).write_text(text)
        parent.commit(3)

    rewrite("0")
    is_over = threading.Event()

    def go_on():
        count = 1
        while not is_over.is_set():
            rewrite(str(count))
            count += 1

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for number in range(25):
            folder = tmp_path / f"child{number}"
            if copy_checkpoint(tmp_path / "parent" / "3", folder) is not None:
                files = list((folder / "3").iterdir())
                assert len(files) == 30
                assert len({file.read_text() for file in files}) == 1
    finally:
        is_over.set()
        writer.join()


def test_a_copy_for_which_there_is_no_room_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    parent = TrialCheckpoints(tmp_path / "parent")
    save(parent, 1, "model")

    def no_room(source, target, **options):
        target.mkdir()
        raise shutil.Error([(str(source), str(target), os.strerror(errno.ENOSPC))])

    monkeypatch.setattr(shutil, "copytree", no_room)
    with pytest.raises(OSError, match="No space left"):
        copy_checkpoint(parent.latest, tmp_path / "child")
    assert list((tmp_path / "child").iterdir()) == []


def test_a_copy_that_was_cut_off_is_cleaned_up(tmp_path):
    (tmp_path / "checkpoint" / ".copied-3").mkdir(parents=True)
    clean_up(tmp_path / "checkpoint")
    assert not (tmp_path / "checkpoint").exists()


def test_discarding_leaves_the_other_checkpoints_alone(tmp_path):
    checkpoints = TrialCheckpoints(tmp_path / "checkpoint")
    for resource in (1, 2, 3):
        save(checkpoints, resource, "x")
    discard(tmp_path / "checkpoint", frozenset({1, 2, 9}))
    assert complete_checkpoints(tmp_path / "checkpoint") == {3}
