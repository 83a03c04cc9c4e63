"""CPU milliseconds of one proposal of the Gaussian-process surrogate, and where they go.

    python benchmarks/gp_speed.py [--repeats 5]

A proposal is: refit of the hyperparameters (warm start from the fit to one point less), posterior
given all points, scores of 500 candidates, local search from the best four. For each number of
points the fastest of several proposals is shown. ``lapack`` is dpotrf + dpotri for the
evaluations of the fit, ``kernel`` is evaluating the kernel and its gradient as often; what the
fit takes beyond the two is everything else. ``sklearn`` is one fit of the same kernel by
scikit-learn's GaussianProcessRegressor, up to 200 points: only that, no proposal.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from agcore import gp
from agcore.gp.packed import packed_size

if TYPE_CHECKING:
    from collections.abc import Callable

CANDIDATES = 500
STARTS = 4
COLUMNS = "{:24}{:>5}{:>8}{:>8} |{:>7} {:>12}{:>8}{:>8} |{:>10}{:>7}{:>8} |{:>8}"
PARTS = ["evaluations", "kernel", "lapack", "condition", "score", "search", "sklearn"]
HEADER = ["case", "n", "total", "target", "fit", *PARTS]


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    n: int
    kernel: str | None
    target_ms: float


CASES = [
    *(
        Case("d=8", n, None, target)
        for n, target in [(30, 10), (100, 22), (200, 35), (500, 90), (1000, 180), (2000, 300)]
    ),
    *(
        Case(f"d=8+r {kernel}", n, kernel, target)
        for kernel in ("matern52", "exp-decay-sum", "exp-decay-combined")
        for n, target in [(300, 60), (1000, 250)]
    ),
]


def data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 8 or 9) and standardised targets (n,) with a little noise."""
    rng = np.random.default_rng(case.n)
    X = rng.random((case.n, 8))
    y = np.sin(6 * X[:, 0]) + 4 * (X[:, 1] - 0.3) ** 2 + X[:, 2] * X[:, 3]
    y += 0.3 * np.cos(9 * X[:, 4])
    if case.kernel is not None:
        r = rng.integers(1, 10, case.n) / 9
        X, y = np.column_stack([X, r]), y + 2 * np.exp(-3 * r)
    return X, gp.standardise(y + 0.05 * rng.standard_normal(case.n))[0]


def model_of(case: Case, z: np.ndarray) -> tuple[gp.SurrogateSettings, gp.Model]:
    """The default settings and the model of a case."""
    if case.kernel is None:
        settings = gp.default(8)
        return settings, settings.matern52_model(8)
    settings = gp.default(9)
    scale = gp.gamma_scale_of(z)
    return settings, gp.resource_kernel(case.kernel, 8, settings, gamma_scale=scale)


def proposal(case: Case, previous: np.ndarray, X: np.ndarray, z: np.ndarray) -> dict[str, float]:
    """Milliseconds of each part of one proposal."""
    settings, model = model_of(case, z)
    rng = np.random.default_rng(1)
    times = [time.process_time()]
    result = gp.fit(model, X, z, rng=rng, previous=previous, settings=settings.fit)
    times.append(time.process_time())
    posterior = gp.Posterior.condition(model, result.values, X, z)
    times.append(time.process_time())
    candidates = rng.random((CANDIDATES, X.shape[1]))
    if case.kernel is not None:
        candidates[:, -1] = 1.0
    acquisition = gp.ExpectedImprovement(posterior, posterior.training_means().min(axis=0))
    scores = acquisition(candidates)
    times.append(time.process_time())
    free = np.ones(X.shape[1], bool)
    free[8:] = False
    starts = candidates[np.argsort(-scores)[:STARTS]]
    budget = gp.local_search_budget(case.n, 8)
    gp.maximise(acquisition, starts, free=free, max_evaluations=budget)
    times.append(time.process_time())
    fit_ms, condition_ms, score_ms, search_ms = 1e3 * np.diff(times)
    return {
        "total": 1e3 * (times[-1] - times[0]),
        "fit": fit_ms,
        "evaluations": result.evaluations,
        "subset": result.subset_size,
        "condition": condition_ms,
        "score": score_ms,
        "search": search_ms,
    }


def seconds(function: Callable[[], None], repeats: int = 20) -> float:
    """Least CPU seconds of one call."""
    best = np.inf
    for _ in range(5):
        began = time.process_time()
        for _ in range(repeats):
            function()
        best = min(best, (time.process_time() - began) / repeats)
    return best


def kernel_ms(model: gp.Model, X: np.ndarray) -> float:
    """Evaluating the kernel on X and pulling weights back."""
    training = model.kernel.training(X)
    values = model.parameters.initial_values()[model.kernel_at]
    weights = np.ones(packed_size(len(X)))

    def once() -> None:
        training.evaluate(values)
        weights.fill(1e-3)
        training.pull_to_values(weights)

    return 1e3 * seconds(once)


def lapack_ms(n: int) -> float:
    """Factorising and inverting a matrix of order n."""
    X = np.random.default_rng(0).random((n, 3))
    K = np.asfortranarray(np.exp(-np.sum((X[:, None] - X) ** 2, axis=2)) + 0.1 * np.eye(n))
    work = np.empty_like(K)

    def once() -> None:
        np.copyto(work, K)
        lapack.dpotrf(work, lower=1, overwrite_a=1, clean=0)
        lapack.dpotri(work, lower=1, overwrite_c=1)

    return 1e3 * seconds(once)


def sklearn_ms(X: np.ndarray, z: np.ndarray) -> float:
    """One fit by scikit-learn, from the initial values."""
    kernel = ConstantKernel(1.0) * Matern(np.ones(X.shape[1]), (0.01, 1e4), nu=2.5)
    peer = GaussianProcessRegressor(kernel + WhiteKernel(1e-3, (1e-8, 10.0)))
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # length scales at their bounds
        peer.fit(X, z)
    return 1e3 * (time.process_time() - began)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(COLUMNS.format(*HEADER))
    for case in CASES:
        X, z = data(case)
        settings, model = model_of(case, z)
        rng = np.random.default_rng(0)
        previous = gp.fit(model, X[:-1], z[:-1], rng=rng, settings=settings.fit).values
        best = min(
            (proposal(case, previous, X, z) for _ in range(repeats)), key=lambda p: p["total"]
        )
        evaluations, subset = int(best["evaluations"]), int(best["subset"])
        kernel = evaluations * kernel_ms(model, X[:subset])
        bare = evaluations * lapack_ms(subset)
        times = [kernel, bare, best["condition"], best["score"], best["search"]]
        shown = [f"{ms:.1f}" for ms in [best["total"], case.target_ms, best["fit"], *times]]
        shown.append(f"{sklearn_ms(X, z):.1f}" if case.n <= 200 else "")
        count = f"{evaluations} of {subset}"
        print(COLUMNS.format(case.name, case.n, *shown[:3], count, *shown[3:]), flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak_mb:.0f} MB")


if __name__ == "__main__":
    with gp.one_blas_thread():
        main()
