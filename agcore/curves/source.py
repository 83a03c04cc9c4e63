"""What a simulation plays: for each config a sequence of reports and what each of them cost."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import SpecError

if TYPE_CHECKING:
    from agcore.jobs import Config

Step = tuple[Mapping[str, Any], float]
"""The metrics of a report, and the seconds since the report before, or since the start."""


class CurveSource(Protocol):
    """Knows the learning curve of every config; asked again, it gives the same."""

    def curve(self, config: Config, seed: int) -> Iterable[Step]:
        """The reports of a trial, in order.

        Args:
            config: The trial's config.
            seed: The trial's seed; whatever is random follows from it.

        Raises:
            Exception: The trial fails, here or between two steps.
        """


@dataclass(frozen=True, slots=True)
class CurveFunction:
    """A function as a source.

    Attributes:
        function: Takes the config, and ``seed=`` if ``takes_seed``.
        takes_seed: Whether it does.
    """

    function: Callable[..., Iterable[Step]]
    takes_seed: bool

    def curve(self, config: Config, seed: int) -> Iterable[Step]:
        """What the function gives for a config."""
        given = dict(config)  # the function may change it
        steps = self.function(given, seed=seed) if self.takes_seed else self.function(given)
        if not isinstance(steps, Iterable):
            raise SpecError(
                f"the curve of {config!r} is {steps!r}; it must be an iterable of pairs: write "
                "yield {'epoch': epoch, 'accuracy': ...}, seconds"
            )
        return steps

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


def as_curve_source(curves: Any) -> CurveSource:
    """``curves`` as a source.

    Args:
        curves: A source; or a function of a config, and of a ``seed`` if it has a parameter of
            that name.

    Raises:
        SpecError: It is neither.
    """
    if callable(getattr(curves, "curve", None)):
        source: CurveSource = curves
        return source
    if callable(curves):
        takes_seed = _has_parameter(curves, "seed")
        if _takes(curves, {"seed": 0} if takes_seed else {}):
            return CurveFunction(curves, takes_seed)
    raise SpecError(
        f"curves={curves!r} must be a function of a config, as f(config) or f(config, seed), "
        "that yields (metrics, seconds), or an object with a method curve(config, seed)"
    )


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False


def _takes(function: Callable[..., Any], keywords: Mapping[str, Any]) -> bool:
    """Whether ``function`` can be called with one value and ``keywords``."""
    try:
        inspect.signature(function).bind({}, **keywords)
    except (TypeError, ValueError):
        return False
    return True
