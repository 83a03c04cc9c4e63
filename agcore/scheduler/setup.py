"""A run as its scheduler sets it up, for whoever drives it in the place of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.reporter import ReportRules
    from agcore.scheduler.parts import Parts
    from agcore.scheduler.settings import RunSettings
    from agcore.space import SearchSpace


@dataclass(frozen=True, slots=True)
class RunSetup:
    """All that a run is made of.

    Attributes:
        parts: The collaborators, fresh.
        settings: How reports are read.
        rules: What every report must hold.
        space: What is searched.
        described: The settings as `RunStarted` has them.
        description: What ``run.json`` says.
    """

    parts: Parts
    settings: RunSettings
    rules: ReportRules
    space: SearchSpace
    described: Mapping[str, Any]
    description: Mapping[str, Any]
