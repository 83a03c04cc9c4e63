from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import AgcoreError
from agcore.gp import linear_algebra
from agcore.gp.linear_algebra import (
    Factor,
    NotPositiveDefiniteError,
    cholesky,
    factorise_packed,
    invert_lower,
    invert_packed,
    jitters,
)
from agcore.gp.packed import diagonal_positions, pack, unpack


def positive_definite(n, seed=0):
    A = np.random.default_rng(seed).standard_normal((n, n))
    return np.asfortranarray(A @ A.T + n * np.eye(n))


def factor_of(K):
    n = len(K)
    out = np.empty(n * (n + 1) // 2)
    factorise_packed(pack(K), 0.0, diagonal_positions(n), out)
    return Factor.of_packed(n, out)


def test_the_ladder_begins_with_no_jitter_and_ends_at_a_thousand_times_the_scale():
    ladder = list(jitters(2.0))
    assert ladder[:2] == [0.0, 2e-9]
    assert ladder[-1] == pytest.approx(2e3)
    assert list(jitters(0.1))[1] == 1e-9


@pytest.mark.parametrize("n", [1, 2, 5, 64, 101])
def test_a_packed_factor_times_its_transpose_is_the_matrix_with_noise(n):
    K = positive_definite(n)
    out = np.empty(n * (n + 1) // 2)
    assert factorise_packed(pack(K), 0.5, diagonal_positions(n), out) == 0.0
    L = np.tril(unpack(n, out))
    np.testing.assert_allclose(L @ L.T, K + 0.5 * np.eye(n), rtol=1e-10, atol=1e-10)


def test_a_packed_factor_becomes_the_inverse():
    K = positive_definite(7)
    out = np.empty(28)
    factorise_packed(pack(K), 0.0, diagonal_positions(7), out)
    invert_packed(7, out)
    np.testing.assert_allclose(np.tril(unpack(7, out)), np.tril(np.linalg.inv(K)), atol=1e-12)


def test_a_singular_matrix_gets_the_least_jitter_that_helps():
    K = np.ones((6, 6), order="F")
    out = np.empty(21)
    jitter = factorise_packed(pack(K), 0.0, diagonal_positions(6), out)
    assert 0 < jitter <= 1e-7
    assert np.isfinite(out).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_matrix_that_is_not_finite_is_an_error_of_this_package(bad):
    K = positive_definite(3)
    K[1, 1] = bad
    with pytest.raises(NotPositiveDefiniteError, match="not finite") as raised:
        factorise_packed(pack(K), 0.0, diagonal_positions(3), np.empty(6))
    assert isinstance(raised.value, AgcoreError)
    with pytest.raises(NotPositiveDefiniteError):
        cholesky(K)


@pytest.mark.parametrize("n", [1, 3, 64, 65, 200, 333])
def test_the_recursive_inverse_of_a_triangle_is_its_inverse(n):
    L = np.asfortranarray(np.linalg.cholesky(positive_definite(n)))
    inverse = L.copy(order="F")
    invert_lower(inverse)
    np.testing.assert_allclose(np.tril(inverse) @ L, np.eye(n), atol=1e-10)


@pytest.mark.parametrize("inverse_up_to", [0, 700])
@given(n=st.integers(1, 20), steps=st.lists(st.integers(1, 5), min_size=1, max_size=6))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_growing_a_factor_is_factorising_the_grown_matrix(inverse_up_to, n, steps):
    total = n + sum(steps)
    K = positive_definite(total)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear_algebra, "INVERSE_UP_TO", inverse_up_to)
        factor = factor_of(K[:n, :n].copy(order="F"))
        for m in steps:
            old, new = slice(0, factor.n), slice(factor.n, factor.n + m)
            factor, _, _ = factor.grown(K[old, new].copy(order="F"), K[new, new])
    np.testing.assert_allclose(factor.lower(), np.linalg.cholesky(K), atol=1e-9)
    B = np.random.default_rng(1).standard_normal((total, 3))
    L = np.linalg.cholesky(K)
    np.testing.assert_allclose(factor.whiten(B.copy(order="F")), np.linalg.solve(L, B), atol=1e-9)
    np.testing.assert_allclose(
        factor.unwhiten(B.copy(order="F")), np.linalg.solve(L.T, B), atol=1e-9
    )


def test_a_factor_stays_valid_when_two_others_grow_from_it():
    K = positive_definite(8)
    base = factor_of(K[:5, :5].copy(order="F"))
    first, _, _ = base.grown(K[:5, 5:6].copy(order="F"), K[5:6, 5:6])
    left, _, _ = first.grown(K[:6, 6:7].copy(order="F"), K[6:7, 6:7])
    right, _, _ = first.grown(K[:6, 7:8].copy(order="F"), K[7:8, 7:8])
    np.testing.assert_allclose(base.lower(), np.linalg.cholesky(K[:5, :5]), atol=1e-12)
    np.testing.assert_allclose(left.lower(), np.linalg.cholesky(K[:7, :7]), atol=1e-12)
    picked = [0, 1, 2, 3, 4, 5, 7]
    np.testing.assert_allclose(
        right.lower(), np.linalg.cholesky(K[np.ix_(picked, picked)]), atol=1e-12
    )


def test_rows_of_forgotten_factors_are_used_again_and_those_of_others_never():
    K = positive_definite(9)

    def more(factor, row):
        return factor.grown(K[: factor.n, row : row + 1].copy(order="F"), K[row : row + 1, [row]])[
            0
        ]

    first = more(factor_of(K[:5, :5].copy(order="F")), 5)
    buffer = first._L
    for row in (6, 7, 8):
        assert more(first, row)._L is buffer  # the one before is gone
    kept = more(first, 6)
    before = kept.lower()
    assert more(first, 7)._L is not buffer
    np.testing.assert_array_equal(kept.lower(), before)
    assert more(kept, 7)._L is buffer


def test_a_pickled_factor_has_buffers_of_its_own():
    K = positive_definite(7)
    base = factor_of(K[:5, :5].copy(order="F"))
    copy = pickle.loads(pickle.dumps(base))
    grown, _, _ = base.grown(K[:5, 5:6].copy(order="F"), K[5:6, 5:6])
    again, _, _ = copy.grown(K[:5, 5:6].copy(order="F"), K[5:6, 5:6])
    np.testing.assert_array_equal(grown.lower(), again.lower())
    two = pickle.loads(pickle.dumps([base, grown]))
    more, _, _ = two[0].grown(K[:5, 6:7].copy(order="F"), K[6:7, 6:7])
    np.testing.assert_array_equal(two[1].lower(), grown.lower())
    assert more.n == 6


def test_the_same_appends_give_the_same_bits_whatever_was_grown_in_between():
    K = positive_definite(8)
    base = factor_of(K[:5, :5].copy(order="F"))
    one, _, _ = base.grown(K[:5, 5:8].copy(order="F"), K[5:8, 5:8])
    two, _, _ = base.grown(K[:5, 5:8].copy(order="F"), K[5:8, 5:8])
    np.testing.assert_array_equal(one.lower(), two.lower())


def test_packed_entries_of_another_order_are_refused():
    with pytest.raises(ValueError, match="order 4"):
        Factor.of_packed(4, np.ones(6))
