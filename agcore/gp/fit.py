"""Fitting hyperparameters: L-BFGS-B in internal coordinates from several starts.

The work is bounded by counts computed from the data's shape, never by a clock, so that a fit can
be repeated: same data, settings and generator give the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agcore.gp.blas_threads import on_one_blas_thread
from agcore.gp.bounded_search import minimise
from agcore.gp.likelihood import NegativeLogPosterior

if TYPE_CHECKING:
    from agcore.gp.arrays import Array, IndexArray
    from agcore.gp.model import Model


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How much work a fit may do.

    Attributes:
        num_starts: Starting points: the previous optimum if given, the initial values, then
            perturbations of the initial values by N(0, 1) per internal coordinate.
        num_searches: How many of them L-BFGS-B follows, those of the best objective first.
        max_iterations: Iterations of L-BFGS-B from each start.
        max_evaluations: Of the objective over all starts; None computes it from n and d.
        tolerance: Relative decrease below which a start has converged.
        subset_size: Points the objective sees at most; None for all of them.
    """

    num_starts: int = 2
    num_searches: int = 1
    max_iterations: int = 50
    max_evaluations: int | None = None
    tolerance: float = 1e-5
    subset_size: int | None = 256


@dataclass(frozen=True, slots=True)
class FitResult:
    """What a fit found.

    Attributes:
        values: Hyperparameters in natural units, shape (p,).
        objective: Negative log posterior at them, on the subset; inf if every start failed.
        evaluations: Evaluations of the objective over all starts.
        subset_size: Points that the objective saw.
    """

    values: Array
    objective: float
    evaluations: int
    subset_size: int


def evaluation_budget(n: int, num_parameters: int) -> int:
    """Evaluations that a fit to ``n`` points may take.

    Grows with the number of parameters as L-BFGS-B needs, and shrinks where one is dear. From a
    warm start a dozen are enough, and far more do not help an optimisation run.
    """
    wanted = 10 + num_parameters // 2
    affordable = 10 + 40_000_000 // max(n, 1) ** 3
    return min(wanted, affordable)


def fit_subset(X: Array, y: Array, size: int) -> IndexArray:
    """Rows a fit may restrict itself to: the best, the most recent and the most spread out.

    A third are those of the smallest targets, a third the last rows, and the rest are taken
    one by one, each the farthest from all rows taken before. A pure function of the data.

    Args:
        X: Inputs, shape (n, d), the most recent last.
        y: Targets, shape (n,), minimised.
        size: How many rows to take at most.

    Returns:
        Increasing row numbers, shape (min(n, size),).
    """
    n = len(y)
    if n <= size:
        return np.arange(n)
    taken = np.zeros(n, bool)
    taken[n - size // 3 :] = True
    by_target = np.argsort(y, kind="stable")
    taken[by_target[~taken[by_target]][: size // 3]] = True
    squares = np.einsum("ij,ij->i", X, X)
    chosen = X[taken]
    distance = np.min(squares[:, None] - 2.0 * (X @ chosen.T) + np.sum(chosen**2, axis=1), axis=1)
    distance[taken] = -np.inf
    for _ in range(size - len(chosen)):
        farthest = int(np.argmax(distance))
        taken[farthest] = True
        np.minimum(distance, squares - 2.0 * (X @ X[farthest]) + squares[farthest], out=distance)
        distance[farthest] = -np.inf
    return np.flatnonzero(taken)


@on_one_blas_thread
def fit(
    model: Model,
    X: Array,
    y: Array,
    *,
    rng: np.random.Generator,
    previous: Array | None = None,
    settings: FitSettings | None = None,
) -> FitResult:
    """Hyperparameters that maximise likelihood times prior.

    Args:
        model: Kernel, mean and noise.
        X: Inputs, shape (n, d), the most recent last; n is at least 1.
        y: Standardised targets, shape (n,).
        rng: Source of the perturbed starts.
        previous: Values of an earlier fit, shape (p,), tried first.
        settings: Work allowed.

    Returns:
        The best of all starts; the initial values if every start failed.
    """
    settings = settings or FitSettings()
    if settings.subset_size is not None and len(y) > settings.subset_size:
        rows = fit_subset(X, y, settings.subset_size)
        X, y = X[rows], y[rows]
    objective = NegativeLogPosterior(model, X, y)
    parameters = model.parameters
    budget = settings.max_evaluations or evaluation_budget(len(y), len(parameters))
    bounds = list(zip(parameters.lower.tolist(), parameters.upper.tolist(), strict=True))
    best = initial = _initial(model, y)
    best_value = math.inf

    def remembered(internal: Array) -> tuple[float, Array]:
        nonlocal best, best_value
        value, gradient = objective(internal)
        if value < best_value:
            best, best_value = internal.copy(), value
        return value, gradient

    starts = _starts(model, initial, previous, settings.num_starts, rng)
    if settings.num_searches < len(starts):
        starts = sorted(starts, key=lambda start: remembered(start)[0])
    for start in starts[: settings.num_searches]:
        left = budget - objective.evaluations
        if left <= 0:
            break
        minimise(
            remembered,
            start,
            bounds,
            max_evaluations=left,
            max_iterations=settings.max_iterations,
            tolerance=settings.tolerance,
            gradient_tolerance=settings.tolerance,
        )
    return FitResult(parameters.values(best), best_value, objective.evaluations, len(y))


def _initial(model: Model, y: Array) -> Array:
    """Initial internal coordinates; the mean function starts at the mean of the targets."""
    initial = model.parameters.internal(model.parameters.initial_values())
    initial[model.level_at] = float(np.mean(y))
    return model.parameters.clipped(initial)


def _starts(
    model: Model, initial: Array, previous: Array | None, count: int, rng: np.random.Generator
) -> list[Array]:
    """``count`` internal starting points; all perturbations are drawn at once."""
    parameters = model.parameters
    starts = [] if previous is None else [parameters.clipped(parameters.internal(previous))]
    starts.append(initial)
    noise = rng.standard_normal((max(count - len(starts), 0), len(parameters)))
    starts.extend(parameters.clipped(initial + row) for row in noise)
    return starts[:count]
