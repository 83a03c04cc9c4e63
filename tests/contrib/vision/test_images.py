"""One image, whatever the file holds."""

import numpy as np
import pytest
from PIL import Image

from agcore_contrib.vision.errors import ImageError
from agcore_contrib.vision.images import MAX_PIXELS, image_side, open_image, square_pixels


def saved(folder, image, name="image.png", **options):
    path = folder / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1", "I;16"])
def test_every_mode_of_png_becomes_rgb(tmp_path, mode):
    image = Image.new("L", (6, 4), 255).convert(mode) if mode != "I;16" else None
    if image is None:
        image = Image.fromarray(np.full((4, 6), 65535, dtype=np.uint16))
    pixels = square_pixels(saved(tmp_path, image), 8)
    assert pixels.shape == (8, 8, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == 255).all()


def test_cmyk_becomes_rgb(tmp_path):
    path = saved(tmp_path, Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "cmyk.jpg")
    red, green, blue = square_pixels(path, 4)[2, 2]
    assert red < 60
    assert min(green, blue) > 120


def test_sixteen_bits_keep_their_order(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 16).astype(np.uint16), (16, 1))
    pixels = square_pixels(saved(tmp_path, Image.fromarray(ramp)), 16)[0, :, 0].astype(int)
    assert pixels[0] == 0
    assert pixels[-1] == 255
    assert (np.diff(pixels) > 0).all()


def test_what_is_transparent_is_white(tmp_path):
    path = saved(tmp_path, Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (square_pixels(path, 4) == 255).all()


def test_an_orientation_in_exif_data_is_followed(tmp_path):
    image = Image.new("RGB", (40, 20), "black")
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, image, "turned.jpg", exif=exif)
    assert open_image(path).size == (20, 40)


def test_a_name_that_lies_about_the_format_does_not_matter(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "image.png")
    (tmp_path / "image.png").rename(tmp_path / "image.jpg")
    assert square_pixels(tmp_path / "image.jpg", 4)[0, 0, 0] == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_tiny_and_narrow_images_are_resized_without_filling_the_memory(tmp_path, size):
    path = saved(tmp_path, Image.new("RGB", size, "red"))
    assert square_pixels(path, 32).shape == (32, 32, 3)


def test_the_middle_is_kept():
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 200
    assert (square_pixels(wide, 10) == 200).all()


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b"no image at all", "none of BMP"), (b"\x89PNG\r\n\x1a\n123", "damaged")],
)
def test_what_is_no_image_is_answered_with_its_name(tmp_path, content, why):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"broken\.jpg") as caught:
        square_pixels(path, 8)
    assert why in str(caught.value) or "no image" in str(caught.value)


def test_an_image_that_was_cut_off_is_damaged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), "cut.jpg")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ImageError, match=r"cut\.jpg is damaged"):
        square_pixels(path, 8)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path):
    path = saved(tmp_path, Image.new("1", (20_000, MAX_PIXELS // 20_000 + 1)))
    with pytest.raises(ImageError, match="20000 x 5001 pixels"):
        square_pixels(path, 8)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        square_pixels(tmp_path / "none.png", 8)
    with pytest.raises(ImageError, match="is no file"):
        square_pixels(tmp_path, 8)


def test_arrays_of_floats_and_booleans_are_images_too():
    assert (square_pixels(np.ones((4, 4)), 4) == 255).all()
    assert (square_pixels(np.ones((4, 4, 1), dtype=bool), 4) == 255).all()
    assert (square_pixels(np.full((4, 4, 3), 7.0), 4) == 7).all()


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (0, 4), (2, 4, 4, 3)])
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(ImageError, match="shape"):
        square_pixels(np.zeros(shape), 4)


def test_the_side_is_read_from_the_header(tmp_path):
    assert image_side(saved(tmp_path, Image.new("RGB", (30, 20)))) == 20


def test_a_tilde_is_the_user_s_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved(tmp_path, Image.new("RGB", (4, 4)), "a.png")
    assert square_pixels("~/a.png", 4).shape == (4, 4, 3)
    assert image_side("~/a.png") == 4
