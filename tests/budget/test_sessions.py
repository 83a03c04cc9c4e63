from agcore.budget.sessions import Sessions


def test_time_between_sessions_does_not_count():
    sessions = Sessions()
    sessions.open(100.0)
    sessions.pass_to(107.5)
    sessions.close(110.0)
    sessions.pass_to(500.0)
    assert sessions.alive_s == 10
    sessions.open(1000.0)
    sessions.pass_to(1002.0)
    assert sessions.alive_s == 12


def test_a_session_that_was_killed_ended_with_its_last_event():
    sessions = Sessions()
    sessions.open(0.0)
    sessions.pass_to(4.0)
    sessions.open(90.0)
    sessions.pass_to(91.0)
    sessions.pass_to(90.5)  # a clock that was set back
    assert sessions.alive_s == 5
