import stat

from agcore.trial_folders import TrialFolders


def test_folders_sort_as_their_numbers_and_are_made_on_demand(tmp_path):
    folders = TrialFolders(tmp_path / "trials")
    assert folders.log(7) == tmp_path / "trials" / "0007" / "log.txt"
    assert folders.checkpoint(7, 3) == tmp_path / "trials" / "0007" / "checkpoint" / "3"
    assert sorted([folders.trial(10), folders.trial(9)])[0] == folders.trial(9)
    assert not folders.root.exists()
    assert folders.trial_ids() == []
    folders.make(folders.checkpoints(7))
    folders.make(folders.checkpoints(7))
    assert folders.checkpoints(7).is_dir()
    folders.make(folders.trial(12345))
    (folders.root / "notes").mkdir()
    assert folders.trial_ids() == [7, 12345]


def test_nobody_else_may_look_into_a_temporary_folder(tmp_path):
    folders = TrialFolders(tmp_path / "trials", is_temporary=True)
    folders.make(folders.trial(1))
    assert stat.S_IMODE(folders.root.stat().st_mode) & 0o077 == 0
