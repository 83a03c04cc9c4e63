"""Pictures of images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def image_grid(
    images: Sequence[NDArray[Any]], titles: Sequence[str], *, columns: int, show: bool
) -> Figure:
    """A figure with images in rows, each under its title.

    Args:
        images: Of shape (height, width, 3).
        titles: One for each.
        columns: Images in a row.
        show: Whether to show it now.
    """
    import matplotlib.pyplot as plt

    rows = math.ceil(len(images) / columns)
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, figsize=(2 * columns, 2.2 * rows), layout="constrained"
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize="small")
    if show:
        plt.show()
    return figure
