"""What a simulation plays: for each config a sequence of reports and what each of them cost."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import SpecError
from agcore.space.arguments import ArgsBuilder
from agcore.train_fn import TrainFunction, fill_in

if TYPE_CHECKING:
    from agcore.jobs import Config

Step = tuple[Mapping[str, Any], float]
"""The metrics of a report, and the seconds since the report before, or since the start."""


class CurveSource(Protocol):
    """Knows the learning curve of every config; asked again, it gives the same.

    A source may say in an attribute ``description`` whose curves it has, and which of them are
    guesses; a run that plays them says so, too.
    """

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
        return _checked(steps, config)

    @property
    def description(self) -> str:
        """The name of the function."""
        return _name_of(self.function)

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


@dataclass(frozen=True, slots=True)
class PlayedFunction:
    """A train function that is a generator function: its own source.

    It is called as ``f(args)``, or ``f(args, seed=...)`` if it has such a parameter, and yields
    its reports instead of calling a reporter.

    Attributes:
        train_fn: What ``@ag.args`` made of it.
        builder: Puts configs into its arguments.
        takes_seed: Whether it has a parameter ``seed``.
    """

    train_fn: TrainFunction
    builder: ArgsBuilder
    takes_seed: bool

    @classmethod
    def of(cls, train_fn: TrainFunction) -> PlayedFunction:
        """A train function as a source, with its own arguments.

        Raises:
            SpecError: It is no generator function, or takes more than ``args`` and ``seed``.
        """
        function = train_fn.f
        if not train_fn.yields:
            raise SpecError(
                f"{_name_of(function)} is no generator function, so it has no learning curve of "
                "its own to be played; have it yield {'epoch': epoch, 'accuracy': ...}, seconds "
                "in the place of reporter(...), or pass executor=SimulatedExecutor(curves)"
            )
        takes_seed = _has_parameter(function, "seed")
        if not _takes(function, {"seed": 0} if takes_seed else {}):
            raise SpecError(
                f"{_name_of(function)}{inspect.signature(function)} cannot be played: write it as "
                "f(args) or f(args, seed); it yields what it would report, so it needs no reporter"
            )
        return cls(train_fn, ArgsBuilder(train_fn.args, train_fn.cs), takes_seed)

    def curve(self, config: Config, seed: int) -> Iterable[Step]:
        """What the function yields for a config, from its beginning."""
        args = self.builder.build(config)
        fill_in(args, None, 0)
        function = self.train_fn.f
        return _checked(function(args, seed=seed) if self.takes_seed else function(args), config)

    @property
    def description(self) -> str:
        """The name of the function."""
        return _name_of(self.train_fn.f)

    def __repr__(self) -> str:
        return self.description


def description_of(source: CurveSource) -> str:
    """Whose curves a source has, in words that are the same in every process."""
    words = getattr(source, "description", None)
    return words if isinstance(words, str) else type(source).__name__


def as_curve_source(curves: Any) -> CurveSource:
    """``curves`` as a source.

    Args:
        curves: A source; a function of a config, and of a ``seed`` if it has a parameter of that
            name; or a train function that is a generator function.

    Raises:
        SpecError: It is none of these.
    """
    if isinstance(curves, TrainFunction):
        return PlayedFunction.of(curves)
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


def _checked(steps: Any, config: Config) -> Iterable[Step]:
    if not isinstance(steps, Iterable):
        raise SpecError(
            f"the curve of {config!r} is {steps!r}; it must be an iterable of pairs: write "
            "yield {'epoch': epoch, 'accuracy': ...}, seconds"
        )
    return steps


def _name_of(function: Callable[..., Any]) -> str:
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return name


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
