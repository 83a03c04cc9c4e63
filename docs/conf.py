"""How Sphinx builds the documentation: ``sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.domains.python import PythonDomain

ROOT = Path(__file__).resolve().parents[1]
# The checkout itself is documented, installed or not.
sys.path[:0] = [str(ROOT), str(ROOT / "contrib"), str(Path(__file__).parent)]

from agcore.version import __version__  # noqa: E402 - needs the path

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.domains.python import ObjectEntry
    from sphinx.environment import BuildEnvironment

project = "agcore"
author = "the agcore authors"
project_copyright = author
version = release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser", "command_help"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = False  # docstrings name types of NumPy and pandas, which are not documented here

html_theme = "furo"
html_title = f"agcore {__version__}"
html_static_path = ["_static"]
html_css_files = ["agcore.css"]
html_show_sphinx = False
html_copy_source = False
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `name` in a docstring is a Python object where there is one of this name.
default_role = "py:obj"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Source"]


class NamesAsDocstringsHaveThem(PythonDomain):
    """Finds what a docstring means by a name.

    Docstrings name things as their readers do, `HyperbandScheduler`, while the reference has them
    where users import them. Of two classes of the same name the one of the same package is meant.
    """

    def find_obj(
        self,
        env: BuildEnvironment,
        modname: str | None,
        classname: str | None,
        name: str,
        type: str | None,
        searchmode: int = 0,
    ) -> list[tuple[str, ObjectEntry]]:
        """All objects that a name may mean; Sphinx asks for them."""
        found = super().find_obj(env, modname, classname, name, type, searchmode)
        if not found:
            found = _one_or_none(super().find_obj(env, modname, classname, name, type, 1))
        package = (modname or "agcore").partition(".")[0]
        same = [match for match in found if match[0].partition(".")[0] == package]
        return same or found


def _one_or_none(found: list[tuple[str, ObjectEntry]]) -> list[tuple[str, ObjectEntry]]:
    """What is found under one name of its own; a method's name that many have is no link."""
    own = [match for match in found if not match[1].aliased]
    return own if len(own) == 1 else []


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_domain(NamesAsDocstringsHaveThem, override=True)
