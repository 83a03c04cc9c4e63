"""Random changes of images that leave their class as it is; whole batches at once."""

from __future__ import annotations

import torch
from torch.nn import functional

_SMALLEST_AREA = 0.6
_LARGEST_STRETCH = 4 / 3
_BRIGHTNESS = 0.2
_CONTRAST = 0.2


def augmented(images: torch.Tensor, kind: str, generator: torch.Generator) -> torch.Tensor:
    """Changed images.

    Args:
        images: From 0 to 255, shape (n, 3, size, size).
        kind: ``'none'``, ``'flip'`` or ``'standard'``.
        generator: On the CPU; what is drawn does not depend on the device.

    Returns:
        The same shape; floats, unless nothing is changed.
    """
    if kind == "none":
        return images
    flip = _uniform(images, generator, 0, 1) < 0.5
    if kind == "flip":
        return torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)
    cut = _cut_out(images.float(), flip, generator)
    brightness = 1 + _uniform(images, generator, -_BRIGHTNESS, _BRIGHTNESS).view(-1, 1, 1, 1)
    contrast = 1 + _uniform(images, generator, -_CONTRAST, _CONTRAST).view(-1, 1, 1, 1)
    mean = cut.mean(dim=(1, 2, 3), keepdim=True)
    return ((cut - mean) * contrast + mean * brightness).clamp(0, 255)


def _cut_out(images: torch.Tensor, flip: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random parts of images, of 60 to 100 % of the area, resized to the whole."""
    area = _uniform(images, generator, _SMALLEST_AREA, 1)
    stretch = _LARGEST_STRETCH ** _uniform(images, generator, -0.5, 0.5)
    width = (area.sqrt() * stretch).clamp(max=1)
    height = (area.sqrt() / stretch).clamp(max=1)
    x = (1 - width) * _uniform(images, generator, -1, 1)
    y = (1 - height) * _uniform(images, generator, -1, 1)
    maps = torch.zeros(len(images), 2, 3, device=images.device)
    maps[:, 0, 0] = torch.where(flip, -width, width)
    maps[:, 0, 2] = x
    maps[:, 1, 1] = height
    maps[:, 1, 2] = y
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _uniform(
    images: torch.Tensor, generator: torch.Generator, low: float, high: float
) -> torch.Tensor:
    """One number for each image, on its device."""
    drawn = torch.rand(len(images), generator=generator)
    return (low + (high - low) * drawn).to(images.device)
