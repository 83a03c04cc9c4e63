"""A surrogate that follows its data: when it is refitted, and how it grows in between.

Between two fits the covariance matrix is factorised once and then grown row by row. So what it
predicts follows, to the last bit, from the data in their order, the hyperparameters, and how many
rows there were at the last factorisation; a resumed run needs no fit to get there again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore import gp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from agcore.searcher.model_data import ModelData

    Array = NDArray[np.float64]
    Rows = NDArray[np.int64]


logger = logging.getLogger("agcore")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A surrogate given the data.

    Attributes:
        posterior: Of the standardised criterion.
        standardisation: The way back to the criterion.
        fit: What a refit has found, as JSON; empty if there was none.
        rows: Numbers of the observations that the posterior is given, in its order, shape (n,).
    """

    posterior: gp.Posterior
    standardisation: gp.Standardisation
    fit: dict[str, Any]
    rows: Rows


class Surrogate:
    """Keeps hyperparameters and factor of a Gaussian process up to date.

    Args:
        data: What it is conditioned on; observed by others.
        make_model: A model for targets of a given spread (see `gp.gamma_scale_of`).
        settings: Work of a fit.
        limits_outliers: Whether targets that drown the others are limited.
        is_warm_started: Whether a fit begins at the hyperparameters of the one before.
        is_verbose: Whether to log each fit.
        choose: Which of the first so many observations a factorisation begins with, increasing
            numbers; by default all.

    Attributes:
        proposals_since_fit: How often it was asked since it was fitted, that time included.
        told: What the last call of `condition` has fitted; empty if it has not.
    """

    def __init__(
        self,
        data: ModelData,
        make_model: Callable[[float], gp.Model],
        settings: gp.FitSettings,
        *,
        limits_outliers: bool,
        is_warm_started: bool,
        is_verbose: bool = False,
        choose: Callable[[int], Rows] = np.arange,
    ) -> None:
        self._data = data
        self._make_model = make_model
        self._settings = settings
        self._limits_outliers = limits_outliers
        self._is_warm_started = is_warm_started
        self._is_verbose = is_verbose
        self._choose = choose
        self._model: gp.Model | None = None
        self._values: Array = np.empty(0)
        self._scale = 1.0
        self._num_factorised: int | None = None  # rows of the factorisation that is grown
        self._num_removals = 0
        self._grown: gp.Posterior | None = None
        self._rows: Rows = np.empty(0, np.int64)  # of the data, that it is given
        self._num_seen = 0  # of the data, when it was grown
        self._fitted_to: tuple[int, int] | None = None
        self.proposals_since_fit = 0
        self.told: dict[str, Any] = {}

    @property
    def knows_all(self) -> bool:
        """Whether nothing has changed since the last fit."""
        return self._fitted_to == (len(self._data), self._data.num_removals)

    @property
    def num_fitted(self) -> int:
        """Observations there were at the last fit; 0 before the first."""
        return 0 if self._fitted_to is None else self._fitted_to[0]

    def parameters(self) -> dict[str, float]:
        """Hyperparameters by name; empty before the first fit."""
        return {} if self._model is None else self._model.parameters.to_dict(self._values)

    def condition(self, rng: np.random.Generator, *, refit: bool) -> Fitted:
        """The posterior given the data.

        Args:
            rng: For the starts of a fit.
            refit: Whether to fit the hyperparameters first; done in any case the first time.

        Raises:
            NotPositiveDefiniteError: The data cannot be modelled at any jitter.
        """
        data = self._data
        y = gp.without_outliers(data.y) if self._limits_outliers else data.y
        z, standardisation = gp.standardise(y)
        self.told = self._fit(z, rng) if refit or self._model is None else {}
        self._note_proposal()
        posterior = self._grow(z)
        return Fitted(posterior, standardisation, self.told, self._rows)

    def recall(self, fit: Mapping[str, Any]) -> None:
        """Take note of a proposal of an earlier session; ``fit`` as `Fitted.fit` had it then."""
        if fit:
            self._scale = float(fit["scale"])
            self._model = self._make_model(self._scale)
            self._values = self._model.parameters.from_dict(fit["parameters"])
            self._note_fit()
        if self._model is not None:
            self._note_proposal()

    def _fit(self, z: Array, rng: np.random.Generator) -> dict[str, Any]:
        previous = self._values if self._is_warm_started and self._model is not None else None
        scale = gp.gamma_scale_of(z)
        model = self._make_model(scale)
        result = gp.fit(model, self._data.X, z, rng=rng, previous=previous, settings=self._settings)
        self._model, self._values, self._scale = model, result.values, scale
        self._note_fit()
        named = model.parameters.to_dict(result.values)
        if self._is_verbose:
            logger.info(
                "fit to %d of %d rows: objective %g after %d evaluations; %s",
                result.subset_size,
                len(z),
                result.objective,
                result.evaluations,
                ", ".join(f"{name}={value:.4g}" for name, value in named.items()),
            )
        return {
            "parameters": named,
            "scale": scale,
            "objective": result.objective,
            "evaluations": result.evaluations,
            "rows": result.subset_size,
        }

    def _note_fit(self) -> None:
        self._num_factorised = None
        self._fitted_to = len(self._data), self._data.num_removals
        self.proposals_since_fit = 0

    def _note_proposal(self) -> None:
        """Decide what the factorisation of this proposal begins with."""
        self.proposals_since_fit += 1
        if self._num_factorised is None or self._num_removals != self._data.num_removals:
            self._num_factorised = len(self._data)
            self._num_removals = self._data.num_removals
            self._grown = None

    def _grow(self, z: Array) -> gp.Posterior:
        X, first = self._data.X, self._num_factorised
        if self._model is None or first is None:
            raise RuntimeError("a surrogate is fitted before it is conditioned")
        grown, rows, seen = self._grown, self._rows, self._num_seen
        if grown is None:
            seen, rows = first, self._choose(first)
            grown = gp.Posterior.condition(self._model, self._values, X[rows], z[rows])
        for row in range(seen, len(X)):
            grown = grown.append(X[row : row + 1], z[row : row + 1])
        self._rows, self._num_seen = np.concatenate([rows, np.arange(seen, len(X))]), len(X)
        # The targets were standardised anew: the factor stays, what follows from them does not.
        self._grown = grown.given_targets(z[self._rows])
        return self._grown
