"""Rows divided at random, each class by the same share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stratified_split(
    labels: NDArray[Any], share: float, seed: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to keep and rows to hold out, both ascending.

    The number held out is the rounded share, at least one of two or more rows. It is divided
    among the classes by largest remainder; a class with a single row keeps it.

    Args:
        labels: Class of each row, shape (n,).
        share: Of the rows that is held out, from 0 to 1.
        seed: Of the generator; None draws one.

    Returns:
        Two arrays of row numbers, together 0 to n - 1.
    """
    generator = np.random.default_rng(seed)
    classes, numbers = np.unique(labels, return_inverse=True)
    counts = np.bincount(numbers, minlength=len(classes))
    total = min(max(round(share * len(labels)), int(share > 0)), int((counts - 1).sum()))
    quota = total * counts / max(1, len(labels))
    held = np.minimum(np.floor(quota).astype(int), np.maximum(counts - 1, 0))
    while held.sum() < total:
        lacking = np.where(held < counts - 1, quota - held, -np.inf)
        held[int(lacking.argmax())] += 1
    out = [
        generator.permutation(np.flatnonzero(numbers == k))[: held[k]] for k in range(len(classes))
    ]
    held_out = np.sort(np.concatenate(out)) if out else np.empty(0, dtype=np.int64)
    kept = np.setdiff1d(np.arange(len(labels)), held_out)
    return kept.astype(np.int64), held_out.astype(np.int64)
