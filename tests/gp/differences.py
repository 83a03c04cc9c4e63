"""Finite differences: what every analytic gradient is tested against."""

from __future__ import annotations

import numpy as np


def central_difference(function, x, step=1e-6):
    """Derivative of a scalar function by each entry of ``x``, shape of ``x``."""
    gradient = np.empty_like(x, dtype=float)
    for at in np.ndindex(x.shape):
        shift = np.zeros_like(x, dtype=float)
        shift[at] = step
        gradient[at] = (function(x + shift) - function(x - shift)) / (2 * step)
    return gradient


def assert_gradient(analytic, function, x, *, step=1e-6, tolerance=1e-5):
    """Both agree to ``tolerance`` of the largest entry."""
    numeric = central_difference(function, x, step)
    scale = max(1.0, float(np.max(np.abs(numeric))))
    np.testing.assert_allclose(analytic, numeric, rtol=0, atol=tolerance * scale)
