"""What networks are called, here and elsewhere; no torch needed.

A name is one of the bundled networks, or with timm one of timm's. Names of GluonCV's model zoo, as
old scripts have them, are translated: to timm's network if timm can be imported, else to the
bundled one that is nearest in size, which is said.
"""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import dataclass

from agcore.errors import SpecError, did_you_mean

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What is known of a network before it is made.

    Attributes:
        name: Its name.
        native_size: Pixels of each side that its weights were trained with.
        cpu_s_at_native: Seconds of one busy CPU for one forward pass of one image of that size.
        bytes_per_pixel: Memory for the activations of one image in training, by input pixel.
        has_weights: Whether weights trained on ImageNet come with a package.
    """

    name: str
    native_size: int
    cpu_s_at_native: float
    bytes_per_pixel: int
    has_weights: bool


BUNDLED = {
    facts.name: facts
    for facts in (
        NetworkFacts("efficientnet_lite0", 224, 0.10, 1400, has_weights=True),
        NetworkFacts("efficientnet_lite1", 240, 0.16, 1900, has_weights=True),
        NetworkFacts("efficientnet_lite2", 260, 0.21, 2000, has_weights=True),
        NetworkFacts("small_cnn", 64, 0.004, 1200, has_weights=False),
    )
}
"""Networks that need torch and the packages of the extra ``vision`` only."""

DEFAULT = "efficientnet_lite0"

_UNKNOWN_COST_S = 0.3
_UNKNOWN_BYTES_PER_PIXEL = 4000

_FROM_GLUON: tuple[tuple[str, str, str], ...] = (
    (r"resnet(18)_v(1b?|1s|2)", r"resnet18", "efficientnet_lite0"),
    (r"resnet(34)_v(1b?|1s|2)", r"resnet34", "efficientnet_lite1"),
    (r"resnet(50|101|152)_v(1|2)", r"resnet\1", "efficientnet_lite2"),
    (r"resnet(50|101|152)_v1b", r"resnet\1", "efficientnet_lite2"),
    (r"resnet(50|101|152)_v1c", r"resnet\1c", "efficientnet_lite2"),
    (r"resnet(50|101|152)_v1d", r"resnet\1d", "efficientnet_lite2"),
    (r"resnet(50|101|152)_v1s", r"resnet\1s", "efficientnet_lite2"),
    (r"resnest(14|26|50|101|200|269)", r"resnest\1d", "efficientnet_lite2"),
    (r"resnext(50|101)_(32x4d|64x4d)", r"resnext\1_\2", "efficientnet_lite2"),
    (r"se_resnext(50|101)_(32x4d)", r"seresnext\1_\2", "efficientnet_lite2"),
    (r"mobilenetv3_(small|large)", r"mobilenetv3_\1_100", "efficientnet_lite0"),
    (r"mobilenetv2_1\.0", r"mobilenetv2_100", "efficientnet_lite0"),
    (r"mobilenetv2_0\.5", r"mobilenetv2_050", "efficientnet_lite0"),
    (r"mobilenet1\.0", r"mobilenetv1_100", "efficientnet_lite0"),
    (r"densenet(121|161|169|201)", r"densenet\1", "efficientnet_lite2"),
    (r"vgg(11|13|16|19)", r"vgg\1", "efficientnet_lite2"),
    (r"vgg(11|13|16|19)_bn", r"vgg\1_bn", "efficientnet_lite2"),
    (r"inceptionv3", r"inception_v3", "efficientnet_lite2"),
    (r"xception", r"xception41", "efficientnet_lite2"),
    (r"efficientnet_(b\d)", r"efficientnet_\1", "efficientnet_lite2"),
    (r"cifar_resnet(20|56|110)_v[12]", r"resnet18", "small_cnn"),
)
"""GluonCV's name as a pattern, timm's, and the nearest bundled network."""

_OTX = {
    "mobilenet-v3-large-1x": ("mobilenetv3_large_100", "efficientnet_lite0"),
    "mobilenet-v3-large-0.75x": ("mobilenetv3_large_075", "efficientnet_lite0"),
    "mobilenet-v3-small": ("mobilenetv3_small_100", "efficientnet_lite0"),
    "efficientnet-b0": ("efficientnet_b0", "efficientnet_lite0"),
    "efficientnet-v2-s": ("tf_efficientnetv2_s", "efficientnet_lite2"),
    "deit-tiny": ("deit_tiny_patch16_224", "efficientnet_lite0"),
}
"""Names of OpenVINO Training Extensions, in lower case."""

_SPELLINGS = {
    "efficientnet-lite0": "efficientnet_lite0",
    "efficientnet-lite1": "efficientnet_lite1",
    "efficientnet-lite2": "efficientnet_lite2",
}
_EXAMPLES = (
    "resnet18_v1b",
    "resnet34_v1b",
    "resnet50_v1b",
    "resnet50_v1d",
    "mobilenetv3_small",
    "mobilenetv3_large",
    "mobilenetv2_1.0",
)


@functools.lru_cache(maxsize=1)
def timm_names() -> tuple[str, ...]:
    """The networks of timm, sorted; none if timm cannot be imported."""
    try:
        import timm
    except Exception as error:  # noqa: BLE001  torchvision of another build raises RuntimeError
        logger.debug("timm is not used: %s", error)
        return ()
    return tuple(sorted(timm.list_models()))


def list_models() -> tuple[str, ...]:
    """All names that can be made into a network here."""
    return (*BUNDLED, *(name for name in timm_names() if name not in BUNDLED))


def resolve(name: str) -> str:
    """The network that a name stands for, here; a substitution is logged once.

    Raises:
        SpecError: There is no network of that name.
    """
    if not isinstance(name, str):
        raise SpecError(f"model={name!r} must be the name of a network; see list_models()")
    plain = _SPELLINGS.get(name.lower(), name)
    if plain in BUNDLED or plain in timm_names():
        return plain
    translated = _translated(name)
    if translated is None:
        known = (*list_models(), *_EXAMPLES)
        remedy = "list_models() has all names"
        if not timm_names():
            remedy += "; pip install 'agcore[timm]' brings more of them"
        raise SpecError(f"model={name!r} is no network{did_you_mean(name, known)}; {remedy}")
    of_timm, nearest = translated
    if of_timm in timm_names():
        logger.info("model=%r: timm's %s is used", name, of_timm)
        return of_timm
    tell_substitute(name, nearest)
    return nearest


@functools.cache
def tell_substitute(name: str, nearest: str) -> None:
    """Log, once in a process, that a bundled network takes the place of another."""
    logger.warning(
        "model=%r needs timm (pip install 'agcore[timm]'); %s, which comes with the extra vision, "
        "takes its place",
        name,
        nearest,
    )


def _translated(name: str) -> tuple[str, str] | None:
    """Name in timm and the nearest bundled network for a name of another library."""
    lower = name.lower()
    if lower in _OTX:
        return _OTX[lower]
    for pattern, of_timm, nearest in _FROM_GLUON:
        match = re.fullmatch(pattern, lower)
        if match is not None:
            return match.expand(of_timm), nearest
    return None


def facts_of(name: str) -> NetworkFacts:
    """What is known of the network with a resolved name; of timm's, a cautious guess."""
    known = BUNDLED.get(name)
    if known is not None:
        return known
    return NetworkFacts(name, 224, _UNKNOWN_COST_S, _UNKNOWN_BYTES_PER_PIXEL, has_weights=True)
