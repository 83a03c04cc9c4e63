"""What every framework's perceptron is put to: small data on which a mistake shows."""

import math
from dataclasses import replace

import numpy as np

from agcore.demo.letter_mlp import Hyperparameters, SplitData

DECENT = Hyperparameters(
    n_units_1=32,
    n_units_2=24,
    dropout_1=0.1,
    dropout_2=0.1,
    learning_rate=0.01,
    batch_size=20,
    scale_1=0.3,
    scale_2=0.3,
)


def two_moons(n_train=300, n_valid=150):
    """Two classes that no straight line separates, but a small network does."""
    rng = np.random.default_rng(0)
    n_rows = n_train + n_valid
    classes = rng.integers(0, 2, n_rows)
    angles = rng.uniform(0, np.pi, n_rows) + np.pi * classes
    centres = np.where(classes, 1.0, 0.0)
    X = np.stack([np.cos(angles) + centres, np.sin(angles) + 0.5 * centres], axis=1)
    X += rng.normal(0, 0.05, X.shape)
    return SplitData(X[:n_train], X[n_train:], classes[:n_train], classes[n_train:], 2)


def accuracies(framework, epochs=1, seed=0, data=None, **changed):
    """Pairs of training and validation accuracy after each epoch."""
    np.random.seed(seed)  # noqa: NPY002 - a worker does the same before a trial
    network = framework(replace(DECENT, **changed), data or two_moons(), seed)
    found = []
    for _ in range(epochs):
        network.partial_fit_epoch()
        found.append(network.accuracy())
    return found


class NetworkContract:
    """What holds of a framework with dropout and first weights; ``framework`` makes a network."""

    def framework(self, hyperparameters, data, seed):
        raise NotImplementedError

    def test_it_learns_what_no_straight_line_separates(self):
        train, valid = accuracies(self.framework, epochs=25)[-1]
        assert train > 0.95
        assert valid > 0.95

    def test_same_seed_gives_the_same_accuracies_and_another_seed_others(self):
        first, again, other = (accuracies(self.framework, 3, seed=seed) for seed in (5, 5, 6))
        assert first == again
        assert first != other

    def test_accuracies_are_plain_floats_from_0_to_1(self):
        ((train, valid),) = accuracies(self.framework)
        assert (type(train), type(valid)) == (float, float)
        assert 0 <= train <= 1
        assert 0 <= valid <= 1

    def test_without_a_learning_rate_to_speak_of_nothing_is_learnt(self):
        first, *_, last = accuracies(self.framework, 5, learning_rate=1e-12)
        assert first[1] == last[1]

    def test_dropout_is_used_in_training_only(self):
        dropped = accuracies(self.framework, 25, dropout_1=0.6, dropout_2=0.0, n_units_1=128)[-1]
        assert dropped[1] > dropped[0]
        assert dropped[1] > 0.9

    def test_scales_of_first_weights_have_an_effect(self):
        still = {"learning_rate": 1e-12, "dropout_1": 0.0, "dropout_2": 0.0}
        plain = self.first_layers(scale_1=0.2, scale_2=2.0, **still)
        other = self.first_layers(scale_1=2.0, scale_2=0.02, **still)
        for (weights, _), scale in zip(plain, (0.2, 2.0, 0.07), strict=True):
            assert 0.8 * scale < np.abs(weights).max() <= scale * (1 + 1e-6)
        for (weights, _), scale in zip(other, (2.0, 0.02, 0.07), strict=True):
            assert 0.8 * scale < np.abs(weights).max() <= scale * (1 + 1e-6)

    def test_first_biases_are_zero_and_layers_have_the_sizes_asked_for(self):
        layers = self.first_layers(n_units_1=17, n_units_2=19, learning_rate=1e-12)
        assert [weights.shape for weights, _ in layers] == [(17, 2), (19, 17), (2, 19)]
        for _, biases in layers:
            np.testing.assert_allclose(biases, 0.0, atol=1e-9)

    def first_layers(self, **changed):
        """Weights and biases of each layer after an epoch, as arrays."""
        network = self.framework(replace(DECENT, **changed), two_moons(), 0)
        network.partial_fit_epoch()
        return self.layers_of(network)

    def layers_of(self, network):
        raise NotImplementedError

    def test_weights_that_overflow_are_reported_as_nan(self):
        assert all(
            math.isnan(value)
            for pair in accuracies(self.framework, 2, learning_rate=1e30)
            for value in pair
        )
