import pytest

from agcore.errors import JournalError, SpecError
from agcore_contrib.otx.call_log import CallLog


def test_calls_come_back_in_order_with_numbers_that_json_has_not(tmp_path):
    log = CallLog(tmp_path / "new", {"mode": "max"}, resume=True)
    log.append("report_score", float("inf"), 3, "7")
    log.append("get_next_sample")
    again = CallLog(tmp_path / "new", {"mode": "max"}, resume=True)
    assert list(again.calls()) == [
        ("report_score", [float("inf"), 3, "7"]),
        ("get_next_sample", []),
    ]


def test_a_line_that_was_cut_off_is_removed_before_the_next_one(tmp_path):
    log = CallLog(tmp_path, {}, resume=False)
    log.append("a")
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('["b')
    CallLog(tmp_path, {}, resume=True).append("c")
    assert list(CallLog(tmp_path, {}, resume=True).calls()) == [("a", []), ("c", [])]


def test_without_resume_the_file_begins_anew(tmp_path):
    CallLog(tmp_path, {}, resume=False).append("a")
    assert list(CallLog(tmp_path, {"b": 1}, resume=False).calls()) == []


def test_other_settings_are_refused_and_the_file_stays(tmp_path):
    CallLog(tmp_path, {"mode": "max", "seed": 1}, resume=False).append("a")
    with pytest.raises(SpecError, match="a search with the other mode: 'max', now 'min'"):
        CallLog(tmp_path, {"mode": "min", "seed": 1}, resume=True)
    with pytest.raises(SpecError, match="a search with another seed: 1, now 2"):
        CallLog(tmp_path, {"mode": "max", "seed": 2}, resume=True)
    assert list(CallLog(tmp_path, {"mode": "max", "seed": 1}, resume=True).calls()) == [("a", [])]


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be used: .*; pass another save_path"):
        CallLog(tmp_path / "file", {}, resume=False)
    (tmp_path / "history.jsonl").write_text("no json\n")
    with pytest.raises(JournalError, match="cannot be used"):
        CallLog(tmp_path, {}, resume=True)
