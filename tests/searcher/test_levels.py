"""What levels are worth beside one another, and the way from their ensemble to the criterion."""

import numpy as np
import pytest

from agcore import gp
from agcore.searcher.levels import Level, Member, below_one_another, calibrated, learnt_weights
from agcore.searcher.model_data import Case, ModelData

MODEL = gp.default(1).matern52_model(1)
VALUES = MODEL.parameters.initial_values()
RNG = np.random.default_rng(0)


def posterior_of(values, count, seed=0):
    x = np.random.default_rng(seed).random((count, 1))
    return gp.Posterior.condition(MODEL, VALUES, x, gp.standardise(values(x[:, 0]))[0])


def wave(x):
    return np.sin(9 * x)


def jagged(x):
    return np.sin(1e5 * x)


def test_a_single_level_has_all_the_trust():
    assert learnt_weights([posterior_of(wave, 3)], RNG) == [1.0]


@pytest.mark.parametrize(("low", "is_trusted"), [(wave, True), (jagged, False)])
def test_a_level_is_trusted_if_it_ranks_as_the_highest_does(low, is_trusted):
    weights = learnt_weights([posterior_of(low, 40), posterior_of(wave, 12, seed=1)], RNG)
    assert sum(weights) == pytest.approx(1.0)
    assert (weights[0] > 0.7) == is_trusted
    assert (weights[1] > 0.7) != is_trusted


def test_of_many_values_only_the_last_are_ranked(monkeypatch):
    seen = []
    real = gp.Posterior.leave_one_out

    def spy(self, rows):
        seen.append(rows.tolist())
        return real(self, rows)

    monkeypatch.setattr(gp.Posterior, "leave_one_out", spy)
    learnt_weights([posterior_of(wave, 5), posterior_of(wave, 100)], RNG)
    assert seen == [list(range(36, 100))]


def test_the_same_generator_gives_the_same_weights():
    posteriors = [posterior_of(jagged, 20), posterior_of(wave, 9)]
    first, again = (learnt_weights(posteriors, np.random.default_rng(3)) for _ in range(2))
    assert first == again


def test_the_ensemble_is_shifted_until_it_is_right_on_average_where_the_target_was_observed():
    low, high = posterior_of(wave, 30), posterior_of(lambda x: 3.0 + 0.1 * wave(x), 8, seed=2)
    data = ModelData(1)
    y = 3.0 + 0.1 * wave(high.X[:, 0])
    for number, value in enumerate(y.tolist()):
        data.add(Case(number, str(number), 9), high.X[number], value)
    _, standardisation = gp.standardise(y)
    target = Member(Level(9, data, None), high, standardisation)
    ensemble = gp.WeightedEnsemble([low, high], [0.9, 0.1])
    found = calibrated(ensemble, target)
    mean, _ = ensemble.predict(high.X)
    assert found.restore(mean).mean() == pytest.approx(y.mean())
    assert found.scale == standardisation.scale


def test_targets_of_single_columns_are_repeated():
    found = below_one_another([np.ones((2, 1)), np.zeros((1, 3))], 3)
    assert found.tolist() == [[1.0] * 3, [1.0] * 3, [0.0] * 3]
