"""How good predictions are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of predictions.

    Attributes:
        accuracy: Share of images whose most probable class is right; NaN after divergence.
        log_loss: Mean of minus the logarithm of the right class's probability.
        count: Images.
    """

    accuracy: float
    log_loss: float
    count: int

    @property
    def ranked(self) -> float:
        """The accuracy, ties broken by the log loss.

        What is added is less than one image is worth, so it never changes the order of two
        accuracies. On 20 images many configs have the same.
        """
        return self.accuracy + 0.5 / self.count * math.exp(-self.log_loss)


def scores(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Scores:
    """Scores of probabilities, shape (n, k), for the right classes, shape (n,)."""
    if not np.isfinite(probabilities).all():
        return Scores(math.nan, math.nan, len(labels))
    right = probabilities[np.arange(len(labels)), labels]
    return Scores(
        top_accuracy(probabilities, labels, 1),
        float(-np.log(np.maximum(right, _SMALLEST)).mean()),
        len(labels),
    )


def top_accuracy(probabilities: NDArray[np.float64], labels: NDArray[np.int64], k: int) -> float:
    """Share of images whose right class is among the ``k`` most probable.

    Args:
        probabilities: Shape (n, classes).
        labels: Right classes, shape (n,); one outside of the range is never predicted.
        k: As many as that, or all classes if there are fewer.
    """
    classes = probabilities.shape[1]
    ranking = np.argsort(-probabilities, axis=1, kind="stable")[:, : min(k, classes)]
    return float((ranking == labels[:, None]).any(axis=1).mean())
