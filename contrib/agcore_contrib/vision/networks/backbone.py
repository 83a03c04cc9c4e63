"""What all networks have in common: bytes of images in, one row of features an image out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class Backbone(nn.Module):
    """A network without its last layer.

    Attributes:
        num_features: Length of a row.
        is_pretrained: Whether its weights were trained on other images.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        body: nn.Module,
        num_features: int,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        is_pretrained: bool,
    ) -> None:
        """``mean`` and ``std`` are what ``body`` expects of red, green and blue, in bytes."""
        super().__init__()
        self.body = body
        self.num_features = num_features
        self.is_pretrained = is_pretrained
        # Not in the state: they belong to the kind of network, not to its training.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features, shape (n, num_features).

        Args:
            pixels: RGB from 0 to 255, shape (n, 3, size, size), bytes or floats.
        """
        scaled = (pixels.to(self.mean.dtype) - self.mean) / self.std
        features: torch.Tensor = self.body(scaled)
        return features


class Head(nn.Module):
    """The last layer: features standardised, some dropped out, then one linear map.

    Its weights begin at zero, so the first prediction is the same for all classes.
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, num_features: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(num_features))
        self.register_buffer("scale", torch.ones(num_features))
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_features, num_classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def standardise(self, features: torch.Tensor) -> None:
        """Make features as these, shape (n, num_features), have mean 0 and variance 1."""
        std = features.std(dim=0, correction=0)
        self.shift.copy_(features.mean(dim=0))
        # A feature that never changes says nothing; dividing by its rounding errors would.
        self.scale.copy_(torch.where(std > 1e-3 * std.mean(), 1 / std.clamp_min(1e-12), 0.0))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, num_classes)."""
        logits: torch.Tensor = self.linear(self.dropout((features - self.shift) * self.scale))
        return logits


class Classifier(nn.Module):
    """A backbone and a head."""

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, num_classes), of pixels as `Backbone` takes them."""
        logits: torch.Tensor = self.head(self.backbone(pixels))
        return logits


class CustomNetwork(nn.Module):
    """A user's network, which maps pixels from 0 to 1 to logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, num_classes), of pixels from 0 to 255."""
        logits: torch.Tensor = self.network(pixels.float() / 255)
        return logits
