import pytest
from hypothesis import given, strategies as st

from agcore.budget import duration, seconds_of
from agcore.errors import SpecError


@pytest.mark.parametrize(
    ("given_value", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90s", 90),
        ("90", 90),
        ("15 min", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1 H 30 Minutes 5 sec", 5405),
        ("1.5h", 5400),
        ("2d", 172800),
    ],
)
def test_durations_are_read_as_people_write_them(given_value, seconds):
    assert seconds_of(given_value) == seconds


@pytest.mark.parametrize(
    ("given_value", "said"),
    [
        ("soon", "is no duration ('soon' in it)"),
        ("2 weeks", "is no duration ('weeks' in it)"),
        ("1h2h", "names the unit 'h' twice"),
        ("h", "is no duration"),
        ("", "must be a positive number of seconds"),
        ("-5", "must be a positive number of seconds"),
        (0, "must be a positive number of seconds"),
        (float("nan"), "must be a positive number of seconds"),
        ("inf", "must be a positive number of seconds"),
        (True, "must be a positive number of seconds"),
        (None, "must be a positive number of seconds"),
    ],
)
def test_what_is_no_duration_is_refused_in_words(given_value, said):
    with pytest.raises(SpecError) as caught:
        seconds_of(given_value)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"time_budget={given_value!r}")
    assert "'1h30m'" in str(caught.value)


@given(st.integers(1, 10**6))
def test_hours_minutes_and_seconds_add_up(total):
    text = f"{total // 3600}h{total // 60 % 60}m{total % 60}s"
    assert seconds_of(text) == total


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (59.6, "60 s"), (600, "10 min 00 s"), (7260, "2 h 01 min")],
)
def test_durations_are_written_as_people_read_them(seconds, text):
    assert duration(seconds) == text
