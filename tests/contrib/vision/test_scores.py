"""How good predictions are."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from agcore_contrib.vision.evaluation import Evaluation
from agcore_contrib.vision.scores import Scores, scores, top_accuracy

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7], [0.5, 0.1, 0.4]])


def test_accuracy_and_log_loss_of_a_small_table():
    found = scores(PROBABILITIES, np.array([0, 1, 2, 2]))
    assert found.accuracy == 0.75
    assert found.log_loss == pytest.approx(-np.log([0.7, 0.4, 0.7, 0.4]).mean())


def test_top_k_counts_the_k_most_probable():
    labels = np.array([1, 1, 0, 1])
    assert [top_accuracy(PROBABILITIES, labels, k) for k in (1, 2, 3, 5)] == [0.25, 0.5, 1, 1]


@given(
    count=st.integers(1, 1000),
    right=st.integers(0, 999),
    losses=st.tuples(st.floats(0, 30), st.floats(0, 30)),
)
def test_the_loss_never_changes_the_order_of_two_accuracies(count, right, losses):
    right = min(right, count - 1)
    worse = Scores(right / count, min(losses), count)
    better = Scores((right + 1) / count, max(losses), count)
    assert better.ranked > worse.ranked


def test_of_equal_accuracies_the_smaller_loss_ranks_higher():
    assert Scores(0.9, 0.2, 20).ranked > Scores(0.9, 0.3, 20).ranked


def test_probabilities_that_are_none_have_no_scores():
    found = scores(np.array([[math.nan, math.nan]]), np.array([0]))
    assert math.isnan(found.accuracy)


def test_an_evaluation_is_a_pair_and_a_mapping():
    found = Evaluation(0.9, 1.0)
    top1, top5 = found
    assert (top1, top5) == (0.9, 1.0) == (found["top1"], found["top5"])
    assert dict(found) == {"top1": 0.9, "top5": 1.0} == dict(found.items())
    assert found[0] == found.top1 == found.get("top1")
    assert "top5" in found
    assert found.get("top2") is None
    with pytest.raises(KeyError):
        found["top2"]
