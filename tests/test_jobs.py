from agcore.jobs import Outcome, Resume, Start


def test_a_fresh_start_and_a_resumption_are_two_types():
    fresh = Start(3, {"x": 1}, seed=7)
    resumed = Resume(3, {"x": 1}, seed=7, attempt=1, resume_from=1, milestone=3)
    assert fresh.attempt == 0
    assert not isinstance(resumed, Start)
    assert (resumed.resume_from, resumed.milestone) == (1, 3)


def test_outcomes_are_plain_strings_on_the_wire():
    assert [Outcome(o.value) for o in Outcome] == list(Outcome)
