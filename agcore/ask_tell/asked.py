"""What ``ask`` gives away: a trial as a record that any process can hand back."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from agcore.errors import SpecError

if TYPE_CHECKING:
    from agcore.jobs import Config


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """A trial for the caller to run.

    Attributes:
        trial_id: Its number.
        config: What it evaluates.
        seed: For its random generators; the same in every attempt.
        attempt: 0 at first. It grows when the trial goes on after a pause, or is given out again.
        resume_from: Resource that it has reached in an earlier attempt, or that of ``parent``
            behind which it goes on; 0 if it starts anew.
        known: Reports up to this resource are recorded; they may come again and change nothing.
        milestone: Resource at which the next decision falls; None if none is foreseen.
        max_resource: Resource at which it has had all it can get; None without such a limit.
        parent: Trial whose state at ``resume_from`` it goes on with (population-based training).
    """

    trial_id: int
    config: Config
    seed: int
    attempt: int = 0
    resume_from: int = 0
    known: int = 0
    milestone: int | None = None
    max_resource: int | None = None
    parent: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON-serialisable values, to be written down or sent."""
        return asdict(self)


TrialReference = Union[AskedTrial, Mapping[str, Any], int]
"""Ways to say which trial is meant: what `ask` gave, its dict, or its number."""


class Reference(NamedTuple):
    """Which trial is meant.

    Attributes:
        trial_id: Its number.
        attempt: Which of its attempts; None for the present one.
    """

    trial_id: int
    attempt: int | None = None


def reference(trial: TrialReference) -> Reference:
    """Which trial a caller means.

    Raises:
        SpecError: It is neither a trial nor its dict or number.
    """
    if isinstance(trial, AskedTrial):
        return Reference(trial.trial_id, trial.attempt)
    if isinstance(trial, Mapping):
        trial_id, attempt = trial.get("trial_id"), trial.get("attempt")
        if type(trial_id) is int and (attempt is None or type(attempt) is int):
            return Reference(trial_id, attempt)
    elif hasattr(trial, "__index__") and not isinstance(trial, bool):
        return Reference(operator.index(trial))
    raise SpecError(
        f"{trial!r} is no trial; pass what ask() gave, its to_dict(), or its trial_id as an int"
    )
