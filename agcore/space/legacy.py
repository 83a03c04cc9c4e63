"""Old names of spaces, and the warning that an old name gives once."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from agcore.space.nested import Categorical
from agcore.space.numeric import Real


class AutoGluonWarning(DeprecationWarning):
    """A name of an older release was used; it works, and has a newer name."""


@functools.cache
def warn_renamed(old: str, new: str) -> None:
    """Say once per process that ``old`` is now called ``new``."""
    warnings.warn(f"{old} is now called {new}", AutoGluonWarning, stacklevel=3)


def Choice(*options: Any) -> Categorical:  # noqa: N802 - the name it had
    """A `Categorical`; deprecated."""
    warn_renamed("Choice", "Categorical")
    return Categorical(*options)


def Linear(lower: float, upper: float) -> Real:  # noqa: N802 - the name it had
    """A `Real` on the linear scale."""
    return Real(lower, upper)


def LogLinear(lower: float, upper: float) -> Real:  # noqa: N802 - the name it had
    """A `Real` on the logarithmic scale."""
    return Real(lower, upper, log=True)
