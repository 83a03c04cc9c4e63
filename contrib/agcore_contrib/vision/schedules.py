"""Learning rates over the course of a training run, as pure functions of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agcore.checks import finite_number, one_of, whole_number

SCHEDULES = ("constant", "cosine", "poly", "step")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning rate for each step.

    Attributes:
        kind: ``'constant'``; ``'cosine'``, half a wave down to 0; ``'poly'``, (1 - t) ** power;
            ``'step'``, multiplied by ``decay`` every ``decay_epochs`` epochs.
        epochs: Length of the run.
        warmup_epochs: Epochs, or a part of one, in which the rate rises from 0.
        power: Of ``'poly'``.
        decay: Of ``'step'``.
        decay_epochs: Of ``'step'``; 0 is a third of the run.

    Raises:
        SpecError: A value breaks its rule.
    """

    kind: str = "cosine"
    epochs: int = 1
    warmup_epochs: float = 0.0
    power: float = 2.0
    decay: float = 0.1
    decay_epochs: int = 0

    def __post_init__(self) -> None:
        one_of("lr_scheduler", self.kind, SCHEDULES)
        whole_number("epochs", self.epochs)
        whole_number("lr_decay_epochs", self.decay_epochs, 0)
        finite_number("warmup_epochs", self.warmup_epochs)

    def factor(self, done: float) -> float:
        """What the first learning rate is multiplied by, from 0 to 1.

        Args:
            done: Epochs that are behind, with the part of the present one.
        """
        if done < self.warmup_epochs:
            return done / self.warmup_epochs
        length = max(self.epochs - self.warmup_epochs, 1e-9)
        share = min((done - self.warmup_epochs) / length, 1.0)
        if self.kind == "cosine":
            return 0.5 * (1 + math.cos(math.pi * share))
        if self.kind == "poly":
            return float((1 - share) ** self.power)
        if self.kind == "step":
            period = self.decay_epochs or max(1, math.ceil(self.epochs / 3))
            return float(self.decay ** int(done / period))
        return 1.0
