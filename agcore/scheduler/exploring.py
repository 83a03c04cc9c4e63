"""How a copy's config is made of its parent's: each parameter is perturbed, or drawn anew.

A number is multiplied by 0.8 or by 1.2, whatever its scale, and put back into its range. Whole
numbers and those with a step move by one step at least. An Ordinal or a Bool goes to a neighbour, a
Categorical to another option; parameters of an option that was not chosen before are drawn.

Source: Jaderberg et al., "Population Based Training of Neural Networks" (2017), section 4.1.1,
https://arxiv.org/abs/1711.09846 (*perturb*, *resample*).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.checks import finite_number
from agcore.errors import SpecError
from agcore.space import Int, Ordinal, Real
from agcore.space.base import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.jobs import Config
    from agcore.space import SearchSpace
    from agcore.space.base import ValueSpace

EXPLORE_PURPOSE = 15
"""Second word of the seeds of the generators that perturb configs."""

_FACTORS = (0.8, 1.2)
_ATTEMPTS = 100
"""Changes that are made before a config stays as it is because all of them break a constraint."""


class Explorer:
    """Makes configs of copies.

    Args:
        space: What is searched.
        seed: Of all changes; those of trial n depend on the seed and n only.
        resample_probability: Chance of each parameter to be drawn anew.
        explore: Makes the new config instead: called with the parent's, and with a generator if it
            has a parameter ``rng``. What it returns is put back into the space.
        constraint: Called with a config. A change for which it returns false is made anew; if that
            does not help, the copy has its parent's config.

    Raises:
        SpecError: An argument breaks its rule.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        resample_probability: float = 0.25,
        explore: Callable[..., Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
    ) -> None:
        rule = "a number from 0 to 1"
        if not 0 <= finite_number("resample_probability", resample_probability, rule) <= 1:
            raise SpecError(f"resample_probability={resample_probability!r} must be {rule}")
        if explore is not None and not callable(explore):
            raise SpecError(f"explore={explore!r} must be a function of a config, or None")
        self._space = space
        self._seed = seed
        self._resample_probability = resample_probability
        self._explore = explore
        self._constraint = constraint

    def explore(self, config: Config, trial_id: int) -> Config:
        """The config of a new trial, made of its parent's; canonical.

        Raises:
            SpecError: The user's function has returned what cannot be put back into the space.
        """
        for attempt in range(_ATTEMPTS):
            again = [attempt] if attempt else []
            rng = np.random.default_rng([self._seed, EXPLORE_PURPOSE, trial_id, *again])
            changed = self._changed(config, rng)
            if self._constraint is None or self._constraint(dict(changed)):
                return changed
        return dict(config)

    def _changed(self, config: Config, rng: np.random.Generator) -> Config:
        if self._explore is None:
            return self._perturbed(config, rng)
        given = {"rng": rng} if _takes_rng(self._explore) else {}
        changed = self._explore(dict(config), **given)
        if not isinstance(changed, Mapping):
            raise SpecError(f"explore returned {changed!r}; it must return a config, a dict")
        return project(self._space, changed)

    def _perturbed(self, config: Config, rng: np.random.Generator) -> Config:
        hyperparameters = self._space.get_hyperparameters()
        # Three numbers for each, needed or not: no parameter's change depends on another's.
        draws = rng.random((len(hyperparameters), 3)).tolist()
        changed: Config = {}
        for hp, (whether, which, where) in zip(hyperparameters, draws, strict=True):
            if not hp.is_active(changed):
                continue
            if hp.name not in config or whether < self._resample_probability:
                changed[hp.name] = hp.space.from_unit(where)
            else:
                changed[hp.name] = perturbed(hp.space, config[hp.name], which)
        return changed


def perturbed(space: ValueSpace, value: Any, u: float) -> Any:
    """Another value near ``value``.

    Args:
        space: Of the value.
        value: As in a config.
        u: Evenly drawn from [0, 1): which way to go.
    """
    if isinstance(space, (Int, Real)):
        factor = _FACTORS[u >= 0.5]
        changed = nearest(space, value * factor)
        if changed == value and space.size is not None:
            goes_up = (factor > 1) == (value >= 0)
            step = space.step or 1
            changed = nearest(space, value + step if goes_up else value - step)
        return changed
    index = round(space.to_unit(value) * (space.size or 1) - 0.5)
    if isinstance(space, Ordinal):
        others = [i for i in (index - 1, index + 1) if 0 <= i < len(space)]
    else:
        others = [i for i in range(space.size or 1) if i != index]
    return space.value_at(others[int(u * len(others))]) if others else value


def nearest(space: ValueSpace, value: Any) -> Any:
    """The value of ``space`` that is nearest to a number; any other value as it is.

    Raises:
        SpecError: It is no value of the space, nor a number that could be put there.
    """
    number = plain(value)
    is_number = type(number) in (int, float) and not math.isnan(number)
    if not isinstance(space, (Int, Real)) or not is_number:
        return space.canonical(value)
    number = min(max(number, space.lower), space.upper)
    if isinstance(space, Real):
        # With a step, to a unit and back is to the nearest of the grid's values.
        if space.size is not None:
            return space.from_unit(space.to_unit(number))
        return space.canonical(number)
    step = space.step or 1
    index = min(round((number - space.lower) / step), space.size - 1)
    return space.lower + index * step


def project(space: SearchSpace, config: Mapping[str, Any]) -> Config:
    """The canonical config nearest to one that may break the rules of the space.

    Numbers are put back into their ranges; parameters of options that are not chosen are left
    out, and missing ones get their defaults.

    Raises:
        SpecError: A key is unknown, or a value cannot be put into its space.
    """
    given = {space.resolve(key): value for key, value in config.items()}
    nearby: Config = {}
    for hp in space.get_hyperparameters():
        if not hp.is_active(nearby):
            continue
        try:
            value = given.get(hp.name, hp.space.config_default)
            nearby[hp.name] = nearest(hp.space, value)
        except SpecError as error:
            raise SpecError(f"explore: config[{hp.name!r}]: {error}") from None
    return nearby


def changes(before: Config, after: Config) -> str:
    """What differs between two configs, in words: ``'lr 0.01 -> 0.012'``."""
    keys: Sequence[str] = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    shown = [f"{key} {_shown(before, key)} -> {_shown(after, key)}" for key in keys]
    return ", ".join(shown) or "the same config"


def _shown(config: Config, key: str) -> str:
    if key not in config:
        return "(none)"
    value = config[key]
    return f"{value:.6g}" if type(value) is float else str(value)


def _takes_rng(function: Callable[..., Any]) -> bool:
    try:
        return "rng" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
