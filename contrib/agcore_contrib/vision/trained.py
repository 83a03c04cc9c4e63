"""A trained network in a file, and what it says of images."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import torch

from agcore_contrib.vision.features import as_tensor, compute_features, default_device
from agcore_contrib.vision.feeds import probabilities_of
from agcore_contrib.vision.networks.backbone import Classifier, CustomNetwork, Head
from agcore_contrib.vision.networks.efficientnet import folded
from agcore_contrib.vision.networks.making import make_backbone

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """What is needed to use a network.

    Attributes:
        network: Its resolved name; ``'custom'`` for a user's own.
        num_classes: Length of a row of probabilities.
        input_size: Pixels of each side.
        views: 2 if the mean with mirror images is taken, else 1.
        state: Weights by name; of a frozen bundled network those of the head only, since its
            package has the others.
        net: The user's function that makes the network, pickled, or None.
    """

    network: str
    num_classes: int
    input_size: int
    views: int
    state: dict[str, Any]
    net: bytes | None = None

    def save(self, path: Path) -> None:
        """Write it to a file."""
        names = self.__dataclass_fields__
        torch.save({name: getattr(self, name) for name in names}, path)

    @classmethod
    def load(cls, path: Path) -> TrainedNetwork:
        """What `save` wrote."""
        return cls(**torch.load(path, map_location="cpu", weights_only=True))

    def model(self) -> nn.Module:
        """The network, ready for use on the CPU or GPU that there is."""
        if self.net is not None:
            # Only what this user's own fit, or a file that he trusts, has put there.
            network: nn.Module = CustomNetwork(pickle.loads(self.net)(self.num_classes))
            network.load_state_dict(self.state)
            return network.to(default_device()).eval()
        is_whole = any(name.startswith("backbone.") for name in self.state)
        backbone = make_backbone(self.network, pretrained=not is_whole)
        head = Head(backbone.num_features, self.num_classes)
        classifier = Classifier(backbone, head)
        (classifier if is_whole else head).load_state_dict(self.state)
        classifier.backbone = folded(classifier.backbone.eval())
        return classifier.to(default_device()).eval()


class Predictions:
    """A network at work: it is made once and used as often as one likes."""

    def __init__(self, trained: TrainedNetwork) -> None:
        self._trained = trained
        self._model = trained.model()

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probabilities, shape (n, k), of images of shape (n, size, size, 3)."""
        rows = np.arange(len(pixels))
        with torch.inference_mode():
            return probabilities_of(
                self._model, pixels, rows, default_device(), self._trained.views
            )

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Features before the last layer, shape (n, num_features).

        A user's own network has none that are known; its logits take their place.
        """
        if isinstance(self._model, Classifier):
            return compute_features(self._model.backbone, pixels, 1)[:, 0].astype(np.float64)
        found = []
        with torch.inference_mode():
            for row in range(len(pixels)):
                batch = as_tensor(pixels[row : row + 1], default_device())
                found.append(self._model(batch).cpu().numpy()[0])
        return np.asarray(found, dtype=np.float64)


def pickled_net(net: Any) -> bytes | None:
    """A user's function as bytes, None if there is none."""
    return None if net is None else bytes(cloudpickle.dumps(net))
