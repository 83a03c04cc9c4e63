"""Changes values in a YAML text and nothing else: comments, order and layout stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import MissingExtraError
from agcore_contrib.otx.marked_yaml import parse_marked_yaml, with_numbers_without_dot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore_contrib.otx.marked_yaml import Place


def with_values(text: str, values: Mapping[Place, Any], source: str = "the YAML text") -> str:
    """The text with other values.

    Args:
        text: A YAML document.
        values: New values by the keys that lead to the old ones.
        source: Its file, for messages.

    Raises:
        SpecError: There is no entry at a place, or it spans several lines of a block.
        MissingExtraError: PyYAML is not installed.
    """
    document = parse_marked_yaml(text, source)
    spans = []
    for place, value in values.items():
        node = _node_at(text, place)
        if node is None:
            raise document.error(place[:-1], f"{_dotted(place)} is missing; add it")
        if node.id != "scalar" and not node.flow_style:
            raise document.error(place, f"{_dotted(place)} must be a value on one line; rewrite it")
        spans.append((node.start_mark.index, node.end_mark.index, yaml_value(value)))
    for start, end, new in sorted(spans, reverse=True):
        blank = "" if start < end or text[start - 1 : start] in ("", " ") else " "
        text = text[:start] + blank + new + text[end:]
    return text


def yaml_value(value: Any) -> str:
    """A value as YAML text on one line."""
    yaml = _yaml()
    shown = yaml.dump(
        value,
        Dumper=with_numbers_without_dot(yaml.SafeDumper),  # quotes words that look like one
        default_flow_style=True,
        width=float("inf"),
        allow_unicode=True,
        sort_keys=False,
    )
    text: str = shown.removesuffix("...\n").rstrip("\n")
    return text


def _node_at(text: str, place: Place) -> Any:
    """The node behind some keys, or None."""
    yaml = _yaml()
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in place:
        pairs = node.value if node is not None and node.id == "mapping" else ()
        node = next((value for name, value in pairs if name.value == key), None)
    return node


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("writing YAML files", "otx") from error
    return yaml
