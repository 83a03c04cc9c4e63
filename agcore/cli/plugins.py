"""Commands of other packages: entry points of the group ``agcore.commands``.

agcore's own commands come first, and a command that cannot be loaded breaks no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agcore.errors import SpecError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agcore.commands"


class ExtensibleGroup(click.Group):
    """A group that also has the commands which installed packages offer.

    They are looked for when a name is none of the group's own, or all are listed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *_entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, the group's own if there are two; None if there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        point = _entry_points().get(cmd_name)
        return None if point is None else _loaded(point)


def _entry_points() -> dict[str, EntryPoint]:
    """What is installed, by the name of the command; the first of several counts."""
    from importlib.metadata import entry_points  # takes its time

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point)
    return found


def _loaded(point: EntryPoint) -> click.Command:
    """The command behind an entry point, or one that says why there is none."""
    try:
        command = point.load()
    except Exception as error:  # noqa: BLE001  whatever an installed package raises
        return _broken(point, f"{type(error).__name__}: {error}")
    if not isinstance(command, click.Command):
        return _broken(point, f"{point.value} is no click command")
    return command


def _broken(point: EntryPoint, reason: str) -> click.Command:
    package = point.dist.name if point.dist is not None else point.value.partition(":")[0]
    line = reason.splitlines()[0]

    def fail(**_: Any) -> None:
        raise SpecError(
            f"the command {point.name!r} of {package} cannot be loaded: {line}; reinstall "
            f"{package}, or uninstall it"
        )

    return click.Command(
        point.name,
        callback=fail,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        short_help=f"(Cannot be loaded from {package}.)",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
