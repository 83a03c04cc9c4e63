"""The search space of a train function as a list of keys, and the configs made of them.

A config is flat: ``{'lr': 0.1, 'net': 'resnet', 'net.resnet.depth': 50}``. Its keys stand in
the order of declaration, parameters of options that were not chosen are absent, and JSON
brings it back unchanged. That form is called *canonical*; ``complete`` makes it out of
whatever a user wrote.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore.space.base import Hyperparameter, Space, is_plain, typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from agcore.jobs import Config

__all__ = ["Hyperparameter", "SearchSpace"]

_compact_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class SearchSpace:
    """The keys of a mapping of spaces, and every way to get a config.

    Args:
        spaces: Name to space, in the order of declaration. Other values are constants, which
            have no key.

    Attributes:
        has_priors: Whether anything is believed about the best value of any parameter.

    Raises:
        SpecError: Two parameters would have the same key, or a name is not a string.
    """

    def __init__(self, spaces: Mapping[str, Any]) -> None:
        self._spaces = {name: space for name, space in spaces.items() if isinstance(space, Space)}
        for name in self._spaces:
            if not isinstance(name, str) or not name:
                raise SpecError(f"the parameter name {name!r} must be a non-empty string")
        self._hyperparameters = tuple(
            hp for name, space in self._spaces.items() for hp in space.hyperparameters(name)
        )
        self._by_name = {hp.name: hp for hp in self._hyperparameters}
        if len(self._by_name) < len(self._hyperparameters):
            raise SpecError(_clash(self._hyperparameters))
        self._by_classic = {hp.classic: hp for hp in self._hyperparameters}
        self._plan = tuple((hp.name, hp.space.from_unit) for hp in self._hyperparameters)
        self._conditional = any(hp.parent is not None for hp in self._hyperparameters)
        self.has_priors = any(hp.space.prior is not None for hp in self._hyperparameters)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Space]]]:
        return type(self), (self._spaces,)

    def __repr__(self) -> str:
        return f"SearchSpace({', '.join(f'{k}={text}' for k, text in self.describe().items())})"

    # -- what it consists of ---------------------------------------------------------------

    @property
    def spaces(self) -> dict[str, Space]:
        """The spaces by name, as they were given, without the constants."""
        return dict(self._spaces)

    @property
    def names(self) -> list[str]:
        """All keys in order, those of branches that may not be chosen included."""
        return list(self._by_name)

    def get_hyperparameters(self) -> list[Hyperparameter]:
        """All keys in order with their spaces and conditions."""
        return list(self._hyperparameters)

    def describe(self) -> dict[str, str]:
        """What stands at each key, in words."""
        return {hp.name: repr(hp.space) for hp in self._hyperparameters}

    # -- making configs --------------------------------------------------------------------

    def sample_configuration(self, rng: np.random.Generator | None = None) -> Config:
        """A random config; one call of ``rng.random`` whatever is chosen.

        Args:
            rng: Generator to draw from; a fresh unseeded one if not given.
        """
        if rng is None:
            import numpy as np  # here, because worker processes must start fast

            rng = np.random.default_rng()
        return self.config_from_units(rng.random(len(self._plan)).tolist())

    @property
    def num_units(self) -> int:
        """Length of the unit vectors that `config_from_units` takes."""
        return len(self._plan)

    def config_from_units(self, units: Sequence[float]) -> Config:
        """The config at a point of the unit cube; inactive coordinates have no effect.

        Args:
            units: One number in [0, 1] per key, in the order of `names`.
        """
        if not self._conditional:
            return {name: from_unit(u) for (name, from_unit), u in zip(self._plan, units)}  # noqa: B905 - same length, and strict costs time
        config: Config = {}
        for hp, u in zip(self._hyperparameters, units, strict=True):
            if hp.is_active(config):
                config[hp.name] = hp.space.from_unit(u)
        return config

    def believed_units(self, units: Sequence[float]) -> list[float]:
        """Evenly distributed units distributed as the priors of the parameters instead.

        Args:
            units: One number in [0, 1] per key, in the order of `names`.
        """
        return [
            u if hp.space.prior is None else hp.space.prior.quantile(u)
            for hp, u in zip(self._hyperparameters, units, strict=True)
        ]

    def get_default_configuration(self) -> Config:
        """The config of all defaults; of a Categorical its first or, by its prior, likeliest."""
        config: Config = {}
        for hp in self._hyperparameters:
            if hp.is_active(config):
                config[hp.name] = hp.space.config_default
        return config

    def complete(self, config: Mapping[str, Any]) -> Config:
        """The canonical form of ``config``; active parameters it lacks get their defaults.

        Understands the classic form too (``net▁choice`` with an index, ``net▁0▁depth``), in
        which parameters of options that are not chosen are allowed, and left out here.

        Raises:
            SpecError: A key is unknown, a value is not in its space, or a parameter belongs to
                an option that is not chosen.
        """
        if not isinstance(config, Mapping):
            raise SpecError(f"config={config!r} must be a dict of parameters")
        given, droppable = self._resolve_all(config)
        complete: Config = {}
        for hp in self._hyperparameters:
            if not hp.is_active(complete):
                if hp.name in given and hp.name not in droppable:
                    raise SpecError(self._not_chosen(hp, complete))
            elif hp.name not in given:
                complete[hp.name] = hp.space.config_default
            else:
                value, is_classic = given[hp.name], hp.name in droppable
                try:
                    read = hp.space.from_classic if is_classic else hp.space.canonical
                    complete[hp.name] = read(value)
                except SpecError as error:
                    raise SpecError(f"config[{hp.name!r}]: {error}") from None
        return complete

    def resolve(self, key: str) -> str:
        """The name of the parameter that ``key``, in either form, means.

        Raises:
            SpecError: There is no such parameter.
        """
        hp = self._by_name.get(key) or self._by_classic.get(key)
        if hp is None:
            hint = did_you_mean(str(key), self._by_name) or f"; the keys are {self.names}"
            raise SpecError(f"config has the unknown key {key!r}{hint}")
        return hp.name

    def _resolve_all(self, config: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """Values by canonical name, and the names that were given by a classic key."""
        given: dict[str, Any] = {}
        classic: set[str] = set()
        for key, value in config.items():
            name = self.resolve(key)
            if name in given:
                raise SpecError(f"config sets {name!r} twice, also as {key!r}; drop one of them")
            given[name] = value
            if name != key:
                classic.add(name)
        return given, classic

    def _not_chosen(self, hp: Hyperparameter, config: Config) -> str:
        """The message for a parameter whose condition is not met by ``config``."""
        while hp.parent is not None and hp.parent not in config:
            hp = self._by_name[hp.parent]
        parent, label = hp.parent or "", hp.parent_label
        return (
            f"config sets {hp.name!r}, which needs {parent}={label!r}, but {parent}="
            f"{config.get(parent)!r} is chosen; leave it out or choose {label!r}"
        )

    # -- judging configs -------------------------------------------------------------------

    def check(self, config: Mapping[str, Any]) -> bool:
        """Whether ``config`` is canonical already: keys, order, types and values."""
        if not all(is_plain(value) for value in config.values()):
            return False
        try:
            return self.key(config) == self.key(self.complete(config))
        except SpecError:
            return False

    def key(self, config: Mapping[str, Any]) -> str:
        """A string that two canonical configs share iff they are the same by type and value."""
        return _compact_json(config)

    # -- numbering configs -----------------------------------------------------------------

    @cached_property
    def size(self) -> int | None:
        """Number of distinct configs, or None if there are infinitely many."""
        return self._count(self._roots)

    def config_at(self, index: int) -> Config:
        """Config number ``index`` of ``range(size)``; the first parameter varies slowest.

        Raises:
            SpecError: There are infinitely many configs, or none of that number.
        """
        size = self.size
        if size is None:
            infinite = [hp.name for hp in self._hyperparameters if hp.space.size is None]
            raise SpecError(
                f"configs can be numbered only if there are finitely many; give {infinite} a "
                "step, or use Int, Bool, Ordinal or Categorical"
            )
        if not 0 <= index < size:
            raise SpecError(f"index={index} must lie in 0..{size - 1}")
        config: Config = {}
        self._unrank(self._roots, int(index), config)
        return config

    @cached_property
    def _roots(self) -> tuple[Hyperparameter, ...]:
        return tuple(hp for hp in self._hyperparameters if hp.parent is None)

    @cached_property
    def _branches(self) -> dict[str, dict[Any, list[Hyperparameter]]]:
        """Per Categorical with nested options: option label to the parameters it activates."""
        branches: dict[str, dict[Any, list[Hyperparameter]]] = {}
        for hp in self._hyperparameters:
            if hp.parent is not None:
                of_label = branches.setdefault(hp.parent, {})
                of_label.setdefault(typed(hp.parent_label), []).append(hp)
        return branches

    @cached_property
    def _weights(self) -> dict[str, int | None]:
        """Per parameter: number of ways to choose it and all that depends on it."""
        self_weights: dict[str, int | None] = {}
        for hp in reversed(self._hyperparameters):  # children stand behind their parents
            self_weights[hp.name] = self._weigh(hp, self_weights)
        return self_weights

    def _weigh(self, hp: Hyperparameter, weights: Mapping[str, int | None]) -> int | None:
        branches = self._branches.get(hp.name)
        if branches is None:
            return hp.space.size
        total = 0
        for i in range(hp.space.size or 0):
            branch = branches.get(typed(hp.space.value_at(i)), ())
            weight = _product(weights[child.name] for child in branch)
            if weight is None:
                return None
            total += weight
        return total

    def _count(self, hyperparameters: Sequence[Hyperparameter]) -> int | None:
        return _product(self._weights[hp.name] for hp in hyperparameters)

    def _unrank(self, hps: Sequence[Hyperparameter], index: int, config: Config) -> None:
        """Write the combination number ``index`` of ``hps`` and their branches to ``config``."""
        slower = self._count(hps) or 1
        for hp in hps:
            slower //= self._weights[hp.name] or 1
            digit, index = divmod(index, slower)
            branches = self._branches.get(hp.name)
            if branches is None:
                config[hp.name] = hp.space.value_at(digit)
                continue
            for i in range(hp.space.size or 0):
                label = hp.space.value_at(i)
                branch = branches.get(typed(label), [])
                weight = self._count(branch) or 1
                if digit < weight:
                    config[hp.name] = label
                    self._unrank(branch, digit, config)
                    break
                digit -= weight


def fingerprint(spaces: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a SearchSpace of ``spaces`` is made from; changes if a space is changed in place."""
    identities = tuple((name, id(s)) for name, s in spaces.items() if isinstance(s, Space))
    keys = tuple(
        (hp.name, hp.parent, typed(hp.parent_label), hp.space.content())
        for name, space in spaces.items()
        if isinstance(space, Space)
        for hp in space.hyperparameters(name)
    )
    return identities, keys


def _product(factors: Iterable[int | None]) -> int | None:
    """The product, or None if a factor is None."""
    finite = []
    for factor in factors:
        if factor is None:
            return None
        finite.append(factor)
    return math.prod(finite)


def _clash(hyperparameters: Iterable[Hyperparameter]) -> str:
    """The message for the first key that occurs twice."""
    seen: set[str] = set()
    for hp in hyperparameters:
        if hp.name in seen:
            return (
                f"two parameters would both have the key {hp.name!r} in a config "
                "(parts of a key are joined by dots); rename one of them"
            )
        seen.add(hp.name)
    raise AssertionError("no key occurs twice")
