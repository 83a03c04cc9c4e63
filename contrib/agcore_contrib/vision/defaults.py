"""What is not said by the user: size of images, mirror images, and what to search.

The numbers were measured with EfficientNet-Lite0 on two busy hyperthreads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.space import Categorical, Real, Space
from agcore_contrib.vision.errors import ImageError
from agcore_contrib.vision.images import image_side
from agcore_contrib.vision.networks.names import BUNDLED, DEFAULT, facts_of, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore_contrib.vision.networks.names import NetworkFacts

_STEP = 32
"""Networks halve the size five times."""
_SMALLEST = 64
_SAMPLE = 32
_FIXED_S = 0.008
"""What an image costs however small it is."""
_SHARE_FOR_FEATURES = 0.4
"""Of the time limit; the rest is for the search."""
_FALLBACK_SIDE = 224


def default_space(fine_tune: bool) -> dict[str, Any]:
    """What is searched if nothing is said; around what works for most images."""
    if fine_tune:
        return {
            "lr": Real(1e-4, 1e-2, log=True, default=1e-3),
            "wd": Real(1e-4, 0.3, log=True, default=0.03),
            "dropout": Real(0.0, 0.5, default=0.2),
        }
    return {
        "lr": Real(3e-4, 1e-2, log=True, default=2e-3),
        "wd": Real(0.05, 5.0, log=True, default=1.0),
        "dropout": Real(0.2, 0.8, default=0.5),
        "batch_size": Categorical(32, 64),
        "label_smoothing": Real(0.0, 0.2, default=0.05),
    }


def completed(
    hyperparameters: Mapping[str, Any],
    *,
    images: Sequence[str],
    time_limit_s: float,
    is_search: bool,
) -> dict[str, Any]:
    """Hyperparameters with what the user has not said.

    Images are enlarged to twice their size, but to no more than the network was trained with:
    features of small photographs are clearly better so. Mirror images are added, except to those
    of less than 64 pixels, where they gain nothing. If computing the features would take more than
    two fifths of the time, mirror images go first, then size.

    Args:
        hyperparameters: As given.
        images: Paths; the sizes of some are looked at.
        time_limit_s: Of the whole fit.
        is_search: Whether something is to be searched. If so and there is no space, the default
            one is taken.
    """
    filled = dict(hyperparameters)
    networks = _networks(filled)
    is_trained_whole = _is_trained_whole(filled)
    if is_search and not any(isinstance(value, Space) for value in filled.values()):
        space = default_space(is_trained_whole)
        filled = {**{k: v for k, v in space.items() if k not in filled}, **filled}
    if is_trained_whole:
        filled = {"lr": 1e-3, "wd": 0.03, "dropout": 0.2, "augment": "standard", **filled}
    elif stays_frozen(filled):
        # An epoch costs next to nothing, and the last ones, with small steps, are the best ones.
        filled.setdefault("early_stop_patience", 0)
    else:
        filled = {"wd": 0.1, "dropout": 0.3, **filled}
    if filled.get("optimizer", "adamw") != "adamw":
        filled.setdefault("wd", 1e-4)  # it is added to the gradient there
    if "input_size" not in filled or "augment" not in filled:
        side = _usual_side(images)
        size, views = _affordable(
            _wanted_size(side, networks),
            (2, 1) if side >= _SMALLEST else (1,),
            len(images),
            networks,
            _SHARE_FOR_FEATURES * time_limit_s,
        )
        filled.setdefault("input_size", size)
        filled.setdefault("augment", "flip" if views == 2 else "none")
    return filled


def stays_frozen(hyperparameters: Mapping[str, Any]) -> bool:
    """Whether, whatever is chosen, only the last layer is trained, as far as that is known."""
    return (
        hyperparameters.get("fine_tune", False) is False
        and hyperparameters.get("pretrained", True) is True
        # Whether there are weights for one of timm's shows when it is made.
        and all(facts.has_weights and facts.name in BUNDLED for facts in _networks(hyperparameters))
    )


def _is_trained_whole(hyperparameters: Mapping[str, Any]) -> bool:
    """Whether, whatever is chosen, all layers are trained."""
    return (
        hyperparameters.get("fine_tune", False) is True
        or hyperparameters.get("pretrained", True) is False
        or not any(facts.has_weights for facts in _networks(hyperparameters))
    )


def _networks(hyperparameters: Mapping[str, Any]) -> list[NetworkFacts]:
    """What is known of the networks that may be chosen."""
    if hyperparameters.get("net") is not None:
        return [BUNDLED["small_cnn"]]
    model = hyperparameters.get("model", DEFAULT)
    names = model.labels if isinstance(model, Categorical) else [model]
    return [facts_of(resolve(name)) for name in names]


def _wanted_size(side: int, networks: Sequence[NetworkFacts]) -> int:
    """Twice the usual side of the images, within what the networks know."""
    largest = max(_STEP, min(facts.native_size for facts in networks) // _STEP * _STEP)
    return min(max(_SMALLEST, -(-2 * side // _STEP) * _STEP), largest)


def _usual_side(images: Sequence[str]) -> int:
    """Median of the shorter sides of a sample of the images."""
    sides = []
    for k in np.linspace(0, len(images) - 1, num=min(_SAMPLE, len(images))).astype(int):
        try:
            sides.append(image_side(images[k]))
        except ImageError:
            continue  # it is told of when all are read
    return int(np.median(sides)) if sides else _FALLBACK_SIDE


def _affordable(
    wanted: int,
    allowed_views: Sequence[int],
    count: int,
    networks: Sequence[NetworkFacts],
    budget_s: float,
) -> tuple[int, int]:
    """Size and number of views whose features can be had in the time; the smallest, if none can."""
    for size in range(wanted, _SMALLEST - 1, -_STEP):
        for views in allowed_views:
            seconds = sum(count * views * _seconds_an_image(facts, size) for facts in networks)
            if seconds <= budget_s:
                return size, views
    return min(wanted, _SMALLEST), 1


def _seconds_an_image(facts: NetworkFacts, size: int) -> float:
    return _FIXED_S + facts.cpu_s_at_native * (size / facts.native_size) ** 2
