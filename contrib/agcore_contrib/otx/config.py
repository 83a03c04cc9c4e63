"""``hpo_config.yaml``: what to tune, how, and for which metric."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.checks import one_of, whole_number
from agcore.errors import SpecError, did_you_mean
from agcore_contrib.otx.marked_yaml import MarkedDocument, read_marked_yaml
from agcore_contrib.spaces.search_space import SearchSpace, named_spaces, single_space

if TYPE_CHECKING:
    import os

    from agcore_contrib.otx.marked_yaml import Place
    from agcore_contrib.spaces.single_space import SingleSearchSpace

logger = logging.getLogger(__name__)

SEARCH_ALGORITHMS = ("asha", "smbo", "hyperband")
MODES = ("max", "min")
BATCH_SIZE_LIMITS = ("None", "Safe", "Full")
_KEYS = (
    "hp_space",
    "metric",
    "mode",
    "search_algorithm",
    "maximum_resource",
    "minimum_resource",
    "early_stop",
    "adapt_bs_search_space_max_val",
)


@dataclass(frozen=True)
class HpoConfig:
    """The content of an ``hpo_config.yaml``.

    Attributes:
        hp_space: What is tuned.
        metric: Name of the metric.
        mode: ``'max'`` or ``'min'``.
        search_algorithm: ``'asha'``, ``'smbo'`` or ``'hyperband'``.
        maximum_resource: Most epochs of a trial; None if they are to be found out.
        minimum_resource: Fewest epochs of a trial; None if they are to be found out.
        early_stop: Known because files have it; without any effect.
        adapt_bs_search_space_max_val: What ``agcore train`` makes of the largest batch size:
            ``'None'`` keeps it, ``'Safe'`` lowers it to what memory holds, ``'Full'`` raises it as
            well.
    """

    hp_space: SearchSpace
    metric: str = "mAP"
    mode: str = "max"
    search_algorithm: str = "asha"
    maximum_resource: int | None = None
    minimum_resource: int | None = None
    early_stop: Any = None
    adapt_bs_search_space_max_val: str = "None"


def read_hpo_config(path: str | os.PathLike[str]) -> HpoConfig:
    """The config in a YAML file.

    Raises:
        SpecError: The file breaks a rule; the message names the file and the line.
        MissingExtraError: PyYAML is not installed.
    """
    return _config_of(read_marked_yaml(path))


def hpo_config(fields: Mapping[str, Any], source: str = "hpo_config") -> HpoConfig:
    """The config in a mapping.

    Raises:
        SpecError: It breaks a rule.
    """
    return _config_of(MarkedDocument(source, fields))


def _config_of(document: MarkedDocument) -> HpoConfig:
    fields = document.value
    if not isinstance(fields, Mapping):
        raise document.error((), f"the file must be a mapping with hp_space, not {fields!r}")
    for key in fields:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS)
            known = ", ".join(_KEYS)
            raise document.error((key,), f"unknown key {key!r}{hint}; known are {known}")
    if fields.get("hp_space") is None:
        raise document.error((), "hp_space is missing; name the hyperparameters to tune")
    space = _search_space(document, fields["hp_space"])
    given = {key: value for key, value in fields.items() if value is not None}
    given["hp_space"] = space
    _check_words(document, given)
    _check_resources(document, given)
    _warn_of_losses(document, given)
    return HpoConfig(**given)


def _search_space(document: MarkedDocument, spaces: Any) -> SearchSpace:
    """The spaces; an error is on the line of what it is about."""
    try:
        named = named_spaces(spaces)
    except SpecError as error:
        raise document.error(("hp_space",), str(error)) from None
    if not named:
        raise document.error(("hp_space",), "hp_space is empty; name a hyperparameter to tune")
    found: dict[str, SingleSearchSpace] = {}
    for number, (name, fields) in enumerate(named.items()):
        place: Place = ("hp_space", name)
        if not isinstance(spaces, Mapping):
            place = ("hp_space", number, name)
        try:
            found[name] = single_space(name, fields)
        except SpecError as error:
            raise document.error((*place, *_culprit(fields)), str(error)) from None
    return SearchSpace(found)


def _culprit(fields: Any) -> Place:
    """The first key of a space that is unknown, so that the error is on its line."""
    known = {"param_type", "type", "range", "min", "max", "step", "log_base", "choice_list"}
    unknown = [key for key in fields if key not in known] if isinstance(fields, Mapping) else []
    return tuple(unknown[:1])


def _check_words(document: MarkedDocument, given: Mapping[str, Any]) -> None:
    metric = given.get("metric", "mAP")
    if not isinstance(metric, str) or not metric:
        raise document.error(("metric",), f"metric={metric!r} must be the name of a metric")
    for key, allowed in (
        ("mode", MODES),
        ("search_algorithm", SEARCH_ALGORITHMS),
        ("adapt_bs_search_space_max_val", BATCH_SIZE_LIMITS),
    ):
        if key in given:
            try:
                one_of(key, given[key], allowed)
            except SpecError as error:
                raise document.error((key,), str(error)) from None


def _check_resources(document: MarkedDocument, given: Mapping[str, Any]) -> None:
    for key in ("maximum_resource", "minimum_resource"):
        if key in given:
            try:
                whole_number(key, given[key])
            except SpecError as error:
                raise document.error((key,), str(error)) from None
    low, high = given.get("minimum_resource"), given.get("maximum_resource")
    if low is not None and high is not None and low > high:
        raise document.error(
            ("minimum_resource",),
            f"minimum_resource={low} must not exceed maximum_resource={high}; lower it",
        )


def _warn_of_losses(document: MarkedDocument, given: Mapping[str, Any]) -> None:
    if "mode" not in given and "loss" in given.get("metric", "").lower():
        logger.warning(
            "%s: metric %r is maximised, as mode is not given; write mode: min to minimise it",
            document.source,
            given["metric"],
        )
