"""Networks of timm, where timm is installed and can be imported."""

from __future__ import annotations

import logging
from typing import Any

from agcore.errors import MissingExtraError
from agcore_contrib.vision.networks.backbone import Backbone

logger = logging.getLogger(__name__)

_BYTES = 255.0


def timm_network(name: str, pretrained: bool) -> Backbone:
    """A network of timm, without its classifier.

    Args:
        name: As timm has it.
        pretrained: Whether it has trained weights, if they can be had: they are in timm's cache or
            fetched by timm. Where they cannot, a warning says so and they are random.

    Raises:
        MissingExtraError: timm cannot be imported.
    """
    try:
        import timm
    except Exception as error:
        raise MissingExtraError(f"the network {name!r}", "timm") from error
    model = _with_weights(timm, name) if pretrained else None
    is_pretrained = model is not None
    if model is None:
        model = timm.create_model(name, num_classes=0)
    config = timm.data.resolve_model_data_config(model)
    return Backbone(
        model,
        # Some networks have another layer between their features and the classifier.
        int(getattr(model, "head_hidden_size", None) or model.num_features),
        mean=[_BYTES * value for value in config["mean"]],
        std=[_BYTES * value for value in config["std"]],
        is_pretrained=is_pretrained,
    )


def _with_weights(timm: Any, name: str) -> Any:
    """The network with trained weights, None if they cannot be had."""
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError) as error:  # no network, no such weights
        logger.warning("no weights for %s: %s; it begins with random ones", name, error)
        return None
