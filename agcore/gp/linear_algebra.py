"""Cholesky factors: with a ladder of jitters, grown by new points, and applied to right sides.

LAPACK is called directly, in Fortran order, and overwrites what it may.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.linalg import blas, lapack

from agcore.errors import AgcoreError
from agcore.gp.packed import packed_size, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.gp.arrays import Array, IndexArray

Users: TypeAlias = "list[weakref.ref[Factor]]"

INVERSE_UP_TO = 700
"""Order up to which a `Factor` keeps the inverse of L: multiplying is faster than solving, but
the inverse costs n^3 / 3 once."""


class NotPositiveDefiniteError(AgcoreError):
    """A covariance matrix has no Cholesky factor, even with the largest jitter."""


def jitters(mean_diagonal: float) -> Iterator[float]:
    """What to add to a diagonal until its matrix has a factor: 0, then 1e-9 to 1e3 times scale."""
    yield 0.0
    scale = max(1.0, mean_diagonal)
    for exponent in range(-9, 4):
        yield scale * 10.0**exponent


def factorise_packed(K: Array, noise: float, diagonal: IndexArray, out: Array) -> float:
    """Writes the packed Cholesky factor of K + noise I into ``out``; returns the jitter added.

    Args:
        K: Packed covariance, shape (n (n + 1) / 2,); left as it is.
        noise: Added to the diagonal.
        diagonal: `diagonal_positions(n)`.
        out: Receives the packed lower factor, shape of ``K``.

    Raises:
        NotPositiveDefiniteError: No jitter of the ladder helps, or ``K`` is not finite.
    """
    n = diagonal.size
    plain = K[diagonal]
    mean_diagonal = float(np.add.reduce(plain)) / n
    for jitter in jitters(mean_diagonal):
        np.copyto(out, K)
        out[diagonal] = plain + (noise + jitter)
        _, status = lapack.dpftrf(n, out, uplo="L", overwrite_a=1)
        if status == 0 and math.isfinite(np.add.reduce(out[diagonal])):
            return jitter
    raise NotPositiveDefiniteError(
        f"a {n} x {n} covariance matrix with mean diagonal {mean_diagonal} has no "
        "Cholesky factor; check the inputs for values that are not finite"
    )


def invert_packed(n: int, factor: Array) -> None:
    """Turns a packed factor of A into packed A^-1, in place."""
    lapack.dpftri(n, factor, uplo="L", overwrite_a=1)


def cholesky(A: Array) -> Array:
    """Lower Cholesky factor with zeros above, of a small symmetric matrix, jittered if need be.

    Raises:
        NotPositiveDefiniteError: No jitter of the ladder helps, or ``A`` is not finite.
    """
    n = A.shape[0]
    for jitter in jitters(float(np.trace(A)) / max(n, 1)):
        B = np.array(A, order="F")
        B.flat[:: n + 1] += jitter
        L, status = lapack.dpotrf(B, lower=1, overwrite_a=1, clean=1)
        if status == 0 and np.isfinite(L).all():
            factor: Array = L
            return factor
    raise NotPositiveDefiniteError(
        f"a {n} x {n} matrix has no Cholesky factor; check its inputs for values not finite"
    )


class Factor:
    """Lower Cholesky factor L of a covariance matrix, which can grow at its end.

    Growing shares the buffers with the factor that was grown, which stays valid: its rows are
    never written again. Rows behind it are, once nobody has the factors that they belonged to;
    so fantasies, which are forgotten after each proposal, cost no copy. Up to `INVERSE_UP_TO`
    points at the last factorisation L^-1 is kept as well. Nothing depends on which methods were
    called before, so that repeating the factorisation and the appends gives the same bits.

    Attributes:
        n: Order of the matrix.
    """

    def __init__(self, n: int, L: Array, inverse: Array | None, users: Users) -> None:
        # Buffers have at least n rows and columns, in Fortran order: L[:, :n] is contiguous with
        # a leading dimension of its own. ``users`` are the factors that share them.
        self.n = n
        self._L = L
        self._inverse = inverse
        users.append(weakref.ref(self))
        self._users = users

    def __reduce__(self) -> tuple[type[Factor], tuple[int, Array, Array | None, Users]]:
        """With buffers of its own, because its copy does not know who shares these."""
        inverse = None if self._inverse is None else self._enlarged(self._inverse, self.n)
        return Factor, (self.n, self._enlarged(self._L, self.n), inverse, [])

    @classmethod
    def of_packed(cls, n: int, packed: Array) -> Factor:
        """The factor whose packed entries `factorise_packed` gave."""
        if packed.size != packed_size(n):
            raise ValueError(f"packed has {packed.size} entries, not those of order {n}")
        L = unpack(n, packed)
        inverse = None
        if n <= INVERSE_UP_TO:
            inverse = np.array(L, order="F")
            invert_lower(inverse)
        return cls(n, L, inverse, [])

    def lower(self) -> Array:
        """A copy of L with zeros above the diagonal, shape (n, n)."""
        return np.tril(self._L[: self.n, : self.n])

    def whiten(self, B: Array) -> Array:
        """L^-1 B, for B of shape (n, b); a B in Fortran order is overwritten."""
        if self._inverse is not None:
            A = self._inverse[:, : self.n]
            result: Array = blas.dtrmm(1.0, A, B, lower=1, overwrite_b=1)
        else:
            result = lapack.dtrtrs(self._L[:, : self.n], B, lower=1, overwrite_b=1)[0]
        return result

    def unwhiten(self, B: Array) -> Array:
        """L^-T B, for B of shape (n, b); a B in Fortran order is overwritten."""
        if self._inverse is not None:
            A = self._inverse[:, : self.n]
            result: Array = blas.dtrmm(1.0, A, B, lower=1, trans_a=1, overwrite_b=1)
        else:
            result = lapack.dtrtrs(self._L[:, : self.n], B, lower=1, trans=1, overwrite_b=1)[0]
        return result

    def grown(self, K_cross: Array, K_new: Array) -> tuple[Factor, Array, Array]:
        """The factor of the matrix with ``m`` more rows, in O(n^2 m).

        Args:
            K_cross: Covariance of old with new points, shape (n, m); overwritten.
            K_new: Covariance of the new points incl. noise variance, shape (m, m).

        Returns:
            The grown factor and its new rows: L_21 (m, n) and L_22 (m, m).

        Raises:
            NotPositiveDefiniteError: The Schur complement has no factor at any jitter.
        """
        n, m = K_cross.shape
        V = self.whiten(K_cross)
        corner = cholesky(K_new - V.T @ V)
        buffer, inverse, users = self._room(n + m)
        buffer[n : n + m, :n] = V.T
        buffer[n : n + m, n : n + m] = corner
        if inverse is not None and self._inverse is not None:
            corner_inverse = np.array(corner, order="F")
            invert_lower(corner_inverse)
            # (L^-1)_21 = -L_22^-1 L_21 L_11^-1
            rows = corner_inverse @ self.unwhiten(V.copy(order="F")).T
            np.negative(rows, out=inverse[n : n + m, :n])
            inverse[n : n + m, n : n + m] = corner_inverse
        return Factor(n + m, buffer, inverse, users), V.T, corner

    def _room(self, needed: int) -> tuple[Array, Array | None, Users]:
        """Buffers whose rows from n to ``needed`` are nobody's, and who shares them."""
        sharing = [(user, factor) for user in self._users if (factor := user()) is not None]
        self._users[:] = [user for user, _ in sharing]
        has_rows = needed <= self._L.shape[0]
        if has_rows and all(factor.n <= self.n for _, factor in sharing):
            return self._L, self._inverse, self._users
        capacity = needed + max(8, needed // 8)
        inverse = None if self._inverse is None else self._enlarged(self._inverse, capacity)
        return self._enlarged(self._L, capacity), inverse, []

    def _enlarged(self, old: Array, capacity: int) -> Array:
        buffer = np.zeros((capacity, capacity), order="F")
        buffer[: self.n, : self.n] = old[: self.n, : self.n]
        return buffer


def invert_lower(L: Array, block: int = 64) -> None:
    """Replaces a lower triangle in Fortran order by its inverse, in place.

    Recursive by halves, so that the work is in matrix products: twice as fast as dtrtri here.
    """
    n = L.shape[0]
    if n <= block:
        L[:] = lapack.dtrtri(L, lower=1)[0]
        return
    half = n // 2
    corner = np.array(L[half:, half:], order="F")
    top = np.array(L[:half, :half], order="F")
    side = np.array(L[half:, :half], order="F")
    side = blas.dtrsm(-1.0, corner, side, lower=1, overwrite_b=1)
    invert_lower(top, block)
    invert_lower(corner, block)
    L[half:, :half] = blas.dtrmm(1.0, top, side, side=1, lower=1, overwrite_b=1)
    L[:half, :half] = top
    L[half:, half:] = corner
