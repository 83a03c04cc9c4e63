"""Runs with several objectives are explained by their front, in the user's units."""

import math

import pytest

from agcore.explanations import explain_trials
from agcore.records import Reported, RungStanding

SETTINGS = {
    "reward_attr": "_SCALARIZATION",
    "objectives": [["accuracy", "max"], ["latency", "min"]],
}


@pytest.fixture
def told(story):
    """Makes the history of a run with two objectives."""

    class Told(story):
        def report_both(self, accuracy, latency, reward=0.5):
            resource = self.history.trials[self.last].resource + 1
            metrics = {"accuracy": accuracy, "latency": latency}
            return self.apply(Reported, self.last, resource, reward, metrics)

        def whole(self, accuracy, latency):
            return self.propose().start().report_both(accuracy, latency).end()

    return lambda **settings: Told(**SETTINGS, **settings)


REASON = "it is in front 2 and ranks 3 of 9 at epoch=1; rank 3 or better goes on to 3"
STANDING = RungStanding(1, 3, 9, 1 / 3, front=2)


def test_a_decision_says_objectives_front_and_rank(told):
    run = told().propose().start().report_both(0.5, 12.5)
    run.decide("continue", REASON, standing=STANDING, next_milestone=3)
    assert (
        "accuracy 0.5, latency 12.5 at epoch 1 is in front 2 and ranks 3 of 9 (best 1/3); rank 3 "
        "or better goes on to 3: went on to epoch 3"
    ) in run.course
    assert "_SCALARIZATION" not in run.explain()


def test_a_run_for_a_scalarisation_says_its_value_too(told):
    run = told(scalarization={"algorithm": "mean"}).whole(0.5, 12.5)
    assert "reported accuracy 0.5, latency 12.5, _SCALARIZATION 0.5 at epoch 1" in run.course


def test_reports_are_taken_together(told):
    run = told().propose().start().report_both(0.5, 1, 0.9).report_both(0.25, 2, 0.1).end()
    assert "reported 2 times, from epoch 1 to 2: accuracy 0.25, latency 2" in run.course


def test_a_divergence_names_the_objectives(told):
    run = told().propose().start().report_both(0.5, math.nan, math.nan)
    run.decide("stop", "trial 0 diverged: its reward at epoch=1 is not finite").end("diverged")
    assert "diverged at epoch 1, where accuracy 0.5, latency nan" in run.course


def test_a_trial_in_the_front_is_said_to_be_there(told):
    run = told().whole(0.5, 10).whole(0.75, 20).whole(0.25, 30)
    assert run.section("How it compares", 1).startswith(
        "It is in the Pareto front of the run, 2 reports of 2 trials, with accuracy 0.75, latency "
        "20 at epoch 1."
    )


def test_of_many_places_in_the_front_the_first_are_named(told):
    run = told().propose().start()
    for step in range(5):
        run.report_both(0.1 * step, step)
    text = run.end().comparison
    assert text.count(" at epoch ") == 3
    assert "; 2 more." in text


def test_a_trial_behind_the_front_names_one_that_beats_it(told):
    run = told().whole(0.5, 10).whole(0.75, 20).whole(0.25, 30)
    assert (
        "It is not in the Pareto front of the run, 2 reports of 2 trials. Its accuracy 0.25, "
        "latency 30 at epoch 1 is beaten by trial 1: accuracy 0.75, latency 20 at epoch 1."
    ) in run.comparison


def test_a_proposal_says_how_large_the_front_was(told):
    run = told().whole(0.5, 10).whole(0.75, 20).whole(0.25, 30)
    assert "The Pareto front was empty yet." in run.section("Why it was proposed", 0)
    assert "The Pareto front then held 2 reports." in run.why


def test_the_list_marks_the_trials_of_the_front(told):
    run = told().whole(0.5, 10).whole(0.25, 30)
    assert explain_trials(run.history).splitlines()[1:] == [
        "    0  random                       0.5  in the front: completed at epoch 1",
        "    1  random                       0.5  completed at epoch 1",
    ]
