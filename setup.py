"""What pyproject.toml cannot say; all else is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command import editable_wheel

ROOTS = (".", "contrib")
"""Folders of packages, as in pyproject.toml."""


class EditableWheel(editable_wheel.editable_wheel):
    """``pip install -e .`` puts the folders of packages on the path.

    With more than one folder setuptools would install a hook, which Python asks only after the
    path. In the folder above a checkout that is called ``agcore``, ``import agcore`` would find the
    checkout itself, an empty namespace, before the package.

    The names with an underscore are setuptools' own. Should they go, its default comes back.
    """

    def _select_strategy(self, name: str, tag: str, build_lib: Any) -> Any:
        if self.mode == "strict" or not hasattr(editable_wheel, "_StaticPth"):
            return super()._select_strategy(name, tag, build_lib)
        folders = [Path(self.project_dir, root) for root in ROOTS]
        return editable_wheel._StaticPth(self.distribution, name, folders)  # noqa: SLF001


setup(cmdclass={"editable_wheel": EditableWheel})
