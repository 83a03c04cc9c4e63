"""Ranking losses and weights are the sums of their definitions, written out."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.searcher.ranking import bracket_weights, precision_weights, ranking_losses

numbers = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 3.0])
"""Few, for many ties."""


def plain_loss(draw, values):
    pairs = [(j, k) for j in range(len(values)) for k in range(len(values))]
    return sum((draw[j] < draw[k]) != (values[j] < values[k]) for j, k in pairs)


@settings(max_examples=60)
@given(st.data(), st.integers(1, 7), st.integers(1, 4))
def test_a_loss_is_the_number_of_pairs_in_the_wrong_order(data, n, num_draws):
    values = data.draw(st.lists(numbers, min_size=n, max_size=n))
    draws = data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=num_draws))
    losses = ranking_losses(np.array(draws), np.array(values))
    assert losses.tolist() == [plain_loss(draw, values) for draw in draws]


def test_the_right_order_costs_nothing_and_the_reverse_all_pairs():
    values = np.array([3.0, 1.0, 2.0, 5.0])
    draws = np.array([10 * values, -values])
    assert ranking_losses(draws, values).tolist() == [0, 12]


def test_a_weight_is_the_share_of_draws_in_which_the_loss_is_the_smallest():
    losses = np.array([[0, 4, 4, 2], [1, 3, 4, 2], [2, 5, 3, 2]])
    # The last draw is a tie of all three.
    assert precision_weights(losses) == pytest.approx([4 / 12, 4 / 12, 4 / 12])
    assert precision_weights(losses[:, :3]) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert precision_weights(losses[:, :2]) == pytest.approx([0.5, 0.5, 0.0])


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_weights_are_a_distribution(losses):
    weights = precision_weights(np.array(losses))
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()


def test_with_a_bracket_for_each_level_the_weights_are_those_of_the_paper():
    theta = {1: 0.2, 3: 0.5, 9: 0.3}
    costs = np.array([1 / 1, 1 / 3, 1 / 9])
    costs /= costs.sum()
    product = costs * list(theta.values())
    found = np.array(bracket_weights(theta, (1, 3, 9)))
    np.testing.assert_allclose(found / found.sum(), product / product.sum())


@pytest.mark.parametrize(
    ("theta", "firsts", "expected"),
    [
        ({}, (1, 3), []),
        ({1: 1.0}, (1, 3), []),  # one level says nothing of others
        ({1: 0.4, 3: 0.6}, (1, 3, 9), [0.4, 0.2]),  # the head of the brackets
        ({1: 0.4, 9: 0.6}, (1, 3, 9), []),  # nothing is known of 3
        ({1: 0.4, 3: 0.0, 9: 0.6}, (1, 3), [0.4, 0.2]),  # 9 counts for the bracket from 3 on
        ({1: 0.25, 2: 0.25, 4: 0.5}, (2, 4), [0.25, 0.125]),  # and 1 for the first
        ({1: 0.5, 3: 0.5}, (1,), []),
    ],
)
def test_weights_of_levels_become_those_of_brackets(theta, firsts, expected):
    assert bracket_weights(theta, firsts) == pytest.approx(expected)
