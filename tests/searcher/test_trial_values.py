import math

import numpy as np
import pytest

from agcore.searcher.trial_values import Fitness, TrialValues

A, B = {"x": 0.1}, {"x": 0.2}


def values():
    return TrialValues(lambda config: np.array([config["x"]]))


def add(known, trial_id, config, resource, reward, provisional=False):
    value = Fitness(resource, reward)
    known.add(trial_id, str(config), config, value, provisional=provisional)


def test_the_value_at_the_largest_resource_counts():
    known = values()
    for resource, reward in ((1, 0.9), (9, 0.2), (3, 0.5)):
        add(known, 4, A, resource, reward)
    (trial,) = known.trials
    assert trial.fitness == (9, 0.2)
    assert trial.all_rewards() == {1: 0.9, 9: 0.2, 3: 0.5}
    assert Fitness(3, 0.1) > Fitness(1, 0.9) > Fitness(1, 0.8)


def test_a_provisional_value_gives_way_to_the_next_of_its_trial():
    known = values()
    add(known, 4, A, 1, 0.1)
    add(known, 4, A, 2, 0.8, provisional=True)
    assert known.trials[0].fitness == (2, 0.8)
    add(known, 4, A, 3, 0.3, provisional=True)
    assert known.trials[0].all_rewards() == {1: 0.1, 3: 0.3}
    add(known, 4, A, 3, 0.4)
    assert known.trials[0].all_rewards() == {1: 0.1, 3: 0.4}
    assert known.trials[0].provisional is None


def test_trials_stand_in_the_order_of_their_first_values():
    known = values()
    add(known, 7, A, 1, 0.1)
    add(known, 2, B, 1, 0.2)
    add(known, 7, A, 3, 0.3)
    assert [trial.trial_id for trial in known.trials] == [7, 2]
    assert known.knows(7, str(A))
    assert not known.knows(7, str(B))


def test_what_is_not_a_number_or_fails_is_infeasible_whatever_came_before():
    known = values()
    add(known, 1, A, 1, 0.5)
    add(known, 1, A, 3, math.nan)
    add(known, 2, B, 1, 0.5)
    known.fail(str(B), B)
    add(known, 2, B, 3, 0.9)  # too late
    assert len(known) == 0
    assert [row.tolist() for row in known.infeasible_rows] == [[0.1], [0.2]]


def test_values_without_a_trial_belong_to_their_config_and_can_be_taken_back():
    known = values()
    add(known, -1, A, 1, 0.5)
    add(known, -1, A, 3, 0.6)
    add(known, -1, B, 1, 0.7)
    assert len(known) == 2
    known.remove(str(A), 3)
    assert known.trials[0].fitness == (1, 0.5)
    known.remove(str(A), 1)
    known.remove(str(A), 1)
    assert [trial.config for trial in known.trials] == [B]


@pytest.mark.parametrize("provisional", [False, True])
def test_a_trial_that_starts_over_is_judged_by_where_it_was(provisional):
    known = values()
    add(known, 1, A, 9, 0.9)
    add(known, 1, A, 1, 0.2, provisional=provisional)
    assert known.trials[0].fitness == (9, 0.9)
