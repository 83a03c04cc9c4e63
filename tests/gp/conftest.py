"""All of these tests run on one BLAS thread, as the surrogate does."""

from __future__ import annotations

import pytest

from agcore.gp import one_blas_thread


@pytest.fixture(autouse=True)
def _one_blas_thread():
    with one_blas_thread():
        yield
