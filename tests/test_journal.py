import errno
import json
import math
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from agcore.errors import AgcoreError, JournalError
from agcore.history import RunHistory
from agcore.journal import (
    JournalWriter,
    decode_event,
    encode_event,
    event_to_json,
    read_history,
    read_journal,
)
from agcore.records import (
    Action,
    Decided,
    Decision,
    Reported,
    RunEnded,
    RungStanding,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)

START = RunStarted(100.0, 7, {"mode": "max"}, {"x": "Real"}, {"agcore": "0.1"})

text = st.text(max_size=5)
floats = st.floats(allow_nan=False)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), floats, text),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
).filter(lambda value: value not in ("NaN", "Infinity", "-Infinity"))
finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(0, 4 * 10**15).map(lambda micros: micros / 1e6)
ids, counts = st.integers(0, 10**6), st.integers(1, 100)
configs = st.dictionaries(text, st.one_of(st.booleans(), st.integers(-9, 9), finite, text))
metrics = st.dictionaries(text, st.one_of(st.integers(-9, 9), floats, st.booleans()), max_size=3)
standings = st.builds(
    RungStanding, counts, counts, counts, finite, st.none() | finite, st.none() | counts
)
decisions = st.builds(
    Decision,
    st.sampled_from(Action),
    text.filter(bool),
    st.booleans(),
    st.none() | standings,
    st.none() | counts,
)
events = st.one_of(
    st.builds(RunResumed, times, st.none() | counts, st.none() | finite),
    st.builds(
        TrialProposed, ids, times, configs, text, ids, metrics.filter(bool), times, st.none() | ids
    ),
    st.builds(
        TrialStarted, ids, times, ids, ids, st.none() | ids, text, st.booleans(), st.none() | ids
    ),
    st.builds(Reported, ids, times, counts, floats, metrics),
    st.builds(Decided, ids, times, counts, decisions),
    st.builds(
        TrialEnded, ids, times, st.sampled_from(TrialState), text, text, st.none() | st.integers()
    ),
    st.builds(RunEnded, times, text),
)


@given(event=events)
def test_an_event_read_back_is_the_event_written(event):
    line = encode_event(event)
    assert "\n" not in line
    assert decode_event(line) == event
    assert json.loads(line) == json.loads(json.dumps(event_to_json(event), allow_nan=False))


@given(event=events)
def test_every_field_keeps_its_type(event):
    twin = decode_event(encode_event(event))
    assert repr(twin) == repr(event)


def test_nan_survives_as_a_string_that_json_readers_understand():
    event = Reported(0, 1.0, 1, math.nan, {"loss": math.inf, "all": [math.nan, -math.inf]})
    line = encode_event(event)
    assert json.loads(line)["reward"] == "NaN"
    twin = decode_event(line)
    assert math.isnan(twin.reward)
    assert twin.metrics["loss"] == math.inf
    assert math.isnan(twin.metrics["all"][0])


def test_what_says_nothing_is_left_out():
    assert event_to_json(TrialEnded(1, 2.0, TrialState.LOST, "gone", exit_code=-9)) == {
        "event": "TrialEnded",
        "trial_id": 1,
        "time_s": 2.0,
        "state": "lost",
        "error": "gone",
        "exit_code": -9,
    }


# -- writing -------------------------------------------------------------------------------


def some_events(count=20):
    return [START, *(Reported(i, 1.0 + i, 1, i / 7, {"acc": i / 7}) for i in range(count))]


def written(path, events):
    writer = JournalWriter(path)
    for event in events:
        writer.append(event)
    writer.close()
    return path


def test_the_parent_of_a_copy_is_written_and_others_have_none():
    proposed = TrialProposed(5, 1.0, {"x": 1}, "explore", parent=0)
    started = TrialStarted(5, 1.0, 0, 4, 6, parent=0)
    for event in (proposed, started):
        assert json.loads(encode_event(event))["parent"] == 0
        assert decode_event(encode_event(event)) == event
    before = '{"event":"TrialStarted","trial_id":5,"time_s":1.0,"attempt":0,"resume_from":0}'
    assert decode_event(before).parent is None
    assert "parent" not in encode_event(TrialProposed(5, 1.0, {"x": 1}, "random"))


def test_what_is_committed_is_read_back_also_while_it_grows(tmp_path):
    path = tmp_path / "events.jsonl"
    writer, events = JournalWriter(path), some_events()
    for number, event in enumerate(events, start=1):
        writer.append(event)
        assert len(list(read_journal(path))) == number - 1
        writer.commit()
        assert list(read_journal(path)) == events[:number]
    writer.close()


