"""Searchers written by users against the classic methods, behind the one interface."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

from agcore.errors import SpaceExhausted, SpecError
from agcore.records import Observation, Suggestion, SuggestRequest
from agcore.searcher.base import BaseSearcher, Searcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.jobs import Config
    from agcore.space import SearchSpace

_NEEDED = ("get_config", "update")


def as_searcher(
    searcher: Any, space: SearchSpace, mode: str = "max", max_resource: int | None = None
) -> Searcher:
    """``searcher`` as something the loop can use.

    Args:
        searcher: One of ours, one derived from `BaseSearcher`, or any object with
            ``get_config`` and ``update``.
        space: The space its configs must come from.
        mode: ``'max'`` or ``'min'``, as the scheduler has it.
        max_resource: Largest resource of a scheduler with rungs; None without.

    Raises:
        SpecError: It has neither, or was made for another space, mode or kind of scheduler.
    """
    if isinstance(searcher, type):
        raise SpecError(
            f"searcher={searcher.__name__} is a class; make a searcher of it: "
            f"{searcher.__name__}(train_fn.cs)"
        )
    if isinstance(searcher, BaseSearcher):
        _check_fit(searcher, space, mode)
        searcher.check_rungs(max_resource)
    if isinstance(searcher, BaseSearcher) and not _is_classic(type(searcher)):
        return searcher
    if not isinstance(searcher, BaseSearcher) and hasattr(searcher, "suggest"):
        return searcher  # type: ignore[no-any-return]
    missing = [name for name in _NEEDED if not callable(getattr(searcher, name, None))]
    if missing:
        raise SpecError(
            f"searcher={searcher!r} has no {missing[0]}(); pass the name of a searcher, or an "
            "object with suggest() and observe(), or get_config() and update()"
        )
    return ClassicSearcher(searcher, space)


def _check_fit(searcher: BaseSearcher, space: SearchSpace, mode: str) -> None:
    if searcher.mode != mode:
        raise SpecError(
            f"the searcher has mode={searcher.mode!r} and the scheduler mode={mode!r}; pass the "
            "same to both"
        )
    theirs, ours = searcher.configspace.describe(), space.describe()
    if theirs != ours:
        differing = sorted(k for k in {**theirs, **ours} if theirs.get(k) != ours.get(k))
        raise SpecError(
            f"the searcher was made for another space: {', '.join(differing)} differ; make it "
            "with train_fn.cs of the function that is tuned"
        )


def _is_classic(kind: type[BaseSearcher]) -> bool:
    """Whether a class overrides the classic method and leaves the new ones alone."""
    return (
        kind.get_config is not BaseSearcher.get_config
        and kind.propose is BaseSearcher.propose
        and kind.suggest is BaseSearcher.suggest
    )


class ClassicSearcher:
    """Calls a classic searcher; keywords it does not take are left out."""

    is_replayed_by_exclusion = False

    def __init__(self, searcher: Any, space: SearchSpace) -> None:
        self._searcher = searcher
        self._space = space
        self._registered: dict[int, int | None] = {}
        self._provisional: dict[int, Observation] = {}
        self._num_observed = 0

    def suggest(self, request: SuggestRequest) -> Suggestion | None:
        """What its ``get_config`` returns, checked; None if that is None or it is exhausted."""
        self._register(request)
        try:
            given = _call(
                self._searcher.get_config,
                elapsed_time=request.elapsed_s,
                bracket=request.bracket,
                milestone=request.first_milestone,
            )
        except (SpaceExhausted, StopIteration):
            return None
        if given is None:
            return None
        if not isinstance(given, dict):
            raise SpecError(
                f"get_config() of {self._searcher!r} returned {given!r}; it must return a dict, "
                "or None when there is no config left"
            )
        config = self._space.complete(given)
        register = getattr(self._searcher, "register_pending", None)
        if callable(register):
            _call(register, dict(config), milestone=request.first_milestone)
            self._registered[request.draw] = request.first_milestone
        return Suggestion(config, "user")

    def _register(self, request: SuggestRequest) -> None:
        """Tell it of trials that are pending at a milestone it was not told of yet."""
        register = getattr(self._searcher, "register_pending", None)
        if not callable(register):
            return
        running = {pending.trial_id: pending for pending in request.pending}
        for trial_id, pending in running.items():
            if self._registered.get(trial_id, ...) != pending.milestone:
                _call(register, dict(pending.config), milestone=pending.milestone)
        self._registered = {t: pending.milestone for t, pending in running.items()}

    def observe(self, observation: Observation) -> None:
        """Pass a value on; a provisional one before it is taken back first."""
        before = self._provisional.pop(observation.trial_id, None)
        remove = getattr(self._searcher, "remove_case", None)
        if before is not None and callable(remove):
            _call(remove, dict(before.config), **before.metrics)
        if observation.provisional:
            self._provisional[observation.trial_id] = observation
        if math.isnan(observation.reward):  # diverged: infeasible, not a number to learn from
            self.trial_failed(observation.trial_id, observation.config)
            return
        self._num_observed += 1
        _call(self._searcher.update, dict(observation.config), **observation.metrics)

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Pass a failure on."""
        failed = getattr(self._searcher, "evaluation_failed", None)
        if callable(failed):
            _call(failed, dict(config))

    def exclude(self, config: Config) -> None:
        """Classic searchers cannot be told."""

    def recall(self, suggestion: Suggestion) -> None:
        """Nothing: it is asked again instead."""

    def dataset_size(self) -> int:
        """Number of values passed on."""
        return self._num_observed

    def model_parameters(self) -> dict[str, float]:
        """Its own, if it has any."""
        parameters = getattr(self._searcher, "model_parameters", dict)
        return dict(parameters())


def _call(method: Callable[..., Any], /, *args: Any, **keywords: Any) -> Any:
    """Call a method with those keywords it takes.

    A metric may have the name of a positional parameter, as ``config``; it is left out.
    """
    function = getattr(method, "__func__", method)  # with ``self``, which may clash as well
    parameters = list(inspect.signature(function).parameters.values())
    filled = {p.name for p in parameters[: len(args) + (function is not method)]}
    taken = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        taken |= keywords.keys()
    return method(*args, **{k: v for k, v in keywords.items() if k in taken - filled})
