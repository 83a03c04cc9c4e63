"""Networks made by name."""

from __future__ import annotations

import re

from agcore_contrib.vision.networks.backbone import Backbone, Classifier, Head
from agcore_contrib.vision.networks.efficientnet import efficientnet_lite
from agcore_contrib.vision.networks.small_cnn import small_cnn
from agcore_contrib.vision.networks.timm_networks import timm_network


def make_backbone(name: str, pretrained: bool = True) -> Backbone:
    """The network with a resolved name, without its last layer.

    Args:
        name: As `agcore_contrib.vision.networks.names.resolve` gives it.
        pretrained: Whether it has trained weights, where there are any.

    Raises:
        MissingExtraError: A package that it needs is not installed.
    """
    if name == "small_cnn":
        return small_cnn()
    lite = re.fullmatch(r"efficientnet_lite([012])", name)
    if lite is not None:
        return efficientnet_lite(int(lite[1]), pretrained)
    return timm_network(name, pretrained)


def make_classifier(
    name: str, num_classes: int, *, pretrained: bool = True, dropout: float = 0.0
) -> Classifier:
    """A backbone with a new head."""
    backbone = make_backbone(name, pretrained)
    return Classifier(backbone, Head(backbone.num_features, num_classes, dropout))
