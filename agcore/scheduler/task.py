"""``ag.Task``: a function with its arguments and resources, to be run once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Task:
    """What `FIFOScheduler.run_job` runs.

    Attributes:
        fn: A train function.
        args: Its arguments; spaces in them take their default.
        resources: ``num_cpus`` and ``num_gpus`` it is to have.
    """

    fn: Any
    args: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
