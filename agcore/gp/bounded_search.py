"""L-BFGS-B that stops at a number of evaluations, to the unit.

SciPy looks at its own bound only between line searches. Whoever calls this keeps the best point
by itself, as the last one evaluated need not be the best.

Source: Byrd et al. (1995), "A Limited Memory Algorithm for Bound Constrained Optimization".
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.gp.arrays import Array

UPHILL = 1e12
"""Stands for a value that is not finite: the line search turns back from it."""


class _BudgetSpentError(Exception):
    """No evaluation is left."""


def minimise(
    function: Callable[[Array], tuple[float, Array]],
    start: Array,
    bounds: Sequence[tuple[float, float]],
    *,
    max_evaluations: int,
    max_iterations: int = 15000,
    tolerance: float,
    gradient_tolerance: float = 0.0,
) -> None:
    """Evaluates ``function`` on its way to a local minimum, at most ``max_evaluations`` times.

    Args:
        function: Value and gradient (p,) at a point (p,); the value may be infinite.
        start: Where to begin, shape (p,).
        bounds: Least and greatest value of each coordinate.
        max_evaluations: Bound on calls of ``function``.
        max_iterations: Bound on line searches.
        tolerance: Decrease, relative to max(|value|, 1), below which the search ends.
        gradient_tolerance: Largest entry of the projected gradient at which it ends.
    """
    evaluations = 0

    def counted(x: Array) -> tuple[float, Array]:
        nonlocal evaluations
        if evaluations == max_evaluations:
            raise _BudgetSpentError
        evaluations += 1
        value, gradient = function(x)
        return (value if math.isfinite(value) else UPHILL), gradient

    with contextlib.suppress(_BudgetSpentError):
        fmin_l_bfgs_b(
            counted,
            start,
            bounds=bounds,
            factr=tolerance / np.finfo(float).eps,
            pgtol=gradient_tolerance,
            maxiter=max_iterations,
            maxfun=max_evaluations,
        )
