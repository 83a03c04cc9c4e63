"""Symmetric matrices in rectangular full packed (RFP) form: one flat array of n(n+1)/2 entries.

The form holds the lower triangle only, so elementwise work is halved, and it is contiguous, so
NumPy runs through it at full speed; yet LAPACK factorises and inverts it with level-3 BLAS.
The order of the entries matters to nobody but LAPACK: `diagonal_positions` and `pack` are the
only ways to address one.

A function of a symmetric matrix is differentiated by its *entry weights*, packed alike: the
derivative with respect to each stored entry, so that off-diagonal weights count (i, j) and (j, i).

Source: Gustavson et al. (2010), "Rectangular Full Packed Format for Cholesky's Algorithm",
https://doi.org/10.1145/1731022.1731028.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

if TYPE_CHECKING:
    from agcore.gp.arrays import Array, IndexArray


def packed_size(n: int) -> int:
    """Number of stored entries of a symmetric matrix of order ``n``."""
    return n * (n + 1) // 2


def diagonal_positions(n: int) -> IndexArray:
    """Where the entries (0, 0), (1, 1), ... lie in the packed array, shape (n,)."""
    # The array is a rectangle in column order: for even n of n + 1 rows, else of n.
    is_even = 1 - n % 2
    columns = (n + 1) // 2
    first = np.arange(columns) * (n + is_even + 1) + is_even
    second = np.arange(1 - is_even, columns) * (n + is_even + 1) - (1 - is_even)
    return np.concatenate([first, second]).astype(np.intp)


def pack(A: Array) -> Array:
    """The lower triangle of ``A``, shape (n, n) in Fortran order, as a new packed array."""
    packed: Array = lapack.dtrttf(A, uplo="L")[0]
    return packed


def unpack(n: int, packed: Array) -> Array:
    """Matrix (n, n) in Fortran order with the packed lower triangle; above it is anything."""
    A: Array = lapack.dtfttr(n, packed, uplo="L")[0]
    return A


def pair_indices(n: int) -> tuple[IndexArray, IndexArray]:
    """Row and column of each packed entry; the row is at least the column."""
    index = np.arange(n, dtype=float)
    rows = pack(np.asfortranarray(np.broadcast_to(index[:, None], (n, n))))
    columns = pack(np.asfortranarray(np.broadcast_to(index, (n, n))))
    return rows.astype(np.intp), columns.astype(np.intp)
