"""All trials in a line each."""

from agcore.explanations import explain_trials
from agcore.records import RungStanding


def test_trials_are_listed_with_origin_expectation_result_and_fate(story, model_why):
    run = story().trial(0.5, 0.8, origin="default")
    run.propose("model", model_why(resource=3)).start().report(0.7)
    run.decide("stop", "reward 0.7 is low", standing=RungStanding(1, 2, 5, 1 / 3, 0.75))
    run.end("stopped").propose("a-long-name-of-an-origin").start()
    run.end("failed", error="ValueError: " + "x" * 80).propose("random").start().report(0.25)
    run.propose("queue")
    assert (
        explain_trials(run.history)
        == """\
trial  origin        expected           accuracy  fate
    0  default                               0.8  the best: completed at epoch 2
    1  model         0.85 +- 0.02 at 3       0.7  stopped at epoch 1, rank 2/5
    2  a-long-na...                               failed: ValueError: xxxxxxx...
    3  random                               0.25  running at epoch 1
    4  queue                                      not started yet"""
    )


def test_a_run_without_trials_has_a_heading(story):
    assert explain_trials(story().history) == "trial  origin  expected  accuracy  fate"


def test_a_narrow_table_cuts_the_last_column(story):
    run = story().trial(0.5, 0.8)
    assert explain_trials(run.history, width=40).endswith("0.8  the best: com...")
