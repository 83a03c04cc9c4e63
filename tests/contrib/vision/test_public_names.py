"""What the integration offers, and what importing it costs."""

import subprocess
import sys

import pytest

from agcore.errors import MissingExtraError
from agcore_contrib import vision
from agcore_contrib.vision.errors import needs_vision


def test_every_public_name_is_there():
    for name in vision.__all__:
        assert getattr(vision, name) is not None
    assert dir(vision) == sorted(vision.__all__)
    with pytest.raises(AttributeError, match="ImagePredicter"):
        _ = vision.ImagePredicter


def test_neither_torch_nor_pillow_is_imported_with_the_package():
    code = (
        "import sys; from agcore_contrib.vision import ImagePredictor; "
        "ImagePredictor(); assert not {'torch', 'PIL.Image'} & set(sys.modules)"
    )
    path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=path)


def test_without_the_extra_one_line_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'agcore\[vision\]'"):
        needs_vision("torch", "ImagePredictor")
