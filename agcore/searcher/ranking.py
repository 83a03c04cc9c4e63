"""How far results at a small resource can be trusted: what Hyper-Tune learns from rankings.

A surrogate of each level of the resource ranks the configs that were observed at the highest one.
The fewer pairs it puts in the wrong order, the more its level is trusted.

Source: Li et al. (2022), "Hyper-Tune: Towards Efficient Hyper-parameter Tuning at Scale",
https://arxiv.org/abs/2201.06834, bracket selection.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def ranking_losses(draws: Array, values: Array) -> NDArray[np.int64]:
    """How many ordered pairs (j, k) each draw orders otherwise than the values, shape (s,).

    That is sum_j sum_k 1[(f_j < f_k) xor (y_j < y_k)], in O(s n^2).

    Args:
        draws: f, predictions of the n values, shape (s, n).
        values: y, as they were observed, shape (n,).
    """
    observed = values[:, np.newaxis] < values
    drawn = draws[:, :, np.newaxis] < draws[:, np.newaxis, :]
    losses: NDArray[np.int64] = np.count_nonzero(drawn != observed, axis=(1, 2))
    return losses


def precision_weights(losses: NDArray[np.int64]) -> Array:
    """How often each of k surrogates has the smallest of the losses, shape (k,); they sum to 1.

    Surrogates that are equally good share the draw.

    Args:
        losses: Of each surrogate in each draw, shape (k, s).
    """
    is_least = losses == losses.min(axis=0)
    weights: Array = np.mean(is_least / is_least.sum(axis=0), axis=1)
    return weights


def bracket_weights(
    level_weights: Mapping[int, float], first_milestones: Sequence[int]
) -> list[float]:
    """Weights of the first brackets, theta_r / r for a bracket whose trials first decide at r.

    A level at which no bracket begins counts for the last one that begins below it, so with a
    bracket for each level they are the paper's: w_i = c_i theta_i, c_i = 1 / r_i.

    Args:
        level_weights: theta, by the resource of the level.
        first_milestones: r of each bracket, ascending.

    Returns:
        One weight for each bracket that begins at or below the highest level of theta, not
        normalised; none if that are fewer than two, or if theta lacks one of their levels.
    """
    highest = max(level_weights, default=0)
    starts = [resource for resource in first_milestones if resource <= highest]
    if len(starts) < 2 or not level_weights.keys() >= set(starts):
        return []
    trust = [0.0] * len(starts)
    for resource, weight in sorted(level_weights.items()):
        trust[max(bisect_right(starts, resource) - 1, 0)] += weight
    return [theta / resource for theta, resource in zip(trust, starts, strict=True)]
