"""How many images a step may have: what memory holds."""

from __future__ import annotations

import logging

import psutil
import torch

logger = logging.getLogger(__name__)

_SHARE = 0.5
"""Of what is free: others need memory too, and the estimate is rough."""


def fitting_batch_size(wanted: int, size: int, bytes_per_pixel: int, device: torch.device) -> int:
    """``wanted``, or fewer images if their activations would not fit; at least 1.

    Args:
        wanted: Images in a step.
        size: Pixels of each side.
        bytes_per_pixel: Memory of the activations by pixel of the input.
        device: Whose memory.
    """
    fits = max(1, int(_SHARE * _free_bytes(device) / (size * size * bytes_per_pixel)))
    if fits < wanted:
        logger.warning("batch_size=%d needs too much memory; %d is used", wanted, fits)
    return min(wanted, fits)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
