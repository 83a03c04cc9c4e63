"""The arguments of a ``fit``: presets, arguments and hyperparameters brought together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError, did_you_mean
from agcore.space import Categorical, Space
from agcore.tuning import arguments_of
from agcore_contrib.vision.networks.names import resolve
from agcore_contrib.vision.presets import merge_arguments, preset_arguments
from agcore_contrib.vision.settings import SETTINGS, TrainSettings
from agcore_contrib.vision.strategies import Strategy, strategy_of

AUTO_TIME_LIMIT_S = 7200.0
MOST_TRIALS = 200
"""Trials of a search that says how long it may take but not how many it may try."""
AUTO_TRIALS = 20
"""Trials of a search that says neither."""

_RUNG_OPTIONS = ("grace_period", "reduction_factor", "brackets", "max_t")
_TUNE_KEYS = (
    "search_strategy",
    "scheduler",
    "searcher",
    "num_trials",
    "max_reward",
    "scheduler_options",
    "search_options",
    *_RUNG_OPTIONS,
)
_BESIDE_OPTIONS = ("searcher", "search_options", "num_trials")
_PRESET_KEYS = ("time_limit", "hyperparameters", "hyperparameter_tune_kwargs")
_OWN_ARGUMENTS = frozenset(
    {"train_fn", "reward_attr", "time_attr", "mode", "resource", "checkpoint"}
)
"""Arguments of a scheduler that are not for the user of a predictor to set."""


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What a ``fit`` was asked to do.

    Attributes:
        hyperparameters: Settings of training, some of them spaces.
        strategy: Scheduler and searcher.
        time_limit_s: Seconds for all of it.
        num_trials: Configs to try, None for as many as the time allows.
        scheduler_options: Further arguments of the scheduler.
        search_options: Options of the searcher.
        is_search: Whether more than one config is tried.
    """

    hyperparameters: Mapping[str, Any]
    strategy: Strategy
    time_limit_s: float
    num_trials: int | None
    scheduler_options: Mapping[str, Any] = field(default_factory=dict)
    search_options: Mapping[str, Any] = field(default_factory=dict)
    is_search: bool = True


def fit_request(
    *,
    time_limit: Any,
    presets: Any,
    hyperparameters: Mapping[str, Any] | None,
    search_strategy: str | None,
    num_trials: int | None,
    epochs: Any,
    hyperparameter_tune_kwargs: Mapping[str, Any] | None,
    scheduler_options: Mapping[str, Any] | None,
    search_options: Mapping[str, Any] | None,
) -> FitRequest:
    """What the arguments of ``ImagePredictor.fit`` ask for, checked.

    An argument wins over the same thing in ``hyperparameter_tune_kwargs``, that over
    ``hyperparameters``, and all of these over presets.

    Raises:
        SpecError: A name is unknown, or a value breaks its rule.
    """
    preset = preset_arguments(presets)
    _check_names("presets", preset, _PRESET_KEYS)
    settings, asked = _divided(
        preset.get("hyperparameters"), preset.get("hyperparameter_tune_kwargs")
    )
    own_settings, own_asked = _divided(hyperparameters, hyperparameter_tune_kwargs)
    settings.update(own_settings)
    if epochs is not None:
        settings["epochs"] = epochs
    arguments = {
        "search_strategy": search_strategy,
        "num_trials": num_trials,
        "scheduler_options": _mapping("scheduler_options", scheduler_options) or None,
        "search_options": _mapping("search_options", search_options) or None,
    }
    asked = merge_arguments(merge_arguments(asked, own_asked), _without_none(arguments))
    _check_settings(settings)
    if time_limit is None or time_limit == "auto":
        time_limit = preset.get("time_limit")
    return _request(settings, asked, time_limit)


def _request(settings: dict[str, Any], asked: dict[str, Any], time_limit: Any) -> FitRequest:
    strategy = strategy_of(
        asked.get("search_strategy"), asked.get("scheduler"), asked.get("searcher")
    )
    options = dict(asked.get("scheduler_options", {}))
    for name in (*_RUNG_OPTIONS, "max_reward"):
        if name in asked:
            options[name] = asked[name]
    if strategy.is_hyperband:
        options = {"reduction_factor": 2, "brackets": 1, **options}
    elif strategy.has_rungs:
        options = {"reduction_factor": 2, **options}
    _check_options(strategy, options)
    named = any(asked.get(key) for key in ("search_strategy", "scheduler", "searcher"))
    is_search = named or any(isinstance(value, Space) for value in settings.values())
    count = asked.get("num_trials")
    if count is not None:
        count = whole_number("num_trials", count)
        is_search = count > 1
    elif not is_search:
        count = 1
    elif strategy.scheduler != "pbt":  # it ends with its population
        count = AUTO_TRIALS if time_limit is None else MOST_TRIALS
    return FitRequest(
        settings,
        strategy,
        _seconds(time_limit),
        count,
        options,
        asked.get("search_options", {}),
        is_search,
    )


def _seconds(time_limit: Any) -> float:
    if time_limit is None:
        return AUTO_TIME_LIMIT_S
    seconds = finite_number("time_limit", time_limit, "a positive number of seconds, or 'auto'")
    if seconds <= 0:
        raise SpecError(
            f"time_limit={time_limit!r} must be a positive number of seconds, or 'auto'"
        )
    return seconds


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(f"{name}={value!r} must be a dict")
    return dict(value)


def _divided(hyperparameters: Any, tune_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of training, and what says how to search, which old scripts put there as well."""
    given = _mapping("hyperparameters", hyperparameters)
    _check_names("hyperparameters", given, (*SETTINGS, *_TUNE_KEYS))
    tuning = _mapping("hyperparameter_tune_kwargs", tune_kwargs)
    _check_names("hyperparameter_tune_kwargs", tuning, _TUNE_KEYS)
    settings = {name: value for name, value in given.items() if name in SETTINGS}
    of_search = {name: value for name, value in given.items() if name not in SETTINGS}
    asked = merge_arguments(of_search, tuning)
    for name in ("scheduler_options", "search_options"):
        if name in asked:
            asked[name] = _mapping(name, asked[name])
    return settings, asked


def _check_names(where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise SpecError(
                f"{where} has the unknown key {name!r}{did_you_mean(str(name), known)}; it takes "
                f"{', '.join(known)}"
            )


def _check_options(strategy: Strategy, options: Mapping[str, Any]) -> None:
    """Answer an option that the scheduler does not have.

    Raises:
        SpecError: There is one.
    """
    known = arguments_of(strategy.scheduler) - _OWN_ARGUMENTS
    for name in options:
        if name in _BESIDE_OPTIONS:
            raise SpecError(
                f"scheduler_options has {name!r}; pass it beside them, as "
                f"hyperparameter_tune_kwargs={{{name!r}: ...}}"
            )
        if name not in known:
            raise SpecError(
                f"{name}= has no effect with the scheduler {strategy.scheduler!r}"
                f"{did_you_mean(name, known)}; choose a search_strategy with rungs, as "
                "'hyperband', or leave it out"
            )


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Find a misspelt network, or a constant that breaks its rule, before the first trial does.

    Raises:
        SpecError: There is one.
    """
    model = settings.get("model")
    names = model.labels if isinstance(model, Categorical) else [model]
    for name in names:
        if name is not None and not isinstance(name, Space):
            resolve(name)
    plain = {
        name: value
        for name, value in settings.items()
        if name != "model" and not isinstance(value, Space)
    }
    TrainSettings(**plain)


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
