"""One BLAS thread for the matrices of a surrogate.

They are small: threads cost more than they bring, and on a machine that trials keep busy they
wait for each other for milliseconds at every call (measured: a fit took a hundred times longer).
The number of threads also decides the last bits of a result, which a resumed run must repeat.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@functools.cache
def _blas_libraries() -> Any:
    # Looking for them takes 20 ms, once; SciPy and NumPy each load their own.
    return import_module("threadpoolctl").ThreadpoolController().select(user_api="blas")


class _Limit(threading.local):
    """How many of a thread's calls are within the limit, one in the other."""

    depth = 0


_limit = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context in which NumPy's and SciPy's BLAS use one thread; costs 20 microseconds.

    `fit`, `maximise` and the methods of `Posterior` enter it by themselves; entered around a whole
    proposal it costs them nothing.
    """
    if _limit.depth:
        yield
        return
    with _blas_libraries().limit(limits=1):
        _limit.depth += 1
        try:
            yield
        finally:
            _limit.depth -= 1


def on_one_blas_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, called within `one_blas_thread`."""

    @functools.wraps(function)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if _limit.depth:
            return function(*args, **kwargs)
        with one_blas_thread():
            return function(*args, **kwargs)

    return limited
