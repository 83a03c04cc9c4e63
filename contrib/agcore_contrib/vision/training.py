"""One training run, epoch by epoch; it can be put down and taken up again."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from agcore_contrib.vision.optimisers import make_optimiser
from agcore_contrib.vision.scores import Scores, scores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agcore_contrib.vision.feeds import Feed
    from agcore_contrib.vision.settings import TrainSettings

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch of training has brought.

    Attributes:
        accuracy: Share of the training rows that were right when it was their turn.
        loss: Mean loss; NaN or infinite after divergence.
    """

    accuracy: float
    loss: float


class TrainingRun:
    """Trains a model on what a feed brings.

    Args:
        model: Maps inputs of the feed to logits; on ``device`` already.
        feed: The batches.
        settings: Optimiser, schedule and loss.
        batch_size: Rows in a step.
        device: Where it computes.
        seed: Of the order of rows and of their changes.

    Attributes:
        epoch: Epochs that are done.
    """

    def __init__(
        self,
        model: nn.Module,
        feed: Feed,
        settings: TrainSettings,
        batch_size: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self.model = model
        self.epoch = 0
        self._feed = feed
        self._settings = settings
        self._schedule = settings.schedule
        self._batch_size = min(batch_size, feed.num_rows)
        self._device = device
        self._generator = torch.Generator().manual_seed(seed % _LARGEST_SEED)
        self._optimiser = make_optimiser(
            settings.optimizer,
            model.parameters(),
            lr=settings.lr,
            weight_decay=settings.wd,
            momentum=settings.momentum,
        )
        self._is_own = not callable(settings.optimizer)
        # A user's own optimiser has its own learning rates; the schedule scales them.
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._halves = settings.mixed_precision and device.type == "cuda"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._halves)
        self._loss = _loss_function(settings)

    def train_epoch(self) -> EpochResult:
        """Train on all rows once."""
        self.model.train()
        steps = max(1, math.ceil(self._feed.num_rows / self._batch_size))
        right, total, loss_sum = 0, 0, 0.0
        batches = self._feed.batches(self._batch_size, self._generator)
        for step, (inputs, labels) in enumerate(batches):
            self._set_rates(self.epoch + (step + 0.5) / steps)
            loss, logits = self._step(inputs, labels)
            right += int((logits.argmax(dim=1) == labels).sum())
            total += len(labels)
            loss_sum += loss * len(labels)
        self.epoch += 1
        return EpochResult(right / max(1, total), loss_sum / max(1, total))

    def validate(self) -> Scores:
        """Scores on the validation rows."""
        self.model.eval()
        with torch.inference_mode():
            return scores(*self._feed.validate(self.model))

    def save(self, path: Path, **more: Any) -> None:
        """Write all that goes on later, but for the model's weights.

        Args:
            path: The file.
            more: Plain values to be kept with it.
        """
        state = {
            "epoch": self.epoch,
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "generator": self._generator.get_state(),
            "torch": torch.get_rng_state(),
            "more": more,
        }
        if self._device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._device)
        torch.save(state, path)

    def load(self, path: Path) -> dict[str, Any]:
        """Go on where the run was that wrote the file; returns what was kept with it.

        The learning rate is that of this run's settings, which may have changed.
        """
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.epoch = int(state["epoch"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self._generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        if self._device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self._device)
        if self._is_own:
            for group in self._optimiser.param_groups:
                group["weight_decay"] = self._settings.wd
                if "momentum" in group:
                    group["momentum"] = self._settings.momentum
        more: dict[str, Any] = state["more"]
        return more

    def _set_rates(self, done: float) -> None:
        factor = self._schedule.factor(done)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def _step(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        """The loss of a batch before its step, and its logits."""
        self._optimiser.zero_grad(set_to_none=True)
        halves = torch.autocast(self._device.type) if self._halves else contextlib.nullcontext()
        with halves:
            logits = self.model(inputs)
            loss = self._loss(logits, labels)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return float(loss.detach()), logits.detach()


def _loss_function(
    settings: TrainSettings,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    if settings.loss is not None:
        own: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = settings.loss
        return own

    def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = settings.label_smoothing
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing)

    return cross_entropy
