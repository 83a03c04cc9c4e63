"""Small models and data that several test files use."""

from __future__ import annotations

import numpy as np

from agcore.gp import RESOURCE_KERNELS, classic, resource_kernel

NAMES = ("single", *RESOURCE_KERNELS)


def model_named(name, num_inputs=2, settings=None):
    """``single`` is the Matern model without a resource; its last column is just another input."""
    settings = settings or classic()
    if name == "single":
        return settings.matern52_model(num_inputs + 1)
    return resource_kernel(name, num_inputs, settings, gamma_scale=2.0)


def rows(n, num_inputs=2, seed=0):
    """Inputs with a last column of few levels, shape (n, num_inputs + 1)."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.random((n, num_inputs)), rng.integers(1, 5, n) / 5])


def targets(X, seed=0):
    """A smooth function of the rows with a little noise, standardised."""
    y = np.sin(5 * X[:, 0]) + X[:, 1] ** 2 - X[:, -1]
    y = y + 0.05 * np.random.default_rng(seed).standard_normal(len(y))
    return (y - y.mean()) / (y.std() or 1.0)


def somewhere(model, seed=0, spread=0.4):
    """Internal coordinates near the initial values, off every bound."""
    parameters = model.parameters
    start = parameters.internal(parameters.initial_values())
    return parameters.clipped(
        start + spread * np.random.default_rng(seed).uniform(-1, 1, len(start))
    )
