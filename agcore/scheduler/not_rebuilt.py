"""Names of the ancestor that agcore leaves out on purpose."""

from __future__ import annotations

from typing import Any, NoReturn

from agcore.errors import SpecError


class RLScheduler:
    """Not rebuilt: its controller needed MXNet and half of its modes never worked."""

    def __init__(self, *_: Any, **__: Any) -> NoReturn:
        raise SpecError(
            "RLScheduler is not part of agcore; use HyperbandScheduler, which needs no "
            "controller network and handles categorical spaces too"
        )
