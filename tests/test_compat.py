import sys

import pytest

from agcore.compat import require_posix
from agcore.errors import SpecError


def test_windows_is_pointed_to_wsl(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SpecError, match="inside WSL"):
        require_posix("running trials in worker processes")


def test_elsewhere_nothing_is_said(monkeypatch):
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        require_posix("running trials")
