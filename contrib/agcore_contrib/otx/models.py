"""The models that are known by name: their defaults and what is tuned of them.

Learning rates, batch sizes, epochs and ranges are those that OTX 1.4.5 ships for its classification
models.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agcore.errors import SpecError, did_you_mean

LEARNING_RATE = "learning_parameters.learning_rate"
BATCH_SIZE = "learning_parameters.batch_size"
NUM_EPOCHS = "learning_parameters.num_iters"
TASK_TYPE = "CLASSIFICATION"
METRIC = "accuracy"

_GENERIC_LEARNING_RATE = 0.01
_GENERIC_BATCH_SIZE = 64
_GENERIC_EPOCHS = 20
_LARGEST_GENERIC_LEARNING_RATE = 0.1

Range = tuple[float, float, float]


@dataclass(frozen=True)
class Model:
    """A model's defaults.

    Attributes:
        name: What ``agcore build --model`` is given.
        template_id: What OTX calls its template.
        learning_rate: Learning rate before any search.
        batch_size: Samples in a step before any search.
        num_epochs: Epochs of a training.
        spaces: ``min, max, step`` of what is searched on a logarithmic axis, by dotted name.
    """

    name: str
    template_id: str
    learning_rate: float
    batch_size: int
    num_epochs: int
    spaces: dict[str, Range] = field(default_factory=dict)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The defaults, nested as their dotted names are."""
        return {
            "learning_parameters": {
                "learning_rate": self.learning_rate,
                "batch_size": self.batch_size,
                "num_iters": self.num_epochs,
            }
        }

    @property
    def hpo_config_text(self) -> str:
        """What its ``hpo_config.yaml`` holds."""
        lines = [f"metric: {METRIC}", "search_algorithm: asha", "hp_space:"]
        for name, values in self.spaces.items():
            lines += [f"  {name}:", "    param_type: qloguniform", "    range:"]
            lines += [f"      - {Decimal(repr(value)):f}" for value in values]
        return "\n".join(lines) + "\n"


def _known(
    name: str, values: tuple[float, int, int], rates: Range, sizes: tuple[int, int], id: str = ""
) -> Model:
    spaces: dict[str, Range] = {LEARNING_RATE: rates, BATCH_SIZE: (*sizes, 2)}
    return Model(name, f"Custom_Image_Classification_{id or name}", *values, spaces)


# The id of EfficientNet-B0 is misspelt in OTX too.
_MODELS = (
    _known("EfficientNet-V2-S", (0.0071, 64, 90), (0.0007, 0.07, 0.0001), (32, 128)),
    _known(
        "EfficientNet-B0", (0.0049, 64, 90), (0.00098, 0.0245, 1e-5), (42, 96), "EfficinetNet-B0"
    ),
    _known("MobileNet-V3-large-1x", (0.0058, 64, 90), (0.00029, 0.1, 1e-5), (64, 256)),
    _known("MobileNet-V3-large-0.75x", (0.016, 32, 20), (0.0032, 0.08, 0.0001), (20, 48)),
    _known("MobileNet-V3-small", (0.016, 32, 20), (0.0032, 0.08, 0.0001), (20, 48)),
    _known("DeiT-Tiny", (0.0001, 64, 90), (1e-5, 0.001, 1e-5), (42, 96)),
)
KNOWN_MODELS = {model.name: model for model in _MODELS}


def known_model(name: str) -> Model:
    """The model of that name.

    Raises:
        SpecError: It is not known; the message lists those that are.
    """
    if name not in KNOWN_MODELS:
        listed = ", ".join(KNOWN_MODELS)
        raise SpecError(
            f"--model {name} is not known{did_you_mean(name, KNOWN_MODELS)}; known are {listed}; "
            "for a model of your own pass --task FILE.py:FN, which trains it"
        )
    return KNOWN_MODELS[name]


def generic_model(name: str) -> Model:
    """A model of the user's, with defaults that suit many.

    Raises:
        SpecError: The name cannot be part of a folder's name.
    """
    if not name.strip(".") or not all(char.isalnum() or char in "._-" for char in name):
        raise SpecError(f"--model {name!r} must consist of letters, digits and '.', '_', '-'")
    return Model(
        name,
        f"Custom_Image_Classification_{name}",
        _GENERIC_LEARNING_RATE,
        _GENERIC_BATCH_SIZE,
        _GENERIC_EPOCHS,
        {
            LEARNING_RATE: generic_learning_rates(_GENERIC_LEARNING_RATE),
            BATCH_SIZE: generic_batch_sizes(_GENERIC_BATCH_SIZE),
        },
    )


def generic_learning_rates(value: float) -> Range:
    """From a tenth of the present learning rate to ten times it, but not above 0.1.

    A rate of 0.1 or more may grow tenfold nevertheless.
    """
    high = 10 * value
    if value < _LARGEST_GENERIC_LEARNING_RATE:
        high = min(high, _LARGEST_GENERIC_LEARNING_RATE)
    return float(f"{value / 10:.2g}"), float(f"{high:.2g}"), float(f"{value / 100:.1g}")


def generic_batch_sizes(value: int) -> Range:
    """From half the present batch size to twice it, in steps of 2; from 1 to 2 if that is 1."""
    return (1, 2, 1) if value == 1 else (value // 2, 2 * value, 2)
