"""One image: opened, checked, and made a square of pixels.

Whatever the file holds (grey, palette, transparency, CMYK, 16 bits, an orientation in its EXIF
data) becomes RGB with 8 bits. What kind of image it is says the content, not the name.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore_contrib.vision.errors import ImageError, needs_vision

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Only these are tried: PIL's readers of other formats start programs or read no pixels."""

MAX_PIXELS = 100_000_000
"""More than that in one image is refused before anything is decoded."""

_PILLOW = "reading images"
_EIGHT_BITS = 255.0


def square_pixels(source: Any, size: int) -> NDArray[np.uint8]:
    """The middle square of an image, resized.

    Args:
        source: A path, an array of shape (height, width) or (height, width, 1, 3 or 4), or a PIL
            image.
        size: Pixels of each side.

    Returns:
        RGB, shape (size, size, 3).

    Raises:
        ImageError: It is no image, damaged, or too large.
        MissingExtraError: Pillow is not installed.
    """
    resampling = needs_vision("PIL.Image", _PILLOW).Resampling.BICUBIC
    image = open_image(source, wanted_side=size)
    # Cropping first: a strip of 1 x 10,000 pixels, resized as it is, would fill the memory.
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    try:
        square = image.crop((left, top, left + side, top + side))
        return np.asarray(square.resize((size, size), resampling))
    except (OSError, ValueError) as error:
        raise ImageError(f"{_name(source)} cannot be resized: {error}") from error


def open_image(source: Any, wanted_side: int | None = None) -> Image:
    """An image in RGB, decoded and the right way up.

    Args:
        source: As for `square_pixels`.
        wanted_side: If no more than that many pixels are needed, a JPEG may be decoded smaller.

    Raises:
        ImageError: It is no image, damaged, or too large.
        MissingExtraError: Pillow is not installed.
    """
    pil = needs_vision("PIL.Image", _PILLOW)
    if isinstance(source, np.ndarray):
        return _from_array(source, pil)
    if isinstance(source, pil.Image):
        return _as_rgb(source, pil)
    if not isinstance(source, (str, os.PathLike)):
        raise ImageError(f"{source!r} is no image; pass a path, an array or a PIL image")
    return _from_file(_path(source), pil, wanted_side)


def image_side(path: str | os.PathLike[str]) -> int:
    """The shorter side of an image in pixels, read from its header only.

    Raises:
        ImageError: It is no image.
    """
    image = _opened(_path(path), needs_vision("PIL.Image", _PILLOW))
    with image:
        return int(min(image.size))


def _path(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    return path.expanduser() if path.parts[:1] == ("~",) else path


def _from_file(path: Path, pil: Any, wanted_side: int | None) -> Image:
    image = _opened(path, pil)
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{path} has {width} x {height} pixels, more than {MAX_PIXELS:,}; make it smaller"
            )
        try:
            if wanted_side is not None:
                image.draft("RGB", (2 * wanted_side, 2 * wanted_side))
            image.load()
            return _as_rgb(image, pil)
        except Exception as error:
            # Decoders raise what they like for damaged files: OSError, SyntaxError, struct.error.
            raise ImageError(f"{path} is damaged: {error}; replace or remove it") from error


def _opened(path: Path, pil: Any) -> Any:
    try:
        content = path.stat().st_size
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    if not path.is_file():
        raise ImageError(f"{path} is no file; pass the path of an image")
    if content == 0:
        raise ImageError(f"{path} is empty; replace or remove it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is checked below, and refused by number
            return pil.open(path, formats=FORMATS)
    except Exception as error:
        raise ImageError(f"{path} is no image that can be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return f"its content is none of {', '.join(FORMATS)}"
    return str(error)


def _as_rgb(image: Any, pil: Any) -> Image:
    """The image with 8 bits a channel, upright, transparent parts white."""
    upright = needs_vision("PIL.ImageOps", _PILLOW).exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _from_array(np.asarray(upright), pil)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        background = pil.new("RGBA", layer.size, "white")
        upright = pil.alpha_composite(background, layer)
    rgb: Image = upright.convert("RGB")
    return rgb


def _from_array(array: NDArray[Any], pil: Any) -> Image:
    """An image of an array: bytes as they are, other numbers scaled to bytes."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"an array of shape {array.shape} is no image; it must be (height, width) or "
            "(height, width, 1, 3 or 4)"
        )
    if 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape} has no pixels")
    return _as_rgb(pil.fromarray(_as_bytes(array)), pil)


def _as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == bool:
        white: NDArray[np.uint8] = np.where(array, 255, 0).astype(np.uint8)
        return white
    values = np.nan_to_num(array.astype(np.float64), posinf=0.0, neginf=0.0)
    largest = values.max()
    if np.issubdtype(array.dtype, np.floating) and largest <= 1:
        scale = _EIGHT_BITS  # floats from 0 to 1
    elif largest > _EIGHT_BITS:
        scale = _EIGHT_BITS / (65535.0 if largest <= 65535 else largest)
    else:
        scale = 1.0
    scaled: NDArray[np.uint8] = np.clip(values * scale, 0, _EIGHT_BITS).astype(np.uint8)
    return scaled


def _name(source: Any) -> str:
    return str(source) if isinstance(source, (str, os.PathLike)) else "the image"