def test_a_writer_goes_on_where_the_last_one_ended_and_removes_a_torn_line(tmp_path):
    path = written(tmp_path / "events.jsonl", some_events(3))
    with path.open("ab") as file:
        file.write(b'{"event":"Reported","trial_id":3,"ti')
    assert len(list(read_journal(path))) == 4
    written(path, [RunEnded(9.0, "done")])
    assert list(read_journal(path)) == [*some_events(3), RunEnded(9.0, "done")]


def test_a_journal_cut_at_any_byte_gives_the_events_before_the_cut(tmp_path):
    events = some_events(5)
    whole = written(tmp_path / "whole.jsonl", events).read_bytes()
    path = tmp_path / "cut.jsonl"
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        assert list(read_journal(path)) == events[: whole[:size].count(b"\n")]
        JournalWriter(path).close()
        assert path.read_bytes() == whole[: whole[:size].rfind(b"\n") + 1]


def test_a_full_disk_is_reported_with_the_event_and_harms_nothing(tmp_path):
    # A limit on the size of files stands in for the disk: the write is cut short, then refused.
    script = """
import resource, signal, sys
from pathlib import Path
from agcore.errors import JournalError
from agcore.journal import JournalWriter, read_journal
from agcore.records import Reported, RunStarted
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
writer = JournalWriter(path)
writer.append(RunStarted(0.0, 0, {}, {}, {}))
writer.commit()
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, size + 10))
writer.append(Reported(5, 0.0, 1, 0.5, {"acc": 0.5}))
try:
    writer.commit()
except JournalError as error:
    print(error)
assert path.stat().st_size == size
assert len(list(read_journal(path))) == 1
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "events.jsonl")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert os.strerror(errno.EFBIG) in done.stdout
    assert '"trial_id":5' in done.stdout


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(JournalError, match="cannot be written"):
        JournalWriter(tmp_path / "no" / "such" / "events.jsonl")


def test_a_committed_event_survives_the_kill_of_its_writer(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from agcore.journal import JournalWriter
from agcore.records import RunStarted
writer = JournalWriter(Path(sys.argv[1]))
writer.append(RunStarted(0.0, 0, {}, {}, {}))
writer.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "events.jsonl"
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert len(list(read_journal(path))) == 1


# -- reading what is not right -------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello\n", "line 1 .* damaged or no event"),
        (b"{}\n", "line 1"),
        (b'{"event":"Nothing"}\n', "line 1"),
        (b'{"event":"RunEnded","time_s":1.0,"reason":"x"}\n', "does not begin with RunStarted"),
        (b"\x00\x00\x00\n", "line 1"),
        (b"\xff\xfe{}\n", "line 1"),
        (b"[" * 100_000 + b"\n", "line 1"),
    ],
)
def test_what_is_no_journal_is_one_clear_error(tmp_path, content, message):
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=message):
        list(read_journal(path))


def test_a_journal_of_a_later_version_says_so(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(encode_event(START).replace('"schema":1', '"schema":2') + "\n")
    with pytest.raises(JournalError, match="later agcore"):
        list(read_journal(path))


def test_a_missing_or_unreadable_journal_is_one_clear_error(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(JournalError, match="cannot be read"):
            list(read_journal(path))


def test_an_empty_journal_has_no_events(tmp_path):
    path = tmp_path / "events.jsonl"
    path.touch()
    assert list(read_journal(path)) == []


def test_events_that_do_not_fit_together_are_our_error_too(tmp_path):
    path = written(tmp_path / "events.jsonl", [START, Reported(3, 1.0, 1, 0.5, {})])
    with pytest.raises(JournalError, match=r"line 2 .*trial 3"):
        read_history(path, RunHistory())


@pytest.mark.parametrize("seed", range(300))
def test_a_mutated_journal_gives_a_prefix_or_our_error(tmp_path, seed):
    rng = random.Random(seed)
    events = [
        START,
        TrialProposed(0, 1.0, {"x": 0.5}, "random"),
        TrialStarted(0, 1.5),
        Reported(0, 2.0, 1, 0.5, {"acc": 0.5}),
        Decided(0, 2.0, 1, Decision(Action.STOP, "low", standing=RungStanding(1, 1, 2, 0.5))),
        TrialEnded(0, 3.0, TrialState.STOPPED),
        RunEnded(4.0, "done"),
    ]
    data = bytearray(written(tmp_path / "events.jsonl", events).read_bytes())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        way = rng.randrange(4)
        if way == 0:
            data[at] = rng.randrange(256)
        elif way == 1:
            del data[at : at + rng.randint(1, 30)]
        elif way == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
        else:
            data[at:at] = data[rng.randrange(len(data)) :][:40]
    path = tmp_path / "mutated.jsonl"
    path.write_bytes(bytes(data))
    history = RunHistory()
    try:
        read_history(path, history)
    except AgcoreError as error:
        assert isinstance(error, JournalError)
    assert len(history.events) <= data.count(b"\n")
