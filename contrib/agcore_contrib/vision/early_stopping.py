"""When a training run has nothing more to gain."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class EarlyStopping:
    """Watches the validation accuracy of one run.

    Attributes:
        patience: Epochs without a gain after which it ends; 0: never.
        min_delta: What counts as a gain.
        baseline: Accuracy below which nothing counts as a gain, or None.
        max_value: Accuracy that ends the run, or None.
        best: The best accuracy that counted.
        epochs_without_gain: How long ago that was.
    """

    patience: int
    min_delta: float
    baseline: float | None = None
    max_value: float | None = None
    best: float = -math.inf
    epochs_without_gain: int = 0

    def is_over(self, accuracy: float) -> bool:
        """Whether the run ends with this accuracy of its last epoch."""
        if self.max_value is not None and accuracy >= self.max_value:
            return True
        floor = self.best if self.baseline is None else max(self.best, self.baseline)
        if accuracy > floor + self.min_delta or (floor == -math.inf and not math.isnan(accuracy)):
            self.best, self.epochs_without_gain = accuracy, 0
        else:
            self.epochs_without_gain += 1
        return 0 < self.patience <= self.epochs_without_gain
