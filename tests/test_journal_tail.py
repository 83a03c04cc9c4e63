import pytest

from agcore.errors import JournalError
from agcore.journal import JournalTail, encode_event
from agcore.records import RunEnded, RunStarted

START = RunStarted(1.0, 0, {}, {}, {})
ENDS = [RunEnded(float(i), f"\u2028 {i}") for i in range(3)]


def line(event):
    return (encode_event(event) + "\n").encode()


def test_each_event_is_read_once(tmp_path):
    journal = tmp_path / "events.jsonl"
    tail = JournalTail(journal)
    assert tail.read() == []
    journal.write_bytes(line(START))
    assert tail.read() == [START]
    with journal.open("ab") as file:
        file.write(line(ENDS[0]) + line(ENDS[1])[:7])
    assert tail.read() == [ENDS[0]]
    assert tail.read() == []
    with journal.open("ab") as file:
        file.write(line(ENDS[1])[7:])
    assert tail.read() == [ENDS[1]]


def test_what_the_caller_has_written_is_passed_over(tmp_path):
    journal = tmp_path / "events.jsonl"
    journal.write_bytes(line(START))
    tail = JournalTail(journal)
    tail.read()
    with journal.open("ab") as file:
        file.write(line(ENDS[0]))
    tail.skip(1)
    assert tail.read() == []
    with journal.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(JournalError, match=r"line 3 of .* is damaged"):
        tail.read()


def test_a_journal_begins_with_the_start_of_a_run(tmp_path):
    journal = tmp_path / "events.jsonl"
    journal.write_bytes(line(ENDS[0]))
    with pytest.raises(JournalError, match="does not begin with RunStarted"):
        JournalTail(journal).read()


def test_another_file_in_its_place_is_noticed(tmp_path):
    journal = tmp_path / "events.jsonl"
    journal.write_bytes(line(START) + line(ENDS[0]))
    tail = JournalTail(journal)
    tail.read()
    journal.write_bytes(line(START))
    with pytest.raises(JournalError, match="is shorter than it was"):
        tail.read()
    journal.unlink()
    with pytest.raises(JournalError, match="is gone"):
        tail.read()
    journal.mkdir()
    with pytest.raises(JournalError):
        tail.read()
