"""The spaces of all hyperparameters, by name."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore_contrib.spaces.single_space import DEFAULT_LOG_BASE, SPACE_TYPES, SingleSearchSpace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore_contrib.spaces.single_space import AgcoreSpace

logger = logging.getLogger(__name__)

_TYPE_KEYS = ("param_type", "type")
_BOUND_KEYS = ("min", "max", "step", "log_base", "choice_list")
_KEYS = (*_TYPE_KEYS, "range", *_BOUND_KEYS)
_RANGES = {
    "uniform": (("min", "max"), ()),
    "quniform": (("min", "max", "step"), ()),
    "loguniform": (("min", "max"), ("log_base",)),
    "qloguniform": (("min", "max", "step"), ("log_base",)),
}
"""What the numbers of a ``range`` are: those that must be there, those that may."""
_LEAST_LOWERED = 2


class SearchSpace(Mapping[str, SingleSearchSpace]):
    """Hyperparameters and their spaces.

    Args:
        spaces: A mapping from name to space, or a list of mappings with one name each. A space is a
            `SingleSearchSpace`, or a mapping of ``param_type`` (or ``type``) with either ``range``
            or ``min``, ``max``, ``step``, ``log_base``, ``choice_list``.

    Raises:
        SpecError: As for `SingleSearchSpace`, with the name of the hyperparameter; an unknown key;
            a ``range`` of the wrong length; a name that occurs twice.
    """

    def __init__(self, spaces: Mapping[str, Any] | list[Mapping[str, Any]]) -> None:
        self._fixed: dict[str, Any] = {}
        self._spaces = {
            name: space if isinstance(space, SingleSearchSpace) else single_space(name, space)
            for name, space in named_spaces(spaces).items()
        }

    def __getitem__(self, name: str) -> SingleSearchSpace:
        return self._spaces[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spaces)

    def __len__(self) -> int:
        return len(self._spaces)

    def __repr__(self) -> str:
        return f"SearchSpace({self._spaces!r})"

    @property
    def fixed(self) -> Mapping[str, Any]:
        """Values of hyperparameters that have left the search; every config has them."""
        return dict(self._fixed)

    @property
    def size(self) -> int | None:
        """Number of configs: 0 if there is nothing to tune, None if they are not to be counted."""
        if not self._spaces:
            return 1 if self._fixed else 0
        sizes = [space.size for space in self._spaces.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def copy(self) -> SearchSpace:
        """A space that can be changed without changing this one."""
        return copy.deepcopy(self)

    def description(self) -> dict[str, Any]:
        """The searched spaces in the form that the class reads."""
        return {name: space.description() for name, space in self._spaces.items()}

    # -- configs ---------------------------------------------------------------------------

    def from_unit(self, point: Mapping[str, float]) -> dict[str, Any]:
        """The config at a point of the unit cube, one number in [0, 1] for each name.

        Raises:
            SpecError: ``point`` is no mapping, or its names are not those of the space.
        """
        self._check_names("point", point)
        drawn = {name: space.from_unit(point[name]) for name, space in self._spaces.items()}
        return {**drawn, **self._fixed}

    def real_to_space(self, config: Mapping[str, Any]) -> dict[str, float]:
        """Coordinates of a config's values.

        Raises:
            SpecError: ``config`` is no mapping, or its names are not those of the space.
        """
        self._check_names("config", config)
        return {name: space.real_to_space(config[name]) for name, space in self._spaces.items()}

    def space_to_real(self, point: Mapping[str, float]) -> dict[str, Any]:
        """The config at some coordinates.

        Raises:
            SpecError: ``point`` is no mapping, or its names are not those of the space.
        """
        self._check_names("point", point)
        found = {name: space.space_to_real(point[name]) for name, space in self._spaces.items()}
        return {**found, **self._fixed}

    def to_agcore(self) -> dict[str, AgcoreSpace]:
        """The spaces for agcore's searchers, with the same distribution of random values."""
        return {name: space.to_agcore() for name, space in self._spaces.items()}

    def from_agcore(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The config that a searcher means which was given `to_agcore`."""
        found = {name: space.from_agcore(config[name]) for name, space in self._spaces.items()}
        return {**found, **self._fixed}

    def agcore_config(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """The inverse of `from_agcore`; None if a value lies outside its range."""
        found = {}
        for name, single in self._spaces.items():
            space = single.to_agcore()
            try:
                value = (
                    single.real_to_space(config[name]) if single.is_categorical else config[name]
                )
                found[name] = space.canonical(int(value) if single.is_categorical else value)
            except SpecError:
                return None
        return found

    def check_config(self, config: Mapping[str, Any], what: str) -> None:
        """Check that a config gives a value to every hyperparameter and to nothing else.

        Values may lie outside the ranges: the values a model has at present often do.

        Raises:
            SpecError: A name is missing or unknown; ``what`` says whose config it is.
        """
        self._check_names(what, config)

    def _check_names(self, what: str, config: Any) -> None:
        if not isinstance(config, Mapping):
            raise SpecError(f"{what}={config!r} must be a mapping from name to value")
        known = {*self._spaces, *self._fixed}
        for name in config:
            if name not in known:
                hint = did_you_mean(str(name), known)
                raise SpecError(f"{what} has {name!r}, which is not in the search space{hint}")
        missing = [name for name in self._spaces if name not in config]
        if missing:
            raise SpecError(f"{what} lacks {missing[0]!r}; give a value to every hyperparameter")

    # -- what leaves the space -------------------------------------------------------------

    def fix(self, name: str, value: Any) -> None:
        """Take a hyperparameter out of the search: every config has ``value``.

        Raises:
            KeyError: There is no such hyperparameter.
        """
        del self._spaces[name]
        self._fixed[name] = value

    def limit(self, name: str, largest: float) -> None:
        """Lower the maximum of a hyperparameter, as that of a batch size to the number of samples.

        If that leaves no range, or less than a step, the hyperparameter is fixed to ``largest``.

        Raises:
            SpecError: There is no such hyperparameter, or it is a choice.
        """
        space = self._spaces.get(name)
        if space is None or space.min is None or space.max is None:
            raise SpecError(
                f"{name!r} is no hyperparameter with a maximum{did_you_mean(name, self._spaces)}"
            )
        if largest >= space.max:
            return
        if space.min >= largest or largest - space.min < (space.step or 0):
            self.fix(name, largest)
        else:
            self._spaces[name] = SingleSearchSpace(
                space.type, space.min, largest, space.step, space.log_base
            )

    def lower(self, name: str, failed: float) -> None:
        """Keep ``failed``, and all above it, from being drawn again: memory ran out there.

        If nothing is left, the minimum falls to half of the new maximum, but not below 2. If one
        value is left, the hyperparameter is fixed to it. A bound that is lower already stays.

        Raises:
            SpecError: Nothing is left, or the space is not quantised.
        """
        if name in self._fixed:
            if self._fixed[name] >= failed:
                raise _nothing_left(name, failed)
            return
        space = self._spaces[name]
        if not space.is_quantised:
            raise SpecError(
                f"{name} has the type {space.type}; only quniform and qloguniform can be lowered"
            )
        low, high, step = space.min, space.max, space.step
        if low is None or high is None or step is None or failed > high:
            return
        high = failed - step
        if high < low:
            low = max(int(high // 2), _LEAST_LOWERED)
        if low > high:
            raise _nothing_left(name, failed)
        if high - low < step:
            self.fix(name, low)
        else:
            self._spaces[name] = SingleSearchSpace(space.type, low, high, step, space.log_base)

    def allows(self, config: Mapping[str, Any], name: str) -> bool:
        """Whether the value of ``name`` is not above what has been left of its space."""
        if name in self._fixed:
            return bool(config[name] <= self._fixed[name])
        limit = self._spaces[name].max
        return limit is None or bool(config[name] <= limit)


def _nothing_left(name: str, failed: float) -> SpecError:
    return SpecError(
        f"{name}: memory ran out at {failed}, and no smaller value is left; use a smaller model, "
        "or more memory"
    )


def named_spaces(spaces: Any) -> dict[str, Any]:
    """The mapping from name to space, whichever of the two forms it is written in.

    Raises:
        SpecError: It has neither form, or a name occurs twice.
    """
    if isinstance(spaces, Mapping):
        return {_checked_name(name): space for name, space in spaces.items()}
    if not isinstance(spaces, (list, tuple)):
        raise SpecError(f"the search space is {spaces!r}; it must map names to spaces")
    found: dict[str, Any] = {}
    for entry in spaces:
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise SpecError(
                f"an entry of the search space is {entry!r}; it must be a mapping of one name to "
                "its space"
            )
        for name, space in entry.items():
            if name in found:
                raise SpecError(f"the search space names {name!r} twice; drop one of them")
            found[_checked_name(name)] = space
    return found


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not all(name.split(".")):
        raise SpecError(
            f"{name!r} must be the name of a hyperparameter, as learning_parameters.batch_size"
        )
    return name


def single_space(name: str, fields: Any) -> SingleSearchSpace:
    """The space that a mapping describes.

    Raises:
        SpecError: It is none; the message begins with the name of the hyperparameter.
    """
    try:
        return SingleSearchSpace(**_arguments(name, fields))
    except SpecError as error:
        raise SpecError(f"{name}: {error}") from None


def _arguments(name: str, fields: Any) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        raise SpecError(f"the space is {fields!r}; it must be a mapping with param_type and range")
    for key in fields:
        if key not in _KEYS:
            raise SpecError(f"unknown key {key!r}{did_you_mean(str(key), _KEYS)}")
    types = [fields[key] for key in _TYPE_KEYS if key in fields]
    if len(types) != 1:
        listed = ", ".join(SPACE_TYPES)
        raise SpecError(f"give param_type once, one of {listed}")
    if "range" not in fields:
        bounds = {key: fields[key] for key in _BOUND_KEYS if fields.get(key) is not None}
        return {"type": types[0], **bounds}
    ignored = [key for key in _BOUND_KEYS if key in fields]
    if ignored:
        logger.warning("%s: range is given, so %s is ignored", name, ", ".join(ignored))
    return {"type": types[0], **named_range(types[0], fields["range"])}


def named_range(type: Any, values: Any) -> dict[str, Any]:
    """What the values of ``range`` are called for this type, as `SingleSearchSpace` takes them.

    Raises:
        SpecError: They are too few or too many.
    """
    if not isinstance(values, (list, tuple)):
        raise SpecError(f"range={values!r} must be a list")
    if type == "choice":
        return {"choice_list": values}
    if type not in _RANGES:
        return {}  # the type itself is wrong, and that will be said
    needed, optional = _RANGES[type]
    names = (*needed, *optional)
    if not len(needed) <= len(values) <= len(names):
        extra = [f"[{key}, default {DEFAULT_LOG_BASE}]" for key in optional]
        expected = ", ".join((*needed, *extra))
        raise SpecError(f"range={values!r} of a {type} space must hold {expected}")
    return dict(zip(names, values, strict=False))
