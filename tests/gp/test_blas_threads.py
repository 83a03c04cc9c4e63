from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from agcore.gp import one_blas_thread
from agcore.gp.blas_threads import on_one_blas_thread


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _one_blas_thread():
    """The other tests are within the limit from the beginning, these are not."""


def test_blas_has_one_thread_within_and_as_many_as_before_after():
    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_a_decorated_function_runs_within_and_keeps_its_name_even_if_it_fails():
    @on_one_blas_thread
    def seen(fail=False):
        if fail:
            raise KeyError("no")
        return blas_threads()

    with threadpool_limits(2, user_api="blas"):
        assert seen() == {1}
        with pytest.raises(KeyError):
            seen(fail=True)
        assert blas_threads() == {2}
        with one_blas_thread():
            assert seen() == {1}
            with pytest.raises(KeyError):
                seen(fail=True)
            assert seen() == {1}
        assert blas_threads() == {2}
    assert seen.__name__ == "seen"
