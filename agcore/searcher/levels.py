"""Levels of the resource with a surrogate each, and what they are worth beside one another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from agcore.searcher.ranking import precision_weights, ranking_losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from agcore import gp
    from agcore.searcher.model_data import ModelData
    from agcore.searcher.surrogate import Surrogate

    Array = NDArray[np.float64]

_NUM_RANKED = 64
"""Values that are ranked at most, the last ones: the work grows with their square."""
_NUM_DRAWS = 100


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the resource.

    Attributes:
        resource: Its resource.
        data: What was observed there.
        surrogate: Of these data.
    """

    resource: int
    data: ModelData
    surrogate: Surrogate


@dataclass(frozen=True, slots=True)
class Member:
    """A level whose surrogate was conditioned for a proposal.

    Attributes:
        level: The level.
        posterior: Of its standardised criterion, pending configs included where they are.
        standardisation: The way back to the criterion.
        pending: Trials whose values at this level were drawn.
    """

    level: Level
    posterior: gp.Posterior
    standardisation: gp.Standardisation
    pending: tuple[int, ...] = ()


def learnt_weights(posteriors: Sequence[gp.Posterior], rng: np.random.Generator) -> list[float]:
    """How much each level is trusted, by the rankings of what the highest has observed.

    Each draw is one from every marginal, and the weight of a level is how often it has the fewest
    pairs in the wrong order. The highest level predicts each of its values from the others.

    Args:
        posteriors: Of each level, the lowest first, without pending configs.
        rng: What to draw from.

    Returns:
        A weight for each level; they sum to 1.

    Source: Li et al. (2022), https://arxiv.org/abs/2201.06834, bracket selection.
    """
    if len(posteriors) == 1:
        return [1.0]
    target = posteriors[-1]
    ranked = np.arange(max(len(target.X) - _NUM_RANKED, 0), len(target.X))
    predictions = [posterior.predict(target.X[ranked]) for posterior in posteriors[:-1]]
    # What it has observed itself it would always rank best.
    predictions.append(target.leave_one_out(ranked))
    losses = []
    for mean, variance in predictions:
        noise = rng.standard_normal((_NUM_DRAWS, len(ranked)))
        draws = mean[:, 0] + np.sqrt(variance) * noise
        losses.append(ranking_losses(draws, target.Y[ranked, 0]))
    weights: list[float] = precision_weights(np.array(losses)).tolist()
    return weights


def calibrated(ensemble: gp.WeightedEnsemble, target: Member) -> gp.Standardisation:
    """The way from the ensemble to the criterion at the target's level.

    Each level was standardised by itself, and the configs that got far are better than the others.
    So the ensemble is shifted until it is right on average where the target has been observed.
    """
    count = len(target.level.data)
    last = slice(max(count - _NUM_RANKED, 0), count)
    predicted, _ = ensemble.predict(target.posterior.X[last])
    excess = predicted.mean() - target.posterior.Y[last].mean()
    shifted = target.standardisation.restore(np.array(-excess))
    return replace(target.standardisation, mean=float(shifted))


def below_one_another(parts: Iterable[Array], columns: int) -> Array:
    """Targets of several posteriors, those of a single column repeated, shape (n, columns)."""
    return np.concatenate([np.broadcast_to(part, (len(part), columns)) for part in parts])
