"""What a searcher has learnt about brackets goes to the policy that draws them.

Neither knows the other. It is handed over before each new trial's bracket is drawn, in a run and in
its replay, so a resumed run draws the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.policy import Policy
    from agcore.searcher import Searcher


def bracket_lessons(policy: Policy, searcher: Searcher) -> Callable[[], None]:
    """A function that tells the policy what the searcher has learnt since.

    A searcher that learns has ``bracket_weights(first_milestones)``, which gives a weight for each
    of the first brackets; a policy that draws has ``weigh_brackets(weights)`` and
    ``bracket_first_milestones``. Where either is missing, or there is one bracket, nothing is done.
    """
    learnt: Callable[[Sequence[int]], Sequence[float]] | None
    learnt = getattr(searcher, "bracket_weights", None)
    weigh: Callable[[Sequence[float]], None] | None = getattr(policy, "weigh_brackets", None)
    firsts = _first_milestones(policy)
    if learnt is None or weigh is None or len(firsts) < 2:
        return _nothing

    def tell() -> None:
        weigh(learnt(firsts))

    return tell


def num_weighed(policy: Policy) -> int:
    """Number of brackets that a policy draws by weights which a searcher may learn, at least 1."""
    return len(_first_milestones(policy)) if hasattr(policy, "weigh_brackets") else 1


def _first_milestones(policy: Policy) -> Sequence[int]:
    return getattr(policy, "bracket_first_milestones", ())


def _nothing() -> None:
    """What there is to tell where nobody learns, or nobody draws."""
