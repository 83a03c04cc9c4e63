"""What ``@ag.args`` makes of a function, and how a config gets into its arguments.

    @ag.args(lr=ag.space.Real(1e-4, 1, log=True), epochs=9)
    def train(args, reporter): ...

``train.args`` holds plain values, ``train.cs`` the search space, and
``train(train.args, config)`` runs one trial by hand, in this process.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import inspect
import io
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from agcore.checkpoints import TrialCheckpoints
from agcore.errors import SpecError
from agcore.space.arguments import Args, ArgsBuilder, as_args, build_args
from agcore.space.base import SimpleSpace, Space, reject_hidden_spaces
from agcore.space.configspace import SearchSpace, fingerprint
from agcore.space.copying import importable_name
from agcore.space.lazy import LazyFactory
from agcore.space.legacy import warn_renamed
from agcore.space.nested import NestedSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "Args",
    "ArgsBuilder",
    "TrainFunction",
    "args",
    "as_train_function",
    "autogluon_function",
    "autogluon_object",
    "autogluon_register_args",
    "autogluon_register_dict",
    "build_args",
    "func",
    "obj",
    "sample_config",
]

sample_config = build_args
"""The name that `build_args` had before."""


class TrainFunction:
    """A function ``f(args, reporter)`` with its arguments and their search space.

    Attributes:
        f: The function.
        kwvars: The keyword arguments of the decorator, spaces among them.
        args: The arguments: defaults in the place of simple spaces, nested spaces as they are.
    """

    __name__: str
    __qualname__: str

    def __init__(self, f: Callable[..., Any], default: Any, kwvars: Mapping[str, Any]) -> None:
        if not callable(f):
            raise SpecError(f"@ag.args(...) decorates a function, not {f!r}")
        self.__name__ = self.__qualname__ = type(f).__name__  # for callables without a name
        functools.update_wrapper(self, f, updated=("__dict__",) if inspect.isfunction(f) else ())
        self.f = f
        self.accepts_reporter = _accepts_reporter(f)
        self._cs: SearchSpace | None = None
        self._cs_made_from: tuple[Any, ...] = ()
        self._register(default, kwvars)

    def register_args(self, /, default: Any = None, **kwvars: Any) -> None:
        """Replace all arguments; ``default`` and ``kwvars`` are those of ``@ag.args``."""
        self._register(default, kwvars)

    def update(self, /, **kwvars: Any) -> None:
        """Add arguments, or replace those of the same name.

        Raises:
            SpecError: A space is hidden in a plain dict or list, or two keys clash; then
                nothing is changed.
        """
        self._set(self.args, {**self.kwvars, **kwvars}, kwvars)

    def _register(self, default: Any, kwvars: Mapping[str, Any]) -> None:
        self._set(_plain_defaults(default), dict(kwvars), kwvars)

    def _set(self, args: Args, kwvars: dict[str, Any], new: Mapping[str, Any]) -> None:
        """Take over ``kwvars``, and put those that are ``new`` into ``args``."""
        for key, value in new.items():
            if not isinstance(value, Space):
                reject_hidden_spaces(value, key)
        self._cs, self._cs_made_from = SearchSpace(kwvars), fingerprint(kwvars)
        self.kwvars = kwvars
        self.args = args
        for key, value in new.items():
            args[key] = value.default if isinstance(value, SimpleSpace) else value

    @property
    def cs(self) -> SearchSpace:
        """The search space; the same object until an argument or a space is changed."""
        made_from = fingerprint(self.kwvars)
        if self._cs is None or made_from != self._cs_made_from:
            self._cs, self._cs_made_from = SearchSpace(self.kwvars), made_from
        return self._cs

    @property
    def kwspaces(self) -> OrderedDict[str, Space]:
        """The keys of a config, and the space at each."""
        return OrderedDict((hp.name, hp.space) for hp in self.cs.get_hyperparameters())

    @property
    def yields(self) -> bool:
        """Whether the function is a generator function.

        Such a one trains nothing: it yields its reports and what they cost, to be played
        (``executor='simulated'``). What it wraps is not looked at: a wrapper may run a generator.
        """
        f: Any = self.f
        # Calling an object calls what its class has.
        return inspect.isgeneratorfunction(f) or inspect.isgeneratorfunction(type(f).__call__)

    def __call__(
        self,
        args: Mapping[str, Any] | Any = None,
        config: Mapping[str, Any] | None = None,
        reporter: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """What the function returns for one config, run in this process.

        Args:
            args: ``train_fn.args`` (used if not given), perhaps changed; a dict or Namespace.
            config: Whole or in part, canonical or classic. A simple parameter that it lacks
                keeps its value in ``args``.
            reporter: Gets the reports; without one they are dropped.
            kwargs: Passed to the function.

        Raises:
            SpecError: The config does not fit the search space.
        """
        arguments = self.args if args is None else as_args(args)
        built = self._arguments_for(arguments, {} if config is None else config)
        fill_in(built, None, 0)
        return self.run(built, reporter, **kwargs)

    def run(self, args: Args, reporter: Callable[..., Any] | None = None, /, **kwargs: Any) -> Any:
        """What the function returns for arguments that are built already."""
        if self.accepts_reporter:
            kwargs["reporter"] = SilentReporter() if reporter is None else reporter
        return self.f(args, **kwargs)

    def _arguments_for(self, args: Args, config: Mapping[str, Any]) -> Args:
        """``args`` with ``config`` put in; plain values in ``args`` that it lacks stay."""
        complete = self.cs.complete(config)
        mentioned = {self.cs.resolve(key) for key in config}
        searched = {}
        for key, space in self.cs.spaces.items():
            is_plain_value = key in args and not isinstance(args[key], NestedSpace)
            names = (hp.name for hp in space.hyperparameters(key))
            if not is_plain_value or not mentioned.isdisjoint(names):
                searched[key] = space
        remaining = SearchSpace(searched)
        chosen = {name: complete[name] for name in remaining.names if name in complete}
        return ArgsBuilder(args, remaining).build(chosen)

    def __repr__(self) -> str:
        return repr(self.f)

    def __copy__(self) -> TrainFunction:
        return self

    def __deepcopy__(self, memo: Any) -> TrainFunction:
        return self

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        # By name the importing process finds this object with its args as decorated: whoever
        # ships a changed TrainFunction ships its args as well. By value it is made empty
        # first, because the function may refer to its own name.
        name = importable_name(self)
        state = {**self.__dict__, "_cs": None, "_cs_made_from": ()}
        return name or (copyreg.__newobj__, (type(self),), state)  # type: ignore[attr-defined]


def args(default: Any = None, **kwvars: Any) -> Callable[[Callable[..., Any]], TrainFunction]:
    """A decorator that gives a function ``f(args, reporter)`` its arguments.

    Args:
        default: Arguments that are not searched: a dict, a Namespace or an ArgumentParser.
        kwvars: Further arguments; spaces among them are searched.

    Raises:
        SpecError: A space stands where it would not be searched, or two keys clash.
    """

    def decorate(f: Callable[..., Any]) -> TrainFunction:
        return TrainFunction(f, default, kwvars)

    if callable(default):
        raise SpecError("write @ag.args() with parentheses, also when there are no arguments")
    return decorate


def obj(**kwvars: Any) -> Callable[[Callable[..., Any]], LazyFactory]:
    """A decorator for a class: calls make a lazy object, the spaces among ``kwvars`` searched."""
    return lambda target: LazyFactory(target, kwvars, shows_name=True)


def func(**kwvars: Any) -> Callable[[Callable[..., Any]], LazyFactory]:
    """A decorator for a function: like `obj`, the object being what the function returns."""
    return lambda target: LazyFactory(target, kwvars, shows_name=False)


def autogluon_register_args(
    default: Any = None, **kwvars: Any
) -> Callable[[Callable[..., Any]], TrainFunction]:
    """The same as `args`; deprecated."""
    warn_renamed("autogluon_register_args", "args")
    return args(default, **kwvars)


def autogluon_register_dict(
    default: Any = None, **kwvars: Any
) -> Callable[[Callable[..., Any]], TrainFunction]:
    """The same as `args`; deprecated."""
    warn_renamed("autogluon_register_dict", "args")
    return args(default, **kwvars)


def autogluon_object(**kwvars: Any) -> Callable[[Callable[..., Any]], LazyFactory]:
    """The same as `obj`; deprecated."""
    warn_renamed("autogluon_object", "obj")
    return obj(**kwvars)


def autogluon_function(**kwvars: Any) -> Callable[[Callable[..., Any]], LazyFactory]:
    """The same as `func`; deprecated."""
    warn_renamed("autogluon_function", "func")
    return func(**kwvars)


def as_train_function(fn: Any, space: Mapping[str, Any] | None = None) -> TrainFunction:
    """``fn`` as a train function.

    Args:
        fn: Decorated by ``@ag.args``, or plain and given with a ``space``.
        space: Arguments of a plain function, spaces among them.

    Raises:
        SpecError: ``fn`` is not callable, is plain without a space, or has two spaces.
    """
    name = getattr(fn, "__name__", repr(fn))
    if isinstance(fn, TrainFunction):
        if space is not None:
            raise SpecError(
                f"{name} has a search space from @ag.args(...) already; "
                f"change it with {name}.update(...), or pass the undecorated {name}.f"
            )
        return fn
    if not callable(fn):
        raise SpecError(f"{fn!r} is not a function; decorate a function with @ag.args(...)")
    if space is None:
        raise SpecError(f"{name} has no search space; decorate it with @ag.args(...)")
    return TrainFunction(fn, None, space)


def fill_in(args: Args, task_id: int | None, resume_from: int) -> None:
    """Add what a scheduler tells a train function; parameters of the user's own stay.

    Args:
        args: Those of one call.
        task_id: The trial, or None for a call by hand.
        resume_from: Resource a paused trial had reached, 0 for a fresh one.
    """
    for key, value in (("task_id", task_id), ("scheduler", {"resume_from": resume_from})):
        if key not in args:
            args[key] = value


class SilentReporter:
    """The reporter of a call by hand: it drops what it is told.

    Checkpoints go to a temporary folder that is removed with the reporter.
    """

    resume_from = 0
    was_stopped = False

    def __init__(self) -> None:
        self._checkpoints = TrialCheckpoints()
        self._count = 0

    @property
    def checkpoint_dir(self) -> Path:
        """Folder for the next checkpoint."""
        return self._checkpoints.open_folder

    @property
    def latest_checkpoint(self) -> Path | None:
        """The last checkpoint, or None."""
        return self._checkpoints.latest

    def __call__(self, /, **metrics: Any) -> None:
        """Close the checkpoint, if there is one."""
        self._count += 1
        self._checkpoints.commit(self._count)


def _accepts_reporter(f: Callable[..., Any]) -> bool:
    """Whether ``f`` can be called with the keyword ``reporter``."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return True
    wanted = parameters.get("reporter")
    return wanted is not None and wanted.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


def _plain_defaults(default: Any) -> Args:
    """The arguments in ``default``, which may also be an ArgumentParser or None.

    Raises:
        SpecError: It is something else, holds a space, or is a parser with required arguments.
    """
    argparse = sys.modules.get("argparse")
    if default is None:
        default = {}
    elif argparse is not None and isinstance(default, argparse.ArgumentParser):
        try:
            with contextlib.redirect_stderr(io.StringIO()) as said:
                default = default.parse_args([])
        except SystemExit:
            raise SpecError(
                f"the parser has no default for every argument ({said.getvalue().strip()}); "
                "pass parser.parse_args() instead of the parser"
            ) from None
    arguments = as_args(default)
    for key, value in dict(arguments).items():
        if isinstance(value, Space):
            raise SpecError(
                f"default holds a space at {key!r}, which would not be searched; pass it by "
                f"keyword: @ag.args({key}=...)"
            )
        reject_hidden_spaces(value, f"default[{key!r}]")
    return Args(arguments)
