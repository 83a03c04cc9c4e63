"""Grid search: every config of a finite space, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.records import Suggestion
from agcore.searcher.base import DEFAULT_SEED, BaseSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agcore.jobs import Config
    from agcore.records import SuggestRequest
    from agcore.space import SearchSpace


class GridSearcher(BaseSearcher):
    """Goes through every config of a finite space; the parameter declared first varies slowest.

    The grid is never built in memory: its n-th config is computed from n.

    Raises:
        SpecError: The space is not finite; the message names a parameter without an end.
    """

    is_replayed_by_exclusion = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        resource_attribute: str | None = None,
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = False,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
    ) -> None:
        super().__init__(
            configspace,
            reward_attribute,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )
        if candidates is None and configspace.size is None:
            endless = next(hp for hp in configspace.get_hyperparameters() if hp.space.size is None)
            raise SpecError(
                f"searcher='grid' needs a finite space, but {endless.name} is {endless.space!r}; "
                "pass step= to it, use Categorical, or another searcher"
            )
        self._size = len(self.candidates) if self.candidates else configspace.size or 0
        self._next = 0

    def __len__(self) -> int:
        return self._size

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """The next config of the grid, or None after the last."""
        while self._next < self._size:
            number = self._next
            self._next += 1
            listed = self.candidates
            config = listed[number] if listed else self.configspace.config_at(number)
            if self.may_propose(config):
                return Suggestion(config, "grid")
        return None
