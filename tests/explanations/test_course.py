"""What happened: each kind of event has its line."""

import math

import pytest

from agcore.records import RungStanding, RunResumed


def test_a_trial_without_rungs(story):
    run = story().trial(0.5, 0.7, 0.6)
    assert run.course == (
        "2.0 s started 5.0 s reported 3 times, from epoch 1 to 3: accuracy 0.6, the best 0.7 at "
        "epoch 2 6.0 s completed: its function returned"
    )


def test_lines_of_a_course_are_indented_below_their_text(story):
    text = story().trial(0.5, 0.7, 0.6).explain()
    assert "accuracy 0.6, the best 0.7 at\n         epoch 2\n  6.0 s  completed" in text


def test_one_report_and_one_that_is_not_finite(story):
    assert "reported accuracy 0.5 at epoch 1" in story().trial(0.5).course
    run = story().propose().start().report(math.nan)
    assert "reported accuracy is not finite at epoch 1" in run.course


def test_a_trial_that_is_not_started_or_runs(story):
    assert story().propose().course == "1.0 s proposed, but not started yet"
    assert story().propose().start().course.endswith("2.0 s is running")
    ended = story().propose().start().end_run("an exception")
    assert ended.course.endswith("3.0 s was running when the record ends")


def test_a_function_that_never_reports(story):
    assert story().trial().course.endswith("completed: its function returned without a report")


def test_a_stopping_rung(story):
    run = story().propose().start(milestone=1).report(0.7)
    reason = "reward 0.7 reaches the cutoff 0.6 of 4 earlier trials at epoch=1"
    standing = RungStanding(1, 2, 5, 1 / 3, 0.6)
    run.decide("continue", reason, standing=standing, next_milestone=3).report(0.8, 0.75)
    reason = "reward 0.75 is below the cutoff 0.9 of 1 earlier trials at epoch=3"
    run.decide("stop", reason, standing=RungStanding(3, 2, 2, 1 / 3, 0.9)).end("stopped")
    assert run.course == (
        "2.0 s started, up to epoch 1 "
        "4.0 s accuracy 0.7 at epoch 1 ranks 2 of 5, cutoff 0.6 (best 1/3): went on to epoch 3 "
        "5.0 s reported accuracy 0.8 at epoch 2 "
        "7.0 s accuracy 0.75 at epoch 3 ranks 2 of 2, cutoff 0.9 (best 1/3): stopped"
    )


def test_promotion_says_who_may_go_on_and_when_it_was_promoted(story):
    run = story(mode="min", reward_attr="loss").propose().start(milestone=1).report(0.7)
    reason = "reward -0.7 ranks 1 of 2 at epoch=1; the best 0 may go on to 3"
    run.decide("pause", reason, standing=RungStanding(1, 1, 2, 1 / 3)).end("paused")
    reason = "reward -0.7 now ranks 1 of 3 at epoch=1; the best 1 may go on to 3"
    run.start(resume_from=1, milestone=3, reason=reason)
    assert run.course == (
        "2.0 s started, up to epoch 1 "
        "4.0 s loss 0.7 at epoch 1 ranks 1 of 2 (best 1/3); none may yet go on to 3: paused "
        "6.0 s promoted from epoch 1 to 3: loss 0.7 now ranks 1 of 3 at epoch 1; the best 1 may go "
        "on to 3 6.0 s is running"
    )


def test_a_median_of_losses_is_told_with_the_users_sign(story):
    run = story(mode="min", reward_attr="loss").propose().start().report(0.7)
    reason = "best reward -0.7 is below the median -0.0625 of 5 other trials up to epoch=1"
    run.decide("stop", reason).end("stopped")
    assert run.course.endswith(
        "stopped at epoch 1, loss 0.7: best loss 0.7 is above the median 0.0625 of 5 other trials "
        "up to epoch 1"
    )


def test_the_full_resource(story):
    run = story().propose().start().report(0.7, 0.8)
    run.decide("stop", "reward 0.8 at epoch=2: max_t=2 is used", completed=True).end("completed")
    assert run.course.endswith("5.0 s completed at epoch 2, accuracy 0.8: max_t=2 is used")


def test_a_stop_with_the_run(story):
    run = story().propose().start().report(0.7).decide("stop", "the run ends: max_reward")
    assert run.end("stopped").course.endswith(
        "stopped at epoch 1, accuracy 0.7: the run ends: max_reward"
    )


def test_a_trial_that_diverged(story):
    run = story().propose().start().report(0.7, math.nan)
    run.decide("stop", "trial 0 diverged: its reward at epoch=2 is not finite").end("diverged")
    assert run.course.endswith("diverged at epoch 2, where accuracy is not finite")


def test_a_bracket_is_named_if_it_is_not_the_first(story):
    run = story().propose(bracket=1).start(milestone=3)
    assert "started in bracket 1, up to epoch 3" in run.course


@pytest.mark.parametrize(
    ("state", "event", "sentence"),
    [
        ("failed", {"error": "ValueError: x\nis bad"}, "failed: is bad"),
        ("failed", {}, "failed"),
        (
            "out_of_memory",
            {"error": "killed", "exit_code": -9, "evidence": "oom_kill rose by 1"},
            "ran out of memory: killed (exit code -9); evidence: oom_kill rose by 1",
        ),
        (
            "lost",
            {"error": "the worker process vanished (signal SIGKILL)", "exit_code": -9},
            "lost: the worker process vanished (signal SIGKILL)",
        ),
        ("timed_out", {}, "ended by its own time limit, trial_time_out=60 seconds"),
        ("stopped", {}, "stopped"),
    ],
)
def test_how_a_trial_ended(story, state, event, sentence):
    run = story(trial_time_out=60.0).propose().start().report(0.5).end(state, **event)
    assert run.course.endswith(f"4.0 s {sentence}")


def test_a_time_limit_that_may_have_changed_since_is_not_told(story):
    run = story(trial_time_out=60.0).apply(RunResumed).propose().start().end("timed_out")
    assert run.course.endswith("ended by its own time limit, trial_time_out")


def test_evidence_that_is_the_error_is_said_once(story):
    run = story().propose().start().end("out_of_memory", error="oom rose", evidence="oom rose")
    assert run.course.endswith("ran out of memory: oom rose")


def test_a_trial_that_was_cut_off_names_the_limit_and_goes_on(story):
    run = story(time_out=30.0).propose().start().report(0.5).end("interrupted")
    assert run.course.endswith("4.0 s cut off with the run")
    run.end_run("time_out")
    assert run.course.endswith("4.0 s cut off when the run ended (time_out, 30 seconds)")
    run.apply(RunResumed, None, 50.0)
    run.start(again=True, milestone=3, reason="it was running when the run was cut off")
    assert "started again: it was running when the run was cut off, up to epoch 3" in run.course
    run.end("interrupted").end_run("time_out")
    assert run.course.endswith("cut off when the run ended (time_out, 50 seconds)")


def test_a_session_that_never_said_why_it_ended(story):
    run = story().propose().start().end("interrupted").apply(RunResumed)
    assert run.course.endswith("cut off with the run")


def test_a_retry_is_told_with_its_number(story):
    run = story().propose().start().end("lost", error="killed")
    run.start(again=True, reason="its process vanished; retry 1 of 2")
    assert "started again: its process vanished; retry 1 of 2" in run.course
