"""Named sets of arguments of `ImagePredictor.fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agcore.errors import SpecError, did_you_mean
from agcore.space import Categorical, Real

PRESETS: dict[str, dict[str, Any]] = {
    "best_quality": {
        "hyperparameters": {
            "model": Categorical("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
            "fine_tune": Categorical(False, True),
            "lr": Real(1e-4, 1e-2, log=True),
            "batch_size": 32,
            "epochs": 50,
            "early_stop_patience": 15,
        },
        "hyperparameter_tune_kwargs": {"num_trials": 1024, "search_strategy": "bayesopt"},
        "time_limit": 12 * 3600,
    },
    "good_quality_fast_inference": {
        "hyperparameters": {
            "model": Categorical("efficientnet_lite0", "efficientnet_lite1"),
            "fine_tune": Categorical(False, True),
            "lr": Real(1e-4, 1e-2, log=True),
            "batch_size": 32,
            "epochs": 50,
        },
        "hyperparameter_tune_kwargs": {"num_trials": 512, "search_strategy": "bayesopt"},
        "time_limit": 8 * 3600,
    },
    "medium_quality_faster_train": {
        "hyperparameters": {
            "model": "efficientnet_lite0",
            "lr": Real(3e-4, 1e-2, log=True, default=3e-3),
            "batch_size": 64,
            "epochs": 30,
        },
        "hyperparameter_tune_kwargs": {"num_trials": 8, "search_strategy": "random"},
        "time_limit": 3600,
    },
    "medium_quality_faster_inference": {
        "hyperparameters": {
            "model": "efficientnet_lite0",
            "fine_tune": Categorical(False, True),
            "lr": Real(1e-4, 1e-2, log=True),
            "batch_size": Categorical(32, 64),
            "epochs": 30,
        },
        "hyperparameter_tune_kwargs": {"num_trials": 32, "search_strategy": "bayesopt"},
        "time_limit": 2 * 3600,
    },
}
"""Names, trials and hours are those of AutoGluon; learning rates fit the bundled networks."""


def preset_arguments(presets: str | Mapping[str, Any] | Sequence[Any] | None) -> dict[str, Any]:
    """The arguments that presets stand for; of several, a later one wins.

    Args:
        presets: A name, a dict of arguments, a sequence of both, or None.

    Raises:
        SpecError: There is no such preset.
    """
    if presets is None:
        return {}
    if isinstance(presets, (str, Mapping)):
        presets = [presets]
    if not isinstance(presets, Sequence):
        raise SpecError(f"presets={presets!r} must be a name, a dict, or a list of these")
    merged: dict[str, Any] = {}
    for preset in presets:
        if isinstance(preset, str):
            if preset not in PRESETS:
                raise SpecError(
                    f"presets={preset!r} is unknown{did_you_mean(preset, PRESETS)}; there are: "
                    f"{', '.join(PRESETS)}"
                )
            preset = PRESETS[preset]
        merged = merge_arguments(merged, preset)
    return merged


def merge_arguments(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of arguments; ``over`` wins, and dicts of both are joined."""
    merged = dict(under)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = {**merged[name], **value} if both else value
    return merged
