from __future__ import annotations

import numpy as np
import pytest

from agcore.gp.packed import diagonal_positions, pack, packed_size, pair_indices, unpack

ORDERS = [1, 2, 3, 4, 5, 8, 13]


def symmetric(n):
    A = np.random.default_rng(n).standard_normal((n, n))
    return np.asfortranarray(A + A.T)


@pytest.mark.parametrize("n", ORDERS)
def test_unpacking_what_was_packed_gives_the_lower_triangle_back(n):
    A = symmetric(n)
    packed = pack(A)
    assert packed.shape == (packed_size(n),)
    np.testing.assert_array_equal(np.tril(unpack(n, packed)), np.tril(A))


@pytest.mark.parametrize("n", ORDERS)
def test_the_diagonal_is_where_it_is_said_to_be(n):
    A = symmetric(n)
    np.testing.assert_array_equal(pack(A)[diagonal_positions(n)], np.diag(A))


@pytest.mark.parametrize("n", ORDERS)
def test_every_packed_entry_knows_its_row_and_column(n):
    A = symmetric(n)
    rows, columns = pair_indices(n)
    assert (rows >= columns).all()
    np.testing.assert_array_equal(pack(A), A[rows, columns])


def test_the_matrix_above_the_diagonal_is_not_read():
    A = symmetric(4)
    B = A.copy(order="F")
    B[np.triu_indices(4, 1)] = np.nan
    np.testing.assert_array_equal(pack(A), pack(B))
