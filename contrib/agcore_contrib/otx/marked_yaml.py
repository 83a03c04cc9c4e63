"""YAML files with the lines that their entries stand on.

Read with PyYAML's safe loader, so a file can hold plain values and nothing else. Two habits of
YAML 1.1 are put right: ``1e-4`` is a number although it has no dot, and a key that occurs twice
in a mapping is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import MissingExtraError, SpecError

if TYPE_CHECKING:
    import os

_NUMBER_WITHOUT_DOT = re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$")
_DEPTH = 5
"""Entries further inside are on the line of the entry around them."""

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MarkedDocument:
    """A YAML document.

    Attributes:
        source: Its file, for messages.
        value: What it holds.
        lines: Line of each entry, from 1, by the keys and indices that lead to it.
    """

    source: str
    value: Any
    lines: dict[Place, int] = field(default_factory=dict)

    def error(self, place: Place, message: str) -> SpecError:
        """An error about the entry at ``place``, which names file and line."""
        while place and place not in self.lines:
            place = place[:-1]
        return SpecError(f"{self.source}, line {self.lines.get(place, 1)}: {message}")


def read_marked_yaml(path: str | os.PathLike[str]) -> MarkedDocument:
    """The one document of a YAML file.

    Raises:
        SpecError: The file cannot be read, or is no YAML; a key occurs twice.
        MissingExtraError: PyYAML is not installed.
    """
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"{source} cannot be read: {reason}; pass the name of a file") from error
    return parse_marked_yaml(text, source)


def parse_marked_yaml(text: str, source: str = "the YAML text") -> MarkedDocument:
    """The one document in ``text``.

    Raises:
        SpecError: It is no YAML, holds several documents, or a key occurs twice.
        MissingExtraError: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("reading hpo_config.yaml", "otx") from error

    try:
        loader = with_numbers_without_dot(yaml.SafeLoader)(text)
        node = loader.get_single_node()
        if node is None:
            return MarkedDocument(source, None)
        lines: dict[Place, int] = {}
        _mark(node, (), lines, source)
        value = loader.construct_document(node)
    except SpecError:  # a ValueError too, and complete
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise SpecError(f"{source}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise SpecError(f"{source}: not YAML: {str(error).splitlines()[0]}") from error
    return MarkedDocument(source, value, lines)


def with_numbers_without_dot(resolver_class: Any) -> Any:
    """A loader or dumper of PyYAML for which ``1e-4`` is a number, too."""
    extended: Any = type(resolver_class.__name__, (resolver_class,), {})
    extended.add_implicit_resolver(
        "tag:yaml.org,2002:float", _NUMBER_WITHOUT_DOT, [*"-+0123456789"]
    )
    return extended


def _mark(node: Any, place: Place, lines: dict[Place, int], source: str) -> None:
    """Write down the lines of ``node`` and what is in it."""
    lines[place] = node.start_mark.line + 1
    if len(place) >= _DEPTH:
        return
    if node.id == "sequence":
        for index, item in enumerate(node.value):
            _mark(item, (*place, index), lines, source)
    elif node.id == "mapping":
        for key, item in node.value:
            inner = (*place, key.value)
            if inner in lines:
                raise SpecError(
                    f"{source}, line {key.start_mark.line + 1}: {key.value!r} occurs twice, first "
                    f"on line {lines[inner]}; drop one of them"
                )
            _mark(item, inner, lines, source)
            lines[inner] = key.start_mark.line + 1
