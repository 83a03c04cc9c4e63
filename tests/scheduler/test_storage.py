import json

import pytest

from agcore.errors import JournalError
from agcore.journal import read_journal
from agcore.records import RunEnded, RunStarted
from agcore.run_directory import RunDirectory
from agcore.scheduler.descriptions import describe_options, fingerprint
from agcore.scheduler.storage import NoStorage, RunStorage

DESCRIPTION = {
    "scheduler": {"class": "FIFOScheduler", "mode": "max"},
    "space": {"x": "Real"},
    "train_function": {"name": "train", "source": "abc"},
    "versions": {"agcore": "0.1.0"},
}
START = RunStarted(1.0, 0, {}, {}, {})


@pytest.fixture
def directory(tmp_path):
    storage = RunStorage(RunDirectory.make(tmp_path), DESCRIPTION)
    assert not storage.begin(resume="auto")
    with storage.session() as journal:
        journal.append(START)
    return RunDirectory(tmp_path)


def test_a_session_writes_description_and_events(directory):
    assert json.loads(directory.description.read_text()) == DESCRIPTION
    assert list(read_journal(directory.journal)) == [START]


def test_what_was_cut_off_is_written_first_in_the_next_session(directory):
    storage = RunStorage(directory, DESCRIPTION)
    assert storage.begin(resume=True)
    list(storage.events(space=None))
    storage.missing = [RunEnded(2.0, "cut off")]
    with storage.session() as journal:
        journal.append(RunEnded(3.0, "later"))
    assert [e.time_s for e in read_journal(directory.journal)] == [1.0, 2.0, 3.0]
    assert storage.missing == []


def test_every_difference_is_named(directory):
    changed = {
        **DESCRIPTION,
        "scheduler": {"class": "FIFOScheduler", "brackets": 2},
        "space": {"x": "Int"},
    }
    with pytest.raises(JournalError) as caught:
        RunStorage(directory, changed).begin(resume=True)
    for words in (
        "mode was 'max' and is gone",
        "brackets is new: 2",
        "x was 'Real' and is 'Int'",
    ):
        assert words in str(caught.value)


def test_a_new_version_is_a_warning(directory, caplog):
    newer = {**DESCRIPTION, "versions": {"agcore": "0.2.0"}}
    assert RunStorage(directory, newer).begin(resume=True)
    assert "version: agcore was '0.1.0' and is '0.2.0'" in caplog.text


def test_without_a_directory_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with NoStorage().session() as journal:
        journal.append(START)
        journal.commit()
        journal.close()
    assert list(tmp_path.iterdir()) == []


def test_functions_are_told_apart_by_name_and_source():
    def one():
        return 1

    def other():
        return 2

    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(one)["source"] != fingerprint(other)["source"]
    assert fingerprint(len) == {"name": "len"}


def test_options_without_a_json_form_are_described():
    described = describe_options({"b": len, "a": (1, {"x": None}), "debug_log": True})
    assert described == {"a": [1, {"x": None}], "b": "len"}
