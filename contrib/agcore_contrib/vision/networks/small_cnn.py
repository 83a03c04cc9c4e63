"""A small convolutional network for small images, trained from scratch."""

from __future__ import annotations

from torch import nn

from agcore_contrib.vision.networks.backbone import Backbone

_CHANNELS = (32, 64, 128)


def small_cnn() -> Backbone:
    """Three stages of two convolutions with batch normalisation; 0.3 million weights, random."""
    layers: list[nn.Module] = []
    previous = 3
    for channels in _CHANNELS:
        layers += [*_convolution(previous, channels), *_convolution(channels, channels)]
        layers.append(nn.MaxPool2d(2))
        previous = channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    body = nn.Sequential(*layers)
    return Backbone(body, previous, mean=[127.5] * 3, std=[64.0] * 3, is_pretrained=False)


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
