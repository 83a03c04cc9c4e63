"""``searcher='auto'``: which searcher suits a space, a budget and a scheduler, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agcore.space import SearchSpace

_FEW_TRIALS = 5
"""The Gaussian process proposes the first ones at random."""
_MOST_TRIALS = 2000
_MOST_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Pick:
    """A searcher that was picked.

    Attributes:
        name: As ``searcher=`` takes it.
        why: The rest of the sentence "bayesopt was picked, because ...".
    """

    name: str
    why: str


def pick(
    space: SearchSpace,
    *,
    num_trials: int | None = None,
    max_resource: int | None = None,
    num_brackets: int = 1,
    explores: bool = False,
) -> Pick:
    """The searcher that suits.

    Args:
        space: What is searched.
        num_trials: How many there will be; None if the number is open.
        max_resource: Largest resource of a scheduler with rungs; None under FIFO.
        num_brackets: Of which the scheduler draws by weights that a searcher may learn.
        explores: Whether the scheduler changes configs itself, as population-based training.
    """
    num_configs = space.size
    if explores:
        return Pick("sobol", "only the first configs are proposed, which it spreads evenly")
    if num_configs == 1:
        return Pick("random", "there is nothing to search")
    if num_trials is not None:
        if num_configs is not None and num_configs <= num_trials:
            return Pick("grid", f"num_trials={num_trials} is enough for all {num_configs} configs")
        if num_trials <= _FEW_TRIALS:
            return Pick(
                "sobol",
                f"num_trials={num_trials} is too few for a model, and it spreads them evenly",
            )
    many = "bohb" if max_resource is not None else "tpe"
    if num_trials is not None and num_trials > _MOST_TRIALS:
        return Pick(
            many, f"a Gaussian process would be slow with the results of {num_trials} trials"
        )
    num_columns = _num_columns(space)
    if num_columns > _MOST_COLUMNS:
        return Pick(many, f"{num_columns} columns are too many for a Gaussian process")
    if max_resource is not None and num_brackets > 1:
        return Pick("hypertune", f"it learns which of the {num_brackets} brackets is worth most")
    if max_resource is not None:
        return Pick("bayesopt", "a Gaussian process learns from all rungs together")
    return Pick("bayesopt", "a Gaussian process needs the fewest trials")


def _num_columns(space: SearchSpace) -> int:
    from agcore.encoding import Encoding

    return Encoding(space).num_columns
