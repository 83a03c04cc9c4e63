"""Finding out how long trials are to be trained, where nobody has said so.

The first trial is trained in full. The epochs that it really needed are the maximum resource; its
curve tells after how many epochs trials can be compared, the minimum resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SMOOTHING = 0.5


def learnt_minimum(
    scores: Mapping[int, float], maximum_resource: int, reduction_factor: int, mode: str
) -> int:
    """The minimum resource that a learning curve suggests, in epochs.

    The curve up to ``maximum_resource // reduction_factor`` is smoothed by an exponential average.
    Where its last part that never gets worse begins, trials can be compared.

    Args:
        scores: Metric by epoch.
        maximum_resource: In epochs.
        reduction_factor: eta.
        mode: ``'max'`` or ``'min'``.

    Returns:
        The epoch; ``maximum_resource // reduction_factor``, at least 1, if the curve has no such
        part.
    """
    limit = max(1, maximum_resource // reduction_factor)
    sign = 1 if mode == "max" else -1
    epochs = sorted(epoch for epoch in scores if epoch <= limit)
    smooth: list[float] = []
    for epoch in epochs:
        score = sign * scores[epoch]
        before = smooth[-1] if smooth else score
        smooth.append(_SMOOTHING * before + (1 - _SMOOTHING) * score)
    start = len(epochs) - 1
    while start > 0 and smooth[start - 1] <= smooth[start]:
        start -= 1
    if start < 0 or (start == len(epochs) - 1 and len(epochs) > 1):
        return limit
    return epochs[start]
